//! A transaction as an object of its own. What is dropped without a commit is rolled back, whatever state the
//! caller left it in, and its connection serves others only once that is done.

use std::time::Duration;

use deadpool::managed::Object;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::exclusive::Loan;
use super::values::{Text, as_parameters};
use super::{at_most_one, exactly_one};
use crate::error::Error;

/// How long a rollback in the background may take before the connection is closed instead.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// An open transaction (read committed). It begins with its first statement, in the same round trip.
pub struct Transaction {
    loan: Option<Loan>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has been sent.
    Fresh,
    /// Begun, and all statements have succeeded.
    Good,
    /// A statement failed or was abandoned: nothing but a rollback is left.
    Spoilt,
}

impl Transaction {
    pub(super) fn new(loan: Loan) -> Self {
        Self { loan: Some(loan), state: State::Fresh }
    }

    /// Runs one statement. Parameters travel as text, and PostgreSQL infers their types.
    pub async fn query_text(&mut self, sql: &str, params: &[Text<'_>]) -> Result<Vec<Row>, Error> {
        self.query(sql, &as_parameters(params)).await
    }

    /// Runs one statement with typed parameters.
    pub async fn query(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let (loan, began) = self.enter()?;
        let result = if began {
            loan.wire.query(sql, params).await
        } else {
            // Both are on their way before the first is answered.
            tokio::try_join!(biased; loan.wire.batch("begin"), loan.wire.query(sql, params))
                .map(|((), rows)| rows)
        };
        self.leave(result)
    }

    /// Like [`Transaction::query`], for a statement that gives one row or none.
    pub async fn query_opt(
        &mut self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        at_most_one(self.query(sql, params).await?)
    }

    /// Like [`Transaction::query`], for a statement that gives exactly one row.
    pub async fn query_one(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        exactly_one(self.query(sql, params).await?)
    }

    /// Runs one statement and gives the number of rows it touched.
    pub async fn execute(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let (loan, began) = self.enter()?;
        let result = if began {
            loan.wire.execute(sql, params).await
        } else {
            tokio::try_join!(biased; loan.wire.batch("begin"), loan.wire.execute(sql, params))
                .map(|((), count)| count)
        };
        self.leave(result)
    }

    /// Runs statements of the program's own that take no parameters, by the simple protocol.
    pub async fn batch(&mut self, sql: &'static str) -> Result<(), Error> {
        let (loan, began) = self.enter()?;
        let result = if began {
            loan.wire.batch(sql).await
        } else {
            tokio::try_join!(biased; loan.wire.batch("begin"), loan.wire.batch(sql)).map(|((), ())| ())
        };
        self.leave(result)
    }

    /// Makes it lasting. After `Ok`, the database has committed. [`Error::Commit`] when a statement had failed:
    /// PostgreSQL itself would roll such a transaction back and report success.
    pub async fn commit(mut self) -> Result<(), Error> {
        match self.state {
            State::Fresh => Ok(()),
            State::Spoilt => Err(Error::Commit),
            State::Good => self.end("commit").await,
        }
    }

    /// Undoes it, and waits for that. Dropping it does the same in the background.
    pub async fn rollback(mut self) -> Result<(), Error> {
        match self.state {
            State::Fresh => Ok(()),
            State::Good | State::Spoilt => self.end("rollback").await,
        }
    }

    async fn end(&mut self, sql: &str) -> Result<(), Error> {
        let (loan, _) = self.enter_any()?;
        loan.wire.batch(sql).await?;
        self.state = State::Fresh;
        Ok(())
    }

    /// Until the statement's success is known, the transaction counts as spoilt: the caller may be dropped
    /// at any moment. Says whether it had begun before.
    fn enter(&mut self) -> Result<(&Loan, bool), Error> {
        if self.state == State::Spoilt {
            return Err(Error::Commit);
        }
        self.enter_any()
    }

    fn enter_any(&mut self) -> Result<(&Loan, bool), Error> {
        let began = self.state != State::Fresh;
        self.state = State::Spoilt;
        self.loan.as_ref().map(|loan| (loan, began)).ok_or(Error::Commit)
    }

    fn leave<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_ok() {
            self.state = State::Good;
        }
        result
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(mut loan) = self.loan.take() else { return };
        if self.state == State::Fresh {
            loan.clean = true;
            return;
        }
        // Not given back before it is certain to be clean; closing it makes the server roll back.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(Object::take(loan));
            return;
        };
        runtime.spawn(async move {
            match timeout(ROLLBACK_TIMEOUT, loan.wire.batch("rollback")).await {
                Ok(Ok(())) => loan.clean = true,
                _ => drop(Object::take(loan)),
            }
        });
    }
}
