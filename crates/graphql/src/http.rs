//! GraphQL over HTTP: `POST`, one request a body. As with Hasura every answer of the API has status 200, errors
//! too; what is wrong says `errors[0].extensions.code`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::authenticate::{Authenticator, RefusedCaller};
use base::clock::Clock;
use base::project::{GraphqlError, GraphqlRequest};
use base::revocation::Revocations;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::wire::{self, RequestBody};
use crate::ws;

/// The largest request.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// What the GraphQL routes work with.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) engine: Engine,
    pub(crate) authenticator: Authenticator,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    /// Who knows of sessions that end before their tokens.
    pub(crate) revocations: Option<Arc<dyn Revocations>>,
}

impl Endpoint {
    /// An endpoint for `engine` whose callers `authenticator` knows. Sockets close when `stop` is cancelled.
    pub fn new(engine: Engine, authenticator: Authenticator, clock: Clock, stop: CancellationToken) -> Self {
        Self { engine, authenticator, clock, stop, revocations: None }
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
    router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(endpoint)
}

async fn run(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let started = Instant::now();
    let result = match body {
        Ok(body) => execute(&endpoint, &headers, &body).await,
        Err(rejection) => Err(GraphqlError::new("bad-request", "$", rejection.body_text())),
    };
    let outcome = match &result {
        Ok(_) => "ok",
        Err(GraphqlError { code: Cow::Borrowed(code), .. }) => code,
        // The names of rules are the project's, and would make a series each.
        Err(_) => "rule",
    };
    metrics::counter!("graphql_requests_total", "outcome" => outcome).increment(1);
    metrics::histogram!("graphql_request_seconds").record(started.elapsed());
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    ([(header::CONTENT_TYPE, json)], wire::answer(&result)).into_response()
}

async fn execute(endpoint: &Endpoint, headers: &HeaderMap, body: &[u8]) -> Result<Bytes, GraphqlError> {
    let session = endpoint.authenticator.session(headers).map_err(|refused| refused_error(&refused))?;
    let body: RequestBody = serde_json::from_slice(body).map_err(|error| {
        let code = if error.is_data() { "parse-failed" } else { "invalid-json" };
        GraphqlError::new(code, "$", format!("Error in $: {error}"))
    })?;
    endpoint.engine.execute(&session, &GraphqlRequest::from(body)).await
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
