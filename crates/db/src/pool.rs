//! The pool. Single statements run on *lanes*: few shared connections on which statements of many callers
//! are pipelined, each an implicit transaction of its own. Transactions and sessions take an *exclusive*
//! connection each.
//!
//! A statement whose connection breaks fails and is never repeated here: a write may have been committed.
//! Callers must poll their futures to the end: an answer that nobody takes holds up its lane.

mod exclusive;
mod lane;
mod lanes;
mod measure;
mod options;
mod statements;
mod transaction;
mod values;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub use exclusive::PoolClient;
pub use options::PoolOptions;
pub use transaction::Transaction;
pub use values::{RawJson, Text, WireValue};

use crate::connect::Address;
use crate::error::Error;
use exclusive::Exclusives;
use lanes::Lanes;
use values::as_parameters;

/// Connections to one database. Cloning is cheap; the connections close when the last clone is gone.
///
/// It measures through the `metrics` facade: `db_pool_lane_busy` and `db_pool_lane_connected` (gauges),
/// `db_pool_reconnects_total` (counter), `db_pool_wait_seconds` and `db_statement_seconds` (histograms, the
/// latter by `result`, `ok` or `error`). The recorder must be installed before.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    address: Address,
    lanes: Lanes,
    exclusives: Exclusives,
}

impl Pool {
    /// Opens the lanes, and waits until one is connected, at most `options.open_timeout`: a database that is
    /// just starting is waited for.
    pub async fn open(address: Address, options: PoolOptions) -> Result<Self, Error> {
        let options = Arc::new(options);
        measure::describe();
        let lanes = Lanes::open(&address, &options).await?;
        let exclusives = Exclusives::new(&address, &options);
        Ok(Self(Arc::new(Shared { address, lanes, exclusives })))
    }

    /// Opens another pool to the same database, whose statements may run for `limit`, with so many connections.
    pub async fn with_statement_timeout(
        &self,
        limit: Duration,
        lanes: usize,
        exclusive: usize,
    ) -> Result<Self, Error> {
        let options =
            PoolOptions { statement_timeout: limit, lanes, exclusive, ..self.0.exclusives.options().clone() };
        Self::open(self.0.address.clone(), options).await
    }

    /// How long a statement may run.
    pub fn statement_timeout(&self) -> Duration {
        self.0.exclusives.options().statement_timeout
    }

    /// The database that this pool goes to.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Runs one statement on a lane, as a transaction of its own. Parameters travel as text, and PostgreSQL
    /// infers their types from the statement.
    pub async fn query_text(&self, sql: &str, params: &[Text<'_>]) -> Result<Vec<Row>, Error> {
        self.0.lanes.query(sql, &as_parameters(params)).await
    }

    /// Runs one statement on a lane, as a transaction of its own, with typed parameters.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.0.lanes.query(sql, params).await
    }

    /// Like [`Pool::query`], for a statement that gives one row or none.
    pub async fn query_opt(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, Error> {
        at_most_one(self.query(sql, params).await?)
    }

    /// Like [`Pool::query`], for a statement that gives exactly one row.
    pub async fn query_one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        exactly_one(self.query(sql, params).await?)
    }

    /// Runs one statement on a lane, as a transaction of its own, and gives the number of rows it touched.
    pub async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.0.lanes.execute(sql, params).await
    }

    /// A transaction on a connection of its own. Dropped without [`Transaction::commit`], it is rolled back.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.0.exclusives.take().await.map(Transaction::new)
    }

    /// A connection of its own, for what needs a session or several statements at once. What is changed in
    /// the session (`set`, temporary tables, session locks) must be undone; an open transaction is noticed,
    /// and its connection closed instead of being used again. Only the server's time limit holds for it.
    pub async fn client(&self) -> Result<PoolClient, Error> {
        self.0.exclusives.take().await.map(PoolClient::new)
    }

    /// How many lanes are connected now.
    pub fn connected_lanes(&self) -> usize {
        self.0.lanes.connected()
    }

    /// Waits until at least one lane is connected, at most `limit`; says whether one is.
    pub async fn is_reachable(&self, limit: Duration) -> bool {
        self.0.lanes.wait_connected(limit).await.is_ok()
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pool").field("address", &self.0.address).finish_non_exhaustive()
    }
}

fn at_most_one(mut rows: Vec<Row>) -> Result<Option<Row>, Error> {
    if rows.len() > 1 {
        return Err(Error::CountRows { got: rows.len() });
    }
    Ok(rows.pop())
}

fn exactly_one(rows: Vec<Row>) -> Result<Row, Error> {
    at_most_one(rows)?.ok_or(Error::CountRows { got: 0 })
}
