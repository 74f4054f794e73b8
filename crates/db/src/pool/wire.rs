//! One connection with its prepared statements: what lanes and exclusive connections have in common.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, SimpleQueryMessage};

use super::options::PoolOptions;
use super::statements::Statements;
use crate::error::Error;

/// A client and its statements. It is used up when the connection behind it ends.
pub(super) struct Wire {
    client: Client,
    statements: Statements,
    answer_timeout: Duration,
}

impl Wire {
    pub(super) fn new(client: Client, options: &PoolOptions) -> Self {
        Self {
            client,
            statements: Statements::new(options.statements),
            answer_timeout: options.answer_timeout(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Runs a statement and gives its rows. A statement that a schema change made stale is forgotten, and
    /// the failure told.
    pub(super) async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.bounded(sql, async {
            let statement = self.statements.get(&self.client, sql).await?;
            self.client.query(&statement, params).await.map_err(Error::Execute)
        })
        .await
    }

    /// Runs a statement and gives the number of rows it touched.
    pub(super) async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.bounded(sql, async {
            let statement = self.statements.get(&self.client, sql).await?;
            self.client.execute(&statement, params).await.map_err(Error::Execute)
        })
        .await
    }

    /// Runs statements without parameters by the simple protocol.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        let run = async { self.client.batch_execute(sql).await.map_err(Error::Execute) };
        timeout(self.answer_timeout, run).await.unwrap_or_else(|_| Err(self.late()))
    }

    /// Asks a question by the simple protocol; `true` where the first value of the answer is.
    pub(super) async fn ask(&self, sql: &str) -> Result<bool, Error> {
        let run = async { self.client.simple_query(sql).await.map_err(Error::Execute) };
        let answer = timeout(self.answer_timeout, run).await.unwrap_or_else(|_| Err(self.late()))?;
        Ok(answer
            .iter()
            .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
    }

    async fn bounded<T>(&self, sql: &str, run: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let result = timeout(self.answer_timeout, run).await.unwrap_or_else(|_| Err(self.late()));
        if result.as_ref().is_err_and(Error::is_stale_statement) {
            self.statements.forget(sql);
        }
        result
    }

    fn late(&self) -> Error {
        Error::ExecuteTimeout { after: self.answer_timeout }
    }
}
