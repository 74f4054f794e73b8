//! Running statements: parameters get their values, PostgreSQL answers, its JSON goes on unparsed.
//!
//! A query is one statement and one round trip; so is a mutation of one field whose answer needs no second
//! statement. Everything else is a transaction. Deadlocks and serialisation failures are tried again twice:
//! nothing of them stayed.

use std::borrow::Cow;

use base::project::GraphqlError;
use base::session::Session;
use bytes::Bytes;
use db::tokio_postgres::Row;
use db::{Pool, RawJson, Text, Transaction};

use crate::error::from_database;
use crate::expression::Value;
use crate::plan::misfit_error;
use crate::sql::{Statement, WriteField, WriteStatements};
use crate::value::{Source, Variables, text};

/// How often a request is tried when it met another one.
const TRIES: usize = 3;

/// The values that a statement's parameters take from one request.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) session: &'a Session,
    pub(crate) variables: &'a Variables<'a>,
    /// The transaction that woke a live query; 0 for everything else.
    pub(crate) woken_by: u64,
}

/// Runs a query and gives its `data`.
pub(crate) async fn read(
    pool: &Pool,
    statement: &Statement,
    values: Values<'_>,
) -> Result<Bytes, GraphqlError> {
    let parameters = bind(&statement.parameters, values, &[])?;
    let rows =
        pool.query_text(&statement.sql, &parameters).await.map_err(|error| failed(&error, "$", "$"))?;
    let row = rows.first().ok_or_else(unexpected)?;
    Ok(Bytes::copy_from_slice(json_of(row)?))
}

/// Runs a live query and gives its `data`, and whether the transaction that woke it was visible to it.
pub(crate) async fn read_live(
    pool: &Pool,
    statement: &Statement,
    values: Values<'_>,
) -> Result<(Bytes, bool), GraphqlError> {
    let parameters = bind(&statement.parameters, values, &[])?;
    let rows =
        pool.query_text(&statement.sql, &parameters).await.map_err(|error| failed(&error, "$", "$"))?;
    let row = rows.first().ok_or_else(unexpected)?;
    let visible = row.try_get(1).map_err(|_| unexpected())?;
    Ok((Bytes::copy_from_slice(json_of(row)?), visible))
}

/// Runs a mutation and gives its `data`. When it returns `Ok`, everything is committed.
pub(crate) async fn write(
    pool: &Pool,
    fields: &[WriteField],
    values: Values<'_>,
) -> Result<Bytes, GraphqlError> {
    for tried in 1.. {
        let result = match fields {
            [field] => match &field.run {
                WriteStatements::Alone(statement) => write_alone(pool, field, statement, values).await,
                _ => write_all(pool, fields, values).await,
            },
            _ => write_all(pool, fields, values).await,
        };
        match result {
            Err(WriteFailure::Repeatable(_)) if tried < TRIES => {
                metrics::counter!("graphql_mutations_repeated_total").increment(1);
            }
            Err(WriteFailure::Repeatable(error) | WriteFailure::Final(error)) => return Err(error),
            Ok(data) => return Ok(data),
        }
    }
    Err(unexpected())
}

enum WriteFailure {
    /// The database undid it for the sake of another transaction.
    Repeatable(GraphqlError),
    Final(GraphqlError),
}

impl From<GraphqlError> for WriteFailure {
    fn from(error: GraphqlError) -> Self {
        Self::Final(error)
    }
}

impl WriteFailure {
    fn new(error: &db::Error, field: &WriteField) -> Self {
        let shown = failed(error, &field.path, &field.write_path);
        if error.is_retryable() { Self::Repeatable(shown) } else { Self::Final(shown) }
    }
}

async fn write_alone(
    pool: &Pool,
    field: &WriteField,
    statement: &Statement,
    values: Values<'_>,
) -> Result<Bytes, WriteFailure> {
    let parameters = bind(&statement.parameters, values, &[])?;
    let rows = pool
        .query_text(&statement.sql, &parameters)
        .await
        .map_err(|error| WriteFailure::new(&error, field))?;
    let mut data = Answer::new();
    data.entry(field, rows.first().map(json_of).transpose()?);
    Ok(data.finish())
}

async fn write_all(pool: &Pool, fields: &[WriteField], values: Values<'_>) -> Result<Bytes, WriteFailure> {
    let begun = pool.begin().await;
    let mut transaction = begun.map_err(|error| WriteFailure::Final(failed(&error, "$", "$")))?;
    let mut data = Answer::new();
    for field in fields {
        write_field(&mut transaction, field, values, &mut data).await?;
    }
    let committed = transaction.commit().await;
    committed.map_err(|error| match fields.last() {
        Some(field) => WriteFailure::new(&error, field),
        None => WriteFailure::Final(failed(&error, "$", "$")),
    })?;
    Ok(data.finish())
}

async fn write_field(
    transaction: &mut Transaction,
    field: &WriteField,
    values: Values<'_>,
    data: &mut Answer,
) -> Result<(), WriteFailure> {
    let failure = |error: db::Error| WriteFailure::new(&error, field);
    match &field.run {
        WriteStatements::Fixed(word) => data.entry(field, Some(format!("\"{}\"", word.as_str()).as_bytes())),
        WriteStatements::Alone(statement) => {
            let parameters = bind(&statement.parameters, values, &[])?;
            let rows = transaction.query_text(&statement.sql, &parameters).await.map_err(failure)?;
            data.entry(field, rows.first().map(json_of).transpose()?);
        }
        WriteStatements::ThenRead(write, read) => {
            let parameters = bind(&write.parameters, values, &[])?;
            let rows = transaction.query_text(&write.sql, &parameters).await.map_err(failure)?;
            let Some(written) = rows.first() else {
                data.entry(field, None);
                return Ok(());
            };
            let key = key_of(written)?;
            let parameters = bind(&read.parameters, values, &key)?;
            let rows = transaction.query_text(&read.sql, &parameters).await.map_err(failure)?;
            data.entry(field, rows.first().map(json_of).transpose()?);
        }
    }
    Ok(())
}

/// A mutation's `data` in the making.
struct Answer(Vec<u8>);

impl Answer {
    fn new() -> Self {
        Self(vec![b'{'])
    }

    fn entry(&mut self, field: &WriteField, json: Option<&[u8]>) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(field.key.as_str().as_bytes());
        self.0.extend_from_slice(b"\":");
        self.0.extend_from_slice(json.unwrap_or(b"null"));
    }

    fn finish(mut self) -> Bytes {
        self.0.push(b'}');
        self.0.into()
    }
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

/// The key columns of a row that a first statement wrote: all but the first, which is its check.
fn key_of(row: &Row) -> Result<Vec<String>, GraphqlError> {
    (1..row.len()).map(|column| row.try_get(column).map_err(|_| unexpected())).collect()
}

/// Gives parameters their values, as text.
pub(crate) fn bind<'a>(
    parameters: &'a [Value],
    values: Values<'a>,
    written_key: &'a [String],
) -> Result<Vec<Text<'a>>, GraphqlError> {
    parameters
        .iter()
        .map(|parameter| Ok(Text(text_of(parameter, &parameter.source, values, written_key)?)))
        .collect()
}

fn text_of<'a>(
    parameter: &Value,
    source: &'a Source,
    values: Values<'a>,
    written_key: &'a [String],
) -> Result<Option<Cow<'a, str>>, GraphqlError> {
    Ok(match source {
        Source::Constant(constant) => constant.as_deref().map(Cow::Borrowed),
        Source::Session(name) => Some(Cow::Borrowed(session_variable(values.session, name)?)),
        Source::WholeSession => Some(Cow::Owned(session_json(values.session)?)),
        Source::WokenBy => Some(Cow::Owned(values.woken_by.to_string())),
        Source::WrittenKey(place) => written_key.get(*place).map(|text| Cow::Borrowed(text.as_str())),
        Source::Variable { path, at } => {
            let Some(json) = values.variables.get(path) else { return Ok(None) };
            match (json, parameter.list) {
                (serde_json::Value::Null, _) => None,
                (serde_json::Value::Array(items), true) => {
                    let items = items.iter().enumerate().map(|(index, item)| {
                        text::of_json(item, &parameter.ty)
                            .map_err(|misfit| misfit_error(misfit, &format!("{at}[{index}]")))
                    });
                    Some(Cow::Owned(text::array(&items.collect::<Result<Vec<_>, _>>()?)))
                }
                (single, true) => {
                    let item =
                        text::of_json(single, &parameter.ty).map_err(|misfit| misfit_error(misfit, at))?;
                    Some(Cow::Owned(text::array(&[item])))
                }
                (single, false) => text::of_json(single, &parameter.ty)
                    .map_err(|misfit| misfit_error(misfit, at))?
                    .map(Cow::Owned),
            }
        }
        Source::List(items) => {
            let items = items.iter().map(|item| {
                let element = Value { source: item.clone(), ty: parameter.ty.clone(), list: false };
                Ok(text_of(&element, item, values, written_key)?.map(Cow::into_owned))
            });
            Some(Cow::Owned(text::array(&items.collect::<Result<Vec<_>, GraphqlError>>()?)))
        }
        Source::Json(template) => Some(Cow::Owned(template.fill(values.variables).to_string())),
    })
}

fn session_variable<'a>(session: &'a Session, name: &str) -> Result<&'a str, GraphqlError> {
    session
        .variable(name)
        .ok_or_else(|| GraphqlError::new("not-found", "$", format!("missing session variables: {name:?}")))
}

fn session_json(session: &Session) -> Result<String, GraphqlError> {
    serde_json::to_string(session.variables()).map_err(|_| unexpected())
}

fn failed(error: &db::Error, path: &str, write_path: &str) -> GraphqlError {
    let shown = from_database(error, path, write_path);
    match shown.code {
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
