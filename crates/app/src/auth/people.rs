//! What an administrator does with accounts from the command line: list, show, block, unblock, sign out, verify, delete.
//! Commits alone tell a running server: sockets of who was blocked or signed out close within seconds.

use db::Pool;
use db::tokio_postgres::Row;
use uuid::Uuid;

use super::error::AuthError;

/// The accounts of a database.
#[derive(Clone)]
pub struct People(Pool);

/// An account, as an administrator sees it. Times are UTC, to the minute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub struct Person {
    /// Its id.
    pub id: Uuid,
    /// Its address; none for who is anonymous.
    pub email: Option<String>,
    /// The person's name.
    pub display_name: String,
    /// When it was made.
    pub created_at: String,
    /// When a session of it was last begun or renewed.
    pub last_seen: Option<String>,
    /// Whether it is blocked.
    pub disabled: bool,
    /// Whether its address is verified.
    pub email_verified: bool,
    /// Whether nobody knows whose it is.
    pub is_anonymous: bool,
    /// Whether a second factor is asked for.
    pub has_second_factor: bool,
    /// The roles it may act in.
    pub roles: Vec<String>,
    /// How many sessions and personal access tokens it has.
    pub sessions: i64,
}

/// A session or a personal access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonsSession {
    /// Its id, which is also the refresh token's.
    pub id: Uuid,
    /// `regular` or `pat`.
    pub kind: String,
    /// When it was begun.
    pub created_at: String,
    /// When it ends unless it is renewed.
    pub expires_at: String,
    /// What is known of where it is used: a program's name for itself and a network.
    pub device: String,
}

/// What is done with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It may not come in any more, and its sessions end.
    Block,
    /// It may come in again.
    Unblock,
    /// Its sessions and personal access tokens end.
    SignOut,
    /// Its address counts as verified.
    Verify,
    /// It goes, and its address is told.
    Delete,
}

impl People {
    /// The accounts of the database behind `pool`.
    pub fn new(pool: Pool) -> Self {
        Self(pool)
    }

    /// Whether the database has tables for accounts: a server has started on it.
    pub async fn are_kept(&self) -> Result<bool, AuthError> {
        let sql = "select to_regclass('brain.email_factors') is not null";
        Ok(self.0.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Accounts, the newest first: those whose address or name contains `search`, at most `limit`.
    pub async fn list(
        &self,
        search: Option<&str>,
        blocked_only: bool,
        limit: i64,
    ) -> Result<Vec<Person>, AuthError> {
        let sql = include_str!("sql/list_people.sql");
        let rows = self.0.query(sql, &[&None::<String>, &search, &blocked_only, &limit]).await?;
        rows.iter().map(Person::from_row).collect()
    }

    /// The account with this id or address, if there is one.
    pub async fn find(&self, id_or_email: &str) -> Result<Option<Person>, AuthError> {
        let sql = include_str!("sql/list_people.sql");
        let row = self.0.query_opt(sql, &[&id_or_email, &None::<String>, &false, &1_i64]).await?;
        row.as_ref().map(Person::from_row).transpose()
    }

    /// The sessions of an account, the newest first.
    pub async fn sessions(&self, person: Uuid) -> Result<Vec<PersonsSession>, AuthError> {
        let rows = self.0.query(include_str!("sql/list_sessions.sql"), &[&person]).await?;
        rows.iter().map(PersonsSession::from_row).collect()
    }

    /// Does it. False where there is no such account any more.
    pub async fn do_to(&self, person: Uuid, deed: Deed) -> Result<bool, AuthError> {
        let sql = match deed {
            Deed::Block => {
                "with ended as (delete from auth.refresh_tokens where user_id = $1)
                update auth.users set disabled = true where id = $1"
            }
            Deed::Unblock => "update auth.users set disabled = false where id = $1",
            Deed::SignOut => {
                "with ended as (delete from auth.refresh_tokens where user_id = $1)
                update auth.users set last_seen = last_seen where id = $1"
            }
            Deed::Verify => "update auth.users set email_verified = true where id = $1 and email is not null",
            Deed::Delete => include_str!("sql/delete_person.sql"),
        };
        Ok(self.0.execute(sql, &[&person]).await? > 0)
    }
}

impl Person {
    fn from_row(row: &Row) -> Result<Self, AuthError> {
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            display_name: row.try_get("display_name")?,
            created_at: row.try_get("created_at")?,
            last_seen: row.try_get("last_seen")?,
            disabled: row.try_get("disabled")?,
            email_verified: row.try_get("email_verified")?,
            is_anonymous: row.try_get("is_anonymous")?,
            has_second_factor: row.try_get("has_second_factor")?,
            roles: row.try_get("roles")?,
            sessions: row.try_get("sessions")?,
        })
    }
}

impl PersonsSession {
    fn from_row(row: &Row) -> Result<Self, AuthError> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            device: row.try_get("device")?,
        })
    }
}
