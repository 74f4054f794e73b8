//! Inserting rows along with rows that belong to them: first those to which a row refers, then the row with what it
//! takes from them, then those that refer to it.

use base::project::GraphqlError;
use db::Transaction;
use futures::future::BoxFuture;

use super::write::{WriteFailure, query, written_row};
use super::{Earlier, Values, unexpected};
use crate::sql::{InsertStep, InsertSteps, WriteField};

/// What was inserted.
#[derive(Default)]
pub(super) struct Inserted {
    /// The rows of the table itself, as PostgreSQL's composite values.
    pub(super) rows: Vec<String>,
    /// How many rows, those inserted along included.
    pub(super) count: u64,
    /// What others take from the first row.
    taken: Vec<Option<String>>,
}

/// Runs the steps. `given` is what their rows take from the row that they belong to.
pub(super) fn insert_nested<'a>(
    transaction: &'a mut Transaction,
    field: &'a WriteField,
    steps: &'a InsertSteps,
    values: Values<'a>,
    given: &'a [Option<String>],
) -> BoxFuture<'a, Result<Inserted, WriteFailure>> {
    Box::pin(async move {
        let mut all = Inserted::default();
        for step in &steps.steps {
            insert_step(transaction, field, step, values, given, &mut all).await?;
        }
        Ok(all)
    })
}

async fn insert_step(
    transaction: &mut Transaction,
    field: &WriteField,
    step: &InsertStep,
    values: Values<'_>,
    given: &[Option<String>],
    all: &mut Inserted,
) -> Result<(), WriteFailure> {
    let mut given = given.to_vec();
    for before in &step.before {
        let inserted = insert_nested(transaction, field, before, values, &[]).await?;
        if inserted.rows.is_empty() {
            return Err(nothing_to_refer_to(before).into());
        }
        all.count += inserted.count;
        given.extend(inserted.taken);
    }
    let earlier = Earlier { given: &given, ..Earlier::default() };
    let rows = query(transaction, field, &step.statement, values, earlier).await?;
    all.count += rows.len() as u64;
    for row in &rows {
        all.rows.push(written_row(row)?);
    }
    let Some(first) = rows.first() else { return Ok(()) };
    let taken = (2..first.len()).map(|column| first.try_get(column).map_err(|_| unexpected()));
    let taken = taken.collect::<Result<Vec<Option<String>>, GraphqlError>>()?;
    for (after, places) in &step.after {
        let given: Vec<_> = places.iter().map(|place| taken.get(*place).cloned().flatten()).collect();
        all.count += insert_nested(transaction, field, after, values, &given).await?.count;
    }
    if all.taken.is_empty() {
        all.taken = taken;
    }
    Ok(())
}

fn nothing_to_refer_to(steps: &InsertSteps) -> GraphqlError {
    let message = format!(
        "cannot proceed to insert object relation since insert to table {:?} affects zero rows",
        steps.table
    );
    GraphqlError::new("constraint-violation", steps.at.as_str(), message)
}
