//! What can fail between the program and its database, and what a caller may conclude from it.
//!
//! The text of an error never holds a password or the SQL of a statement; the server's own answer is
//! reachable through [`Error::server`], for those who decide what a client may see of it.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

/// A failure of this crate, named for the operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a database address cannot be read.
    #[error("not a usable database address: {0}")]
    ParseAddress(String),
    /// The authorities that a server's certificate is checked against cannot be read.
    #[error("cannot read the certificate authorities: {0}")]
    LoadAuthorities(String),
    /// No connection could be made. Nothing has been executed.
    #[error("cannot connect to the database at {to}")]
    Connect {
        /// Host and port, or the socket's folder.
        to: String,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// No connection could be made within the time allowed. Nothing has been executed.
    #[error("the database at {to} did not take a connection within {after:?}")]
    ConnectTimeout {
        /// Host and port, or the socket's folder.
        to: String,
        /// The time allowed.
        after: Duration,
    },
    /// No connection of the pool became free in time. Nothing has been executed.
    #[error("no database connection became free within {after:?}")]
    Wait {
        /// How long was waited.
        after: Duration,
    },
    /// A statement could not be prepared. Nothing has been executed.
    #[error("cannot prepare a statement")]
    Prepare(#[source] tokio_postgres::Error),
    /// A statement failed. When the connection was lost, it may have been executed nevertheless.
    #[error("a statement failed")]
    Execute(#[source] tokio_postgres::Error),
    /// A statement was not answered in time. It may have been executed nevertheless.
    #[error("the database did not answer a statement within {after:?}")]
    ExecuteTimeout {
        /// The time allowed.
        after: Duration,
    },
    /// A statement gave another number of rows than the caller requires.
    #[error("a statement gave {got} rows instead of one")]
    CountRows {
        /// How many came.
        got: usize,
    },
    /// The transaction is spoilt by an earlier failure and has been rolled back.
    #[error("the transaction had failed before and was rolled back")]
    Commit,
    /// Migrations cannot be read.
    #[error("cannot read the migrations: {0}")]
    ReadMigrations(String),
    /// The migrations at hand contradict what the database has.
    #[error("migration {migration} of {set} {reason}")]
    CheckMigration {
        /// The set the migration belongs to.
        set: String,
        /// The name of the migration's folder.
        migration: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A migration failed, and has been rolled back.
    #[error("migration {migration} of {set} failed: {reason}")]
    ApplyMigration {
        /// The set the migration belongs to.
        set: String,
        /// The name of the migration's folder.
        migration: String,
        /// The server's message.
        reason: String,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// There is no PostgreSQL on this machine that could be used.
    #[error("{0}")]
    FindPostgres(String),
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {reason}", folder.display())]
    UseFolder {
        /// The folder, or the one above it that is in the way.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// PostgreSQL could not be started.
    #[error("cannot start PostgreSQL: {0}")]
    StartPostgres(String),
    /// PostgreSQL could not be stopped.
    #[error("cannot stop PostgreSQL: {0}")]
    StopPostgres(String),
    /// PostgreSQL ended by itself so often that it is not started again.
    #[error("PostgreSQL does not stay up: {0}")]
    KeepPostgres(String),
}

impl Error {
    /// The server's own answer, where it gave one: SQLSTATE, message, detail, constraint, table, column.
    pub fn server(&self) -> Option<&DbError> {
        self.driver().and_then(tokio_postgres::Error::as_db_error)
    }

    /// The server's SQLSTATE, where it gave one.
    pub fn sqlstate(&self) -> Option<&SqlState> {
        self.server().map(DbError::code)
    }

    /// The whole chain of causes in one line, for an operator.
    pub fn in_one_line(&self) -> String {
        in_one_line(self)
    }

    /// Whether running the same transaction again may succeed, and nothing of this one has stayed:
    /// a deadlock, a serialisation failure, or a cached plan that a schema change made useless.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.sqlstate(),
            Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE)
        ) || self.is_stale_statement()
    }

    /// Whether the database could not be reached, or the connection broke. After [`Error::Execute`] and
    /// [`Error::ExecuteTimeout`] nobody knows whether the statement took effect.
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::ExecuteTimeout { .. } => true,
            Self::Prepare(source) | Self::Execute(source) => is_lost(source),
            _ => false,
        }
    }

    /// Whether there was no free connection: the load is too high, or the database is away.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Wait { .. }) || matches!(self.sqlstate(), Some(&SqlState::TOO_MANY_CONNECTIONS))
    }

    /// Whether the server refused a prepared statement because the schema has changed since (its result, or
    /// the type of a parameter, such as a table's row), or because it does not know it. It says so before it
    /// executes anything.
    pub(crate) fn is_stale_statement(&self) -> bool {
        self.server().is_some_and(|server| {
            let told_by = |routine| server.routine() == Some(routine);
            match *server.code() {
                SqlState::FEATURE_NOT_SUPPORTED => told_by("RevalidateCachedQuery"),
                SqlState::INTERNAL_ERROR => told_by("getTypeInputInfo"),
                SqlState::INVALID_SQL_STATEMENT_NAME => true,
                _ => false,
            }
        })
    }

    fn driver(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Self::Connect { source, .. }
            | Self::ApplyMigration { source, .. }
            | Self::Prepare(source)
            | Self::Execute(source) => Some(source),
            _ => None,
        }
    }
}

/// The chain of causes in one line, for messages that people read at start.
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        line.push_str(": ");
        line.push_str(&source.to_string());
        cause = source.source();
    }
    line.replace('\n', " ")
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    let Some(server) = error.as_db_error() else {
        // Not an answer of the server's: what is left are closed sockets, and values that do not encode.
        return error.is_closed()
            || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    };
    let code = server.code();
    code.code().starts_with("08")
        || matches!(*code, SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW)
}
