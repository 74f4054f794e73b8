//! What can go wrong in the engine, for operators; and how a database's error becomes one that a client may
//! see, with Hasura's codes and words.

use base::project::GraphqlError;
use db::tokio_postgres::error::{DbError, SqlState};
use serde_json::{Value as Json, json};

/// Why the engine cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database refused a statement of the engine's own.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The catalog query answered something unexpected.
    #[error("the database's catalog cannot be read: {0}")]
    CatalogAnswer(String),
    /// The change feed cannot be started.
    #[error(transparent)]
    Feed(#[from] changes::Error),
    /// The metadata is no good.
    #[error(transparent)]
    Metadata(#[from] crate::metadata::MetadataError),
    /// Too many different time limits.
    #[error("the metadata has more than {0} different time limits")]
    TimeLimits(usize),
    /// A change of the schema was not taken over in time.
    #[error("the schema was not read anew within {0} s")]
    ReloadTimeout(u64),
}

/// What [`crate::sql`] makes PostgreSQL fail with when a permission's check does not hold. It reaches a client
/// only in translation.
pub(crate) const CHECK_FAILED: &str = "permission check failed";

/// The client's error for a database's, met while the root field at `path` ran. `write_path` is where an insert's
/// object stands. What the database said goes along for those who may see it.
pub(crate) fn from_database(error: &db::Error, path: &str, write_path: &str) -> GraphqlError {
    let shown = shown(error, path, write_path);
    match error.server() {
        Some(server) => shown.with_internal(said(server)),
        None => shown,
    }
}

/// What the database said, in Hasura's words.
pub(crate) fn said(server: &DbError) -> Json {
    json!({"error": {
        "exec_status": "FatalError",
        "message": server.message(),
        "status_code": server.code().code(),
        "description": server.detail(),
        "hint": server.hint(),
    }})
}

fn shown(error: &db::Error, path: &str, write_path: &str) -> GraphqlError {
    let Some(server) = error.server() else {
        if error.is_connection_lost() || error.is_busy() {
            return GraphqlError::new("unavailable", "$", "the database does not answer, try again");
        }
        return GraphqlError::new("unexpected", path, "database query error");
    };
    let message = server.message();
    if message.contains(CHECK_FAILED) {
        let text = "check constraint of an insert/update permission has failed";
        return GraphqlError::new("permission-error", write_path, text);
    }
    translate(server, path, write_path)
}

fn translate(server: &DbError, path: &str, write_path: &str) -> GraphqlError {
    let message = server.message();
    let constraint =
        |what: &str| GraphqlError::new("constraint-violation", write_path, format!("{what}. {message}"));
    match server.code() {
        &SqlState::UNIQUE_VIOLATION => constraint("Uniqueness violation"),
        &SqlState::FOREIGN_KEY_VIOLATION => constraint("Foreign key violation"),
        &SqlState::NOT_NULL_VIOLATION => constraint("Not-NULL violation"),
        &SqlState::EXCLUSION_VIOLATION => constraint("Exclusion violation"),
        &SqlState::CHECK_VIOLATION => GraphqlError::new(
            "permission-error",
            write_path,
            format!("Check constraint violation. {message}"),
        ),
        &SqlState::QUERY_CANCELED => {
            GraphqlError::new("time-limit-exceeded", path, "the statement took too long")
        }
        // Raised by a rule of the project's own, with a sentence for people.
        &SqlState::RAISE_EXCEPTION => GraphqlError::new("data-exception", "$", message),
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => {
            GraphqlError::new("unavailable", "$", "the request met another one, try again")
        }
        code => match code.code().get(..2) {
            Some("22") => GraphqlError::new("data-exception", "$", message),
            // A rule of the project's own, with a sentence for people; its name is the code for programs.
            Some("23") => {
                let rule = server.constraint().unwrap_or("constraint-violation").to_owned();
                GraphqlError::new(rule, write_path, message)
            }
            Some("53" | "57" | "58" | "08") => {
                GraphqlError::new("unavailable", "$", "the database does not answer, try again")
            }
            _ => GraphqlError::new("unexpected", path, "database query error"),
        },
    }
}
