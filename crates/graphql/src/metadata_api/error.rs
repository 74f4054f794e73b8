//! Errors in the shape of Hasura's metadata API: `{"path":…,"error":…,"code":…}`, with a status that says whose
//! fault it is.

use axum::Json as JsonBody;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value as Json;

use crate::error::EngineError;
use crate::metadata::MetadataError;

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct ApiError(Box<Body>);

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Body {
    #[serde(skip)]
    status: StatusCode,
    path: String,
    error: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal: Option<Json>,
}

impl ApiError {
    /// A command that is wrong, in its arguments.
    pub(super) fn new(code: &'static str, error: impl Into<String>) -> Self {
        Self::at("$.args", code, error)
    }

    /// A command that is wrong at `path`.
    pub(super) fn at(path: &str, code: &'static str, error: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self(Box::new(Body { status, path: path.to_owned(), error: error.into(), code, internal: None }))
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The same with what an administrator may know besides.
    pub(super) fn with_internal(mut self, internal: Json) -> Self {
        self.0.internal = Some(internal);
        self
    }

    /// The same, met below `place` of a list of commands.
    pub(super) fn below(mut self, place: usize) -> Self {
        let rest = self.0.path.strip_prefix('$').unwrap_or(&self.0.path);
        self.0.path = format!("$.args[{place}]{rest}");
        self
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Metadata(error) => error.into(),
            EngineError::TimeLimits(_) => Self::new("invalid-configuration", error.to_string()),
            error => {
                tracing::error!(%error, "a command of the administrator's failed");
                Self::at("$", "unexpected", "the API cannot be made anew: the log says why")
                    .with_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl From<MetadataError> for ApiError {
    fn from(error: MetadataError) -> Self {
        Self::new("parse-failed", error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0.status, JsonBody(self)).into_response()
    }
}
