//! `GET /verify`: where the links in letters lead. Uses up the ticket, does what it proves, and sends the
//! browser on with the refresh token of a new session, or with an error.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use db::tokio_postgres::error::SqlState;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::error::AuthError;
use crate::auth::fields::RedirectTo;
use crate::auth::tickets::{Kind, Ticket};

/// Nhost Auth's `type` is taken and ignored, as it does: the ticket says what it is for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::auth) struct Verify {
    ticket: String,
    redirect_to: RedirectTo,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    query: Result<Query<Verify>, QueryRejection>,
) -> Result<Response, AuthError> {
    let Query(query) = query.map_err(|_| {
        AuthError::InvalidRequest("`ticket` and an absolute `redirectTo` are needed".to_owned())
    })?;
    let redirects = &auth.0.redirects;
    let destination = match redirects.choose(Some(&query.redirect_to)) {
        Ok(destination) => destination,
        Err(error) => return Ok(redirects.client().redirect_with(&error)),
    };
    let answer = match use_up(&auth, Ticket::from_text(query.ticket)).await {
        Ok((refresh_token, kind)) => {
            destination.redirect(&[("refreshToken", &refresh_token), ("type", &kind)])
        }
        Err(error) => {
            error.log();
            destination.redirect_with(&error)
        }
    };
    Ok(answer)
}

/// The refresh token of a new session, and what the ticket was for.
async fn use_up(auth: &Auth, ticket: Ticket) -> Result<(String, String), AuthError> {
    let kinds = Kind::OF_LINKS.map(Kind::name);
    let used = auth
        .0
        .pool
        .query_opt(include_str!("../sql/use_ticket.sql"), &[&ticket.stored(), &kinds.as_slice()])
        .await;
    let row = match used {
        Err(error) if error.sqlstate() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(AuthError::EmailAlreadyInUse);
        }
        used => used?.ok_or(AuthError::InvalidTicket)?,
    };
    auth.0.letters_wait.notify_one();
    let session = auth.begin_session(row.try_get::<_, Uuid>("id")?).await?;
    Ok((session.refresh_token().to_owned(), row.try_get("kind")?))
}
