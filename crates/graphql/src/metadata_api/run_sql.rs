//! `run_sql`: SQL of the administrator's, in a transaction and on a connection of its own, which is closed
//! afterwards: whatever the SQL has set for the session ends with it. Time and the answer's size are bounded.

use std::pin::pin;

use axum::http::StatusCode;
use db::Pool;
use db::tokio_postgres::{Error as DriverError, SimpleQueryMessage};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{ApiError, Command};
use crate::error::said;

/// The largest answer.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

#[derive(Deserialize)]
struct Arguments {
    sql: String,
    #[serde(default)]
    read_only: bool,
}

/// What the last statement gave.
#[derive(Default)]
struct Answer {
    /// The columns' names and the rows, where it gave rows.
    rows: Option<Vec<Vec<Json>>>,
    bytes: usize,
    /// Whether the statement that is being answered gives rows.
    gives_rows: bool,
}

/// Runs the SQL and gives the last statement's rows, as text.
pub(super) async fn run(pool: &Pool, command: &Command) -> Result<Json, ApiError> {
    let arguments: Arguments = command.parse()?;
    let client = pool.client().await.map_err(|error| unavailable(&error))?;
    let limit = pool.statement_timeout() + std::time::Duration::from_secs(5);
    let running = tokio::time::timeout(limit, run_in_transaction(&client, &arguments));
    let result = running.await.unwrap_or_else(|_| Err(ApiError::new("timeout", "the SQL took too long")));
    client.discard();
    metrics::counter!("graphql_sql_commands_total", "outcome" => if result.is_ok() { "ok" } else { "failed" })
        .increment(1);
    Ok(match result?.rows {
        Some(rows) => json!({"result_type": "TuplesOk", "result": rows}),
        None => json!({"result_type": "CommandOk", "result": null}),
    })
}

async fn run_in_transaction(
    client: &db::tokio_postgres::Client,
    arguments: &Arguments,
) -> Result<Answer, ApiError> {
    let failed = |error: DriverError| refused(&error, &arguments.sql);
    let begin = if arguments.read_only { "begin read only" } else { "begin" };
    client.batch_execute(begin).await.map_err(failed)?;
    let mut answer = Answer::default();
    let mut messages = pin!(client.simple_query_raw(&arguments.sql).await.map_err(failed)?);
    while let Some(message) = messages.try_next().await.map_err(failed)? {
        answer.take(message)?;
    }
    client.batch_execute("commit").await.map_err(failed)?;
    Ok(answer)
}

impl Answer {
    fn take(&mut self, message: SimpleQueryMessage) -> Result<(), ApiError> {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                let names = columns.iter().map(|column| Json::from(column.name())).collect();
                *self = Self { rows: Some(vec![names]), bytes: 0, gives_rows: true };
            }
            SimpleQueryMessage::Row(row) => {
                // A null shows as Hasura shows it.
                let values: Vec<Json> =
                    (0..row.len()).map(|at| Json::from(row.get(at).unwrap_or("NULL"))).collect();
                self.bytes +=
                    values.iter().filter_map(Json::as_str).map(|text| text.len() + 32).sum::<usize>();
                if self.bytes > MAX_ANSWER_BYTES {
                    let error = format!("the answer is larger than {MAX_ANSWER_BYTES} bytes");
                    return Err(ApiError::new("bad-request", error));
                }
                self.rows.get_or_insert_default().push(values);
            }
            SimpleQueryMessage::CommandComplete(_) => {
                // Rows of an earlier statement do not count.
                self.rows.take_if(|_| !self.gives_rows);
                self.gives_rows = false;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What PostgreSQL said, for the administrator.
fn refused(error: &DriverError, sql: &str) -> ApiError {
    let Some(server) = error.as_db_error() else {
        tracing::warn!(%error, "SQL of the administrator's lost its connection");
        return ApiError::at("$", "unexpected", "the database does not answer")
            .with_status(StatusCode::SERVICE_UNAVAILABLE);
    };
    let mut internal = json!({"statement": sql, "prepared": false, "arguments": []});
    internal["error"] = said(server)["error"].take();
    ApiError::new("postgres-error", "query execution failed").with_internal(internal)
}

fn unavailable(error: &db::Error) -> ApiError {
    tracing::warn!(%error, "no connection for SQL of the administrator's");
    ApiError::at("$", "unexpected", "the database does not answer")
        .with_status(StatusCode::SERVICE_UNAVAILABLE)
}
