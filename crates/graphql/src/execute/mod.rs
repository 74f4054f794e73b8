//! Running statements: parameters get their values, PostgreSQL answers, its JSON goes on unparsed.
//!
//! A query is one statement and one round trip; so is a mutation of one field whose answer needs no second
//! statement. Everything else is a transaction. Deadlocks and serialisation failures are tried again twice:
//! nothing of them stayed.

mod bind;
mod insert;
mod shared;
mod write;

use base::project::GraphqlError;
use bytes::Bytes;
use db::tokio_postgres::Row;
use db::{Pool, RawJson, Text};

use crate::error::from_database;
use crate::rows::RowsAnswer;
use crate::sql::Statement;

pub(crate) use bind::{Earlier, Moment, Values, bind};
pub(crate) use shared::Sharing;
pub(crate) use write::write;

/// Runs a query and gives its `data`.
pub(crate) async fn read(
    pool: &Pool,
    statement: &Statement,
    values: Values<'_>,
) -> Result<Bytes, GraphqlError> {
    let parameters = bind(&statement.parameters, values, Earlier::default())?;
    let rows =
        pool.query_text(&statement.sql, &parameters).await.map_err(|error| failed(&error, "$", "$"))?;
    let row = rows.first().ok_or_else(unexpected)?;
    Ok(Bytes::copy_from_slice(json_of(row)?))
}

/// Runs a query that returns plain rows, and writes its `data`.
pub(crate) async fn read_rows(
    pool: &Pool,
    statement: &Statement,
    answer: &RowsAnswer,
    values: Values<'_>,
) -> Result<Bytes, GraphqlError> {
    let parameters = bind(&statement.parameters, values, Earlier::default())?;
    let rows =
        pool.query_text(&statement.sql, &parameters).await.map_err(|error| failed(&error, "$", "$"))?;
    answer.write(&rows).map(Bytes::from)
}

/// What a live query's statement answered.
#[derive(Clone)]
pub(crate) struct LiveAnswer {
    /// The `data`.
    pub(crate) data: Bytes,
    /// How many rows a stream's batch has; 0 for other queries.
    pub(crate) rows: u64,
    /// Where a stream stands after its batch.
    pub(crate) position: Vec<Option<String>>,
}

/// Runs a live query; `None` where the transactions that woke it were not all visible to it.
pub(crate) async fn read_live(
    pool: &Pool,
    statement: &Statement,
    parameters: &[Text<'_>],
) -> Result<Option<LiveAnswer>, GraphqlError> {
    let rows = pool.query_text(&statement.sql, parameters).await.map_err(|error| failed(&error, "$", "$"))?;
    let row = rows.first().ok_or_else(unexpected)?;
    if !row.try_get::<_, bool>(1).map_err(|_| unexpected())? {
        return Ok(None);
    }
    let data = Bytes::copy_from_slice(json_of(row)?);
    if row.len() == 2 {
        return Ok(Some(LiveAnswer { data, rows: 0, position: Vec::new() }));
    }
    let rows: i64 = row.try_get(2).map_err(|_| unexpected())?;
    let position = (3..row.len()).map(|column| row.try_get(column).map_err(|_| unexpected()));
    let position = position.collect::<Result<_, _>>()?;
    Ok(Some(LiveAnswer { data, rows: u64::try_from(rows).unwrap_or(0), position }))
}

fn json_of(row: &Row) -> Result<&[u8], GraphqlError> {
    match row.try_get::<_, Option<RawJson<'_>>>(0) {
        Ok(json) => Ok(json.map_or(b"null".as_slice(), |json| json.0)),
        Err(error) => {
            tracing::error!(%error, "the database answered with another type than asked for");
            Err(unexpected())
        }
    }
}

fn failed(error: &db::Error, path: &str, write_path: &str) -> GraphqlError {
    let shown = from_database(error, path, write_path);
    match &*shown.code {
        // Whose fault it is decides how loud it is.
        "unexpected" => tracing::error!(graphql.path = path, %error, "a statement failed"),
        "unavailable" => tracing::warn!(graphql.path = path, %error, "the database does not answer"),
        _ => tracing::debug!(graphql.path = path, %error, "a statement was refused"),
    }
    shown
}

fn unexpected() -> GraphqlError {
    GraphqlError::new("unexpected", "$", "internal error")
}
