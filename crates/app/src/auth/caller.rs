//! What an access token entitles to. It outlives its session by minutes, and may go on reading as long, as everywhere;
//! what it does to the account ends with the session.
//!
//! Whatever ends sessions, or lets somebody in who has none (passwords, addresses, services, security keys, personal access
//! tokens), is done behind the lock of the person's row: what came before it is seen, and what comes after it sees this. The
//! rest looks just before it writes.

use db::Transaction;
use db::tokio_postgres::Row;
use uuid::Uuid;

use super::Auth;
use super::error::{AuthError, RefusedToken};
use super::request::Bearer;

const FIND_USER: &str = include_str!("sql/find_user.sql");

impl Auth {
    /// The person who asks (`find_user.sql`), if their session has not ended.
    pub(super) async fn caller(&self, Bearer(user, session): &Bearer) -> Result<Row, AuthError> {
        living(self.0.pool.query_opt(FIND_USER, &[&user.0, session]).await?)
    }

    /// A transaction in which nobody else changes this person.
    pub(super) async fn lock_person(&self, user: Uuid) -> Result<Transaction, AuthError> {
        let mut transaction = self.0.pool.begin().await?;
        // The next statement sees what was committed before the lock was had; this one need not.
        transaction.execute("select from auth.users where id = $1 for no key update", &[&user]).await?;
        Ok(transaction)
    }

    /// The same for the person who asks, if their session has not ended.
    pub(super) async fn lock_caller(&self, Bearer(user, session): &Bearer) -> Result<Transaction, AuthError> {
        let mut transaction = self.lock_person(user.0).await?;
        living(transaction.query_opt(FIND_USER, &[&user.0, session]).await?)?;
        Ok(transaction)
    }
}

fn living(row: Option<Row>) -> Result<Row, AuthError> {
    let row = row.ok_or(RefusedToken::UnknownUser)?;
    if row.try_get("session_lives")? { Ok(row) } else { Err(RefusedToken::EndedSession.into()) }
}
