//! The API's JSON, shared by HTTP and WebSocket: a request's body, and the body of an answer or of errors.

use base::project::{GraphqlError, GraphqlRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A request as clients send it; other keys (`extensions`) are ignored.
#[derive(Deserialize)]
pub(crate) struct RequestBody {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

impl From<RequestBody> for GraphqlRequest {
    fn from(body: RequestBody) -> Self {
        Self {
            query: body.query.into(),
            variables: body.variables.unwrap_or_default(),
            // Some clients send an empty name for none.
            operation_name: body.operation_name.filter(|name| !name.is_empty()),
        }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
    extensions: Extensions<'a>,
}

#[derive(Serialize)]
struct Extensions<'a> {
    path: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal: Option<&'a Value>,
}

/// How much of an error is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// What a client may see.
    Public,
    /// What the database said, too.
    Internal,
}

/// The list of errors that stands under `errors`.
pub(crate) fn errors(error: &GraphqlError, shown: Shown) -> String {
    let internal = error.internal.as_deref().filter(|_| shown == Shown::Internal);
    let extensions = Extensions { path: &error.path, code: &error.code, internal };
    let body = ErrorBody { message: &error.message, extensions };
    serde_json::to_string(&[body]).unwrap_or_else(|_| "[]".to_owned())
}

/// `{"data":…}` or `{"errors":…}`.
pub(crate) fn answer(result: &Result<bytes::Bytes, GraphqlError>, shown: Shown) -> Vec<u8> {
    match result {
        Ok(data) => {
            let mut body = Vec::with_capacity(data.len() + 9);
            body.extend_from_slice(b"{\"data\":");
            body.extend_from_slice(data);
            body.push(b'}');
            body
        }
        Err(error) => format!("{{\"errors\":{}}}", errors(error, shown)).into_bytes(),
    }
}
