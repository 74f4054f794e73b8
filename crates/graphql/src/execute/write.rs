//! Mutations: one statement where that is enough, a transaction where not, and again where another request was in the
//! way.

use base::project::GraphqlError;
use bytes::Bytes;
use db::tokio_postgres::Row;
use db::{Pool, Transaction};
use futures::future::BoxFuture;

use super::insert::insert_nested;
use super::shared::{Entry, Sharing};
use super::{Earlier, Values, bind, failed, json_of, unexpected};
use crate::sql::{Statement, WriteField, WriteStatements};

/// How often a request is tried when it met another one.
const TRIES: usize = 3;

/// Runs a mutation and gives its `data`, together with others where its plan can be shared. When it returns `Ok`,
/// everything is committed.
pub(crate) async fn write(
    pool: &Pool,
    fields: &[WriteField],
    sharing: Option<&Sharing>,
    values: Values<'_>,
) -> Result<Bytes, GraphqlError> {
    let _turn = match sharing {
        Some(sharing) => match sharing.enter(pool, values).await? {
            Entry::Shared(data) => return Ok(data),
            Entry::Alone(turn) => turn,
        },
        None => None,
    };
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

pub(super) enum WriteFailure {
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
    pub(super) fn new(error: &db::Error, path: &str, write_path: &str) -> Self {
        let shown = failed(error, path, write_path);
        if error.is_retryable() { Self::Repeatable(shown) } else { Self::Final(shown) }
    }
}

async fn write_alone(
    pool: &Pool,
    field: &WriteField,
    statement: &Statement,
    values: Values<'_>,
) -> Result<Bytes, WriteFailure> {
    let parameters = bind(&statement.parameters, values, Earlier::default())?;
    let rows = pool
        .query_text(&statement.sql, &parameters)
        .await
        .map_err(|error| WriteFailure::new(&error, &field.path, &field.write_path))?;
    let mut data = Answer::new();
    data.entry(field, rows.first().map(json_of).transpose()?);
    Ok(data.finish())
}

async fn write_all(pool: &Pool, fields: &[WriteField], values: Values<'_>) -> Result<Bytes, WriteFailure> {
    let begun = pool.begin().await;
    let mut transaction = begun.map_err(|error| WriteFailure::Final(failed(&error, "$", "$")))?;
    let mut data = Answer::new();
    for field in fields {
        let json = write_field(&mut transaction, field, &field.run, values).await?;
        data.entry(field, json.as_deref());
    }
    let committed = transaction.commit().await;
    committed.map_err(|error| match fields.last() {
        Some(field) => WriteFailure::new(&error, &field.path, &field.write_path),
        None => WriteFailure::Final(failed(&error, "$", "$")),
    })?;
    Ok(data.finish())
}

/// Runs one root field, or one of its writes, and gives the JSON of its answer; `None` is null.
fn write_field<'a>(
    transaction: &'a mut Transaction,
    field: &'a WriteField,
    run: &'a WriteStatements,
    values: Values<'a>,
) -> BoxFuture<'a, Result<Option<Vec<u8>>, WriteFailure>> {
    Box::pin(async move {
        match run {
            WriteStatements::Fixed(word) => Ok(Some(format!("\"{}\"", word.as_str()).into_bytes())),
            WriteStatements::Alone(statement) => {
                answer(transaction, field, statement, values, Earlier::default()).await
            }
            WriteStatements::ThenRead(write, read) => {
                let rows = query(transaction, field, write, values, Earlier::default()).await?;
                let rows = rows.iter().map(written_row).collect::<Result<Vec<_>, _>>()?;
                let earlier = Earlier { rows: &rows, count: rows.len() as u64, given: &[] };
                answer(transaction, field, read, values, earlier).await
            }
            WriteStatements::Nested(steps, read) => {
                let written = insert_nested(transaction, field, steps, values, &[]).await?;
                let earlier = Earlier { rows: &written.rows, count: written.count, given: &[] };
                answer(transaction, field, read, values, earlier).await
            }
            WriteStatements::Each(writes) => {
                let mut list = vec![b'['];
                for write in writes {
                    if list.len() > 1 {
                        list.push(b',');
                    }
                    let json = write_field(transaction, field, write, values).await?;
                    list.extend_from_slice(json.as_deref().unwrap_or(b"null"));
                }
                list.push(b']');
                Ok(Some(list))
            }
        }
    })
}

/// Runs a statement of a mutation.
pub(super) async fn query(
    transaction: &mut Transaction,
    field: &WriteField,
    statement: &Statement,
    values: Values<'_>,
    earlier: Earlier<'_>,
) -> Result<Vec<Row>, WriteFailure> {
    let parameters = bind(&statement.parameters, values, earlier)?;
    let rows = transaction.query_text(&statement.sql, &parameters).await;
    rows.map_err(|error| WriteFailure::new(&error, &field.path, &field.write_path))
}

async fn answer(
    transaction: &mut Transaction,
    field: &WriteField,
    statement: &Statement,
    values: Values<'_>,
    earlier: Earlier<'_>,
) -> Result<Option<Vec<u8>>, WriteFailure> {
    let rows = query(transaction, field, statement, values, earlier).await?;
    Ok(rows.first().map(json_of).transpose()?.map(<[u8]>::to_vec))
}

/// The row that a statement has written: its second column, after the check.
pub(super) fn written_row(row: &Row) -> Result<String, GraphqlError> {
    row.try_get(1).map_err(|_| unexpected())
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
