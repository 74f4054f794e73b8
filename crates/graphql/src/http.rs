//! GraphQL over HTTP: `POST`, one request a body or a list of them. As with Hasura every answer of the API has
//! status 200, errors too; what is wrong says `errors[0].extensions.code`.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::authenticate::{Authenticator, RefusedCaller};
use base::clock::Clock;
use base::project::{GraphqlError, GraphqlRequest};
use base::revocation::Revocations;
use base::session::Session;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::endpoint::EndpointOptions;
use crate::engine::{Caller, Engine};
use crate::sockets::Sockets;
use crate::wire::{self, RequestBody, Shown};
use crate::ws;

/// What the GraphQL routes work with.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) engine: Engine,
    pub(crate) authenticator: Authenticator,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    pub(crate) options: EndpointOptions,
    pub(crate) sockets: Sockets,
    /// Who knows of sessions that end before their tokens.
    pub(crate) revocations: Option<Arc<dyn Revocations>>,
}

impl Endpoint {
    /// An endpoint for `engine` whose callers `authenticator` knows. Sockets close when `stop` is cancelled.
    pub fn new(engine: Engine, authenticator: Authenticator, clock: Clock, stop: CancellationToken) -> Self {
        let options = EndpointOptions::default();
        let sockets = Sockets::new(options.sockets, options.sockets_per_user);
        Self { engine, authenticator, clock, stop, options, sockets, revocations: None }
    }

    /// The same endpoint with other bounds.
    #[must_use]
    pub fn with(mut self, options: EndpointOptions) -> Self {
        self.sockets = Sockets::new(options.sockets, options.sockets_per_user);
        self.options = options;
        self
    }

    /// How much of an error the caller may see.
    pub(crate) fn shown(&self, session: Option<&Session>) -> Shown {
        if self.options.internal_errors && session.is_some_and(Session::is_admin) {
            Shown::Internal
        } else {
            Shown::Public
        }
    }

    /// Counts requests against the caller's rate, and refuses those over it.
    pub(crate) fn count(
        &self,
        session: &Session,
        peer: Option<SocketAddr>,
        requests: usize,
    ) -> Result<(), GraphqlError> {
        let Some(rule) = self.engine.access(|access| access.rate(session.role())) else { return Ok(()) };
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        let address = peer.map(|peer| peer.ip());
        self.engine.rates().count(&rule, session, address, requests, self.clock.unix_seconds())
    }

    /// The same, with sockets that close when their session is revoked.
    #[must_use]
    pub fn with_revocations(mut self, revocations: Arc<dyn Revocations>) -> Self {
        self.revocations = Some(revocations);
        self
    }
}

/// The routes: `POST` and WebSocket on each of `paths`.
pub fn router(endpoint: Endpoint, paths: &[&str]) -> Router {
    let mut router = Router::new();
    for path in paths {
        router = router.route(path, post(run).get(ws::upgrade));
    }
    router.layer(DefaultBodyLimit::max(endpoint.options.body_bytes)).with_state(Arc::new(endpoint))
}

async fn run(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let started = Instant::now();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let answer = answer(&endpoint, &headers, &extensions, body).await;
    metrics::histogram!("graphql_request_seconds").record(started.elapsed());
    ([(header::CONTENT_TYPE, json)], answer).into_response()
}

/// The body of the answer to a body.
async fn answer(
    endpoint: &Endpoint,
    headers: &HeaderMap,
    extensions: &Extensions,
    body: Result<Bytes, BytesRejection>,
) -> Vec<u8> {
    let session = match endpoint.authenticator.session(headers) {
        Ok(session) => session,
        Err(refused) => return told(&Err(refused_error(&refused)), Shown::Public),
    };
    let shown = endpoint.shown(Some(&session));
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            return told(&Err(GraphqlError::new("bad-request", "$", rejection.body_text())), shown);
        }
    };
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        let result = match endpoint.count(&session, peer, 1) {
            Ok(()) => execute(endpoint, &session, &body).await,
            Err(refused) => Err(refused),
        };
        return told(&result, shown);
    }
    match batch(endpoint, &session, peer, &body) {
        Ok(requests) => execute_batch(endpoint, &session, &requests, shown).await,
        Err(error) => told(&Err(error), shown),
    }
}

/// The requests of a batch, as they are written.
fn batch<'a>(
    endpoint: &Endpoint,
    session: &Session,
    peer: Option<SocketAddr>,
    body: &'a [u8],
) -> Result<Vec<&'a RawValue>, GraphqlError> {
    let requests: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| misread(&error))?;
    let limit = endpoint.engine.access(|access| access.batch(session.role()));
    let limit = limit.unwrap_or(endpoint.options.batch).min(endpoint.options.batch);
    if requests.len() > limit {
        let message = format!("the batch has {} requests, and may have {limit}", requests.len());
        return Err(GraphqlError::new("batch-limit-exceeded", "$", message));
    }
    endpoint.count(session, peer, requests.len())?;
    metrics::counter!("graphql_batches_total").increment(1);
    Ok(requests)
}

/// Runs the requests of a batch one after the other; each has an answer of its own.
async fn execute_batch(
    endpoint: &Endpoint,
    session: &Session,
    requests: &[&RawValue],
    shown: Shown,
) -> Vec<u8> {
    let mut answers = vec![b'['];
    for request in requests {
        if answers.len() > 1 {
            answers.push(b',');
        }
        let result = execute(endpoint, session, request.get().as_bytes()).await;
        answers.append(&mut told(&result, shown));
        if answers.len() > endpoint.options.answer_bytes {
            let message = "the answers of the batch are too large together";
            return told(&Err(GraphqlError::new("batch-limit-exceeded", "$", message)), shown);
        }
    }
    answers.push(b']');
    answers
}

async fn execute(endpoint: &Endpoint, session: &Session, request: &[u8]) -> Result<Bytes, GraphqlError> {
    let mut input = serde_json::Deserializer::from_slice(request);
    let body = RequestBody::deserialize(&mut input).and_then(|body| input.end().map(|()| body));
    let request = GraphqlRequest::from(body.map_err(|error| misread(&error))?);
    endpoint.engine.execute_for(Caller::Client, session, &request).await
}

fn misread(error: &serde_json::Error) -> GraphqlError {
    let code = if error.is_data() { "parse-failed" } else { "invalid-json" };
    GraphqlError::new(code, "$", format!("Error in $: {error}"))
}

/// An answer's bytes; counts it.
fn told(result: &Result<Bytes, GraphqlError>, shown: Shown) -> Vec<u8> {
    let outcome = match result {
        Ok(_) => "ok",
        Err(GraphqlError { code: Cow::Borrowed(code), .. }) => code,
        // The names of rules are the project's, and would make a series each.
        Err(_) => "rule",
    };
    metrics::counter!("graphql_requests_total", "outcome" => outcome).increment(1);
    wire::answer(result, shown)
}

/// Hasura's error for a caller who is refused.
pub(crate) fn refused_error(refused: &RefusedCaller) -> GraphqlError {
    let code = match refused {
        RefusedCaller::AdminSecret | RefusedCaller::Role => "access-denied",
        RefusedCaller::Token(_) => "invalid-jwt",
        RefusedCaller::BackendOnly => "bad-request",
        RefusedCaller::Malformed | RefusedCaller::Missing | RefusedCaller::TooManyVariables => {
            "invalid-headers"
        }
    };
    GraphqlError::new(code, "$", refused.to_string())
}
