//! [`Project`]: the one interface through which features read and write the project's data.
//!
//! Alone, behind it stands the engine of this process; on Nhost, the project's own GraphQL. A feature
//! cannot tell which, and must not try.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::ProblemCode;
use crate::session::Session;

/// The project's data. One document is one transaction.
pub trait Project: Send + Sync + 'static {
    /// Runs a query or a mutation as `session` and gives the bytes of the answer's `data` object.
    ///
    /// When it returns `Ok`, a mutation has been committed.
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>>;

    /// Watches a query as `session`: its `data` now, and again whenever a commit changed it.
    ///
    /// The stream carries states, not changes: what happened between two of them shows in the later one.
    /// It ends after an error.
    fn watch(
        &self,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>>;
}

/// A GraphQL document with its variables, as one request carries them.
#[derive(Clone, Debug, Default)]
pub struct GraphqlRequest {
    /// The document's text.
    pub query: Arc<str>,
    /// The values of its variables.
    pub variables: Map<String, Value>,
    /// Which operation to run, where the document has several.
    pub operation_name: Option<String>,
}

impl GraphqlRequest {
    /// A request of `query` with `variables`, which must serialise to a JSON object (or null, for none).
    pub fn new(query: &str, variables: impl Serialize) -> Self {
        let variables = match serde_json::to_value(variables) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        Self { query: query.into(), variables, operation_name: None }
    }
}

/// An error of the GraphQL API, in Hasura's terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message} (at {path})")]
pub struct GraphqlError {
    /// Hasura's code, such as `validation-failed` or `permission-error`, or the code of a rule of the project's own.
    pub code: Cow<'static, str>,
    /// What is wrong, for the client's developer.
    pub message: String,
    /// Where in the request, such as `$.selectionSet.chats.args.where`.
    pub path: String,
    /// What the database said of it: for the administrator alone, and only where the server is set to show it.
    pub internal: Option<Arc<Value>>,
}

impl GraphqlError {
    /// An error with Hasura's `code` at `path`.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), path: path.into(), internal: None }
    }

    /// The same error with what the database said of it.
    #[must_use]
    pub fn with_internal(mut self, internal: Value) -> Self {
        self.internal = Some(Arc::new(internal));
        self
    }

    /// The kind of problem that this is for a feature that asked.
    pub fn problem_code(&self) -> ProblemCode {
        match &*self.code {
            "permission-error" | "access-denied" => ProblemCode::Forbidden,
            "constraint-violation" => ProblemCode::Conflict,
            "not-found" => ProblemCode::NotFound,
            "unavailable" => ProblemCode::Unavailable,
            "unexpected" | "postgres-error" => ProblemCode::Internal,
            _ => ProblemCode::Invalid,
        }
    }
}

/// Runs `request` and reads the answer's `data` as a `T`.
pub async fn fetch<T: DeserializeOwned>(
    project: &dyn Project,
    session: &Session,
    request: GraphqlRequest,
) -> Result<T, GraphqlError> {
    let data = project.execute(session, request).await?;
    serde_json::from_slice(&data)
        .map_err(|error| GraphqlError::new("unexpected", "$", format!("unexpected answer: {error}")))
}
