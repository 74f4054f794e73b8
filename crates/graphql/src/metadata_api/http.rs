//! The routes of the administrator's API. Everybody else gets `access-denied`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value as Json;
use tokio::sync::oneshot;

use super::{ApiError, Command};
use crate::engine::Order;
use crate::http::{Endpoint, refused_error};

/// The largest command: metadata of a large project, or a migration.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Which commands there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Those that look, and `reload_metadata`.
    Look,
    /// Those that change the metadata and run SQL, too.
    Change,
}

/// The routes: `/v1/metadata`, and for SQL `/v2/query` and the older `/v1/query`.
pub fn router(endpoint: Endpoint, mode: Mode) -> Router {
    let run = async move |State(endpoint): State<Endpoint>,
                          headers: HeaderMap,
                          body: Result<Bytes, BytesRejection>| {
        answer(execute(&endpoint, mode, &headers, body).await)
    };
    Router::new()
        .route("/v1/metadata", post(run))
        .route("/v2/query", post(run))
        .route("/v1/query", post(run))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(endpoint)
}

fn answer(result: Result<Json, ApiError>) -> Response {
    match result {
        Ok(json) => axum::Json(json).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn execute(
    endpoint: &Endpoint,
    mode: Mode,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json, ApiError> {
    let session = endpoint.authenticator.session(headers).map_err(|refused| {
        let status = StatusCode::UNAUTHORIZED;
        let error = refused_error(&refused);
        ApiError::at("$", "access-denied", error.message).with_status(status)
    })?;
    if !session.is_admin() {
        return Err(ApiError::at("$", "access-denied", "restricted access : admin only"));
    }
    let body = body.map_err(|rejection| {
        ApiError::at("$", "bad-request", rejection.body_text()).with_status(rejection.status())
    })?;
    let command: Command = serde_json::from_slice(&body)
        .map_err(|error| ApiError::at("$", "parse-failed", format!("Error in $: {error}")))?;
    if mode == Mode::Look && !looks(&command) {
        let error = "the metadata is fixed: commands that change it or run SQL are switched off";
        return Err(ApiError::at("$", "not-supported", error));
    }
    order(endpoint, command).await
}

/// Whether a command changes nothing.
fn looks(command: &Command) -> bool {
    match command.name() {
        "export_metadata" | "get_inconsistent_metadata" | "reload_metadata" => true,
        "bulk" | "bulk_keep_going" | "bulk_atomic" => {
            command.parse::<Vec<Command>>().is_ok_and(|commands| commands.iter().all(looks))
        }
        _ => false,
    }
}

async fn order(endpoint: &Endpoint, command: Command) -> Result<Json, ApiError> {
    let (answer, answered) = oneshot::channel();
    let busy =
        |error: &str| ApiError::at("$", "unexpected", error).with_status(StatusCode::SERVICE_UNAVAILABLE);
    let sent = endpoint.engine.orders().try_send(Order { command, answer });
    sent.map_err(|_| busy("too many commands are waiting"))?;
    answered.await.map_err(|_| busy("the server stops"))?
}
