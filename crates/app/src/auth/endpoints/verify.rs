//! `GET /verify`: where the links in letters lead. Uses up the ticket, does what it proves, and sends the
//! browser on with the refresh token of a new session, the ticket of a second factor, or an error.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use db::tokio_postgres::error::SqlState;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::RedirectTo;
use crate::auth::second_factor::Proof;
use crate::auth::sessions::SessionPayload;
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
    device: Device,
    query: Result<Query<Verify>, QueryRejection>,
) -> Result<Response, AuthError> {
    let Query(query) = query.map_err(|_| {
        AuthError::InvalidRequest("`ticket` and an absolute `redirectTo` are needed".to_owned())
    })?;
    let redirects = &auth.0.redirects;
    let destination = match redirects.choose(Some(&query.redirect_to)) {
        Ok(destination) => destination,
        Err(error) => return Ok(auth.lead_on_with(&error, &redirects.client())),
    };
    let answer = match use_up(&auth, Ticket::from_text(query.ticket), &device).await {
        Ok((payload, kind)) => match (&payload.session, &payload.mfa) {
            (Some(session), _) => {
                destination.redirect(&[("refreshToken", session.refresh_token()), ("type", &kind)])
            }
            (None, Some(challenge)) => {
                destination.redirect(&[("mfaTicket", &challenge.ticket), ("type", &kind)])
            }
            (None, None) => destination.redirect(&[("type", &kind)]),
        },
        Err(error) => auth.lead_on_with(&error, &destination),
    };
    Ok(answer)
}

/// A new session, or the ticket of the second factor, and what the link's ticket was for.
async fn use_up(auth: &Auth, ticket: Ticket, device: &Device) -> Result<(SessionPayload, String), AuthError> {
    let owner = auth.owner_of_ticket(&ticket, &Kind::OF_LINKS).await?;
    // Before the ticket is used up.
    let claims = auth.custom_claims(owner).await?;
    let kinds = Kind::OF_LINKS.map(Kind::name);
    let mut transaction = auth.lock_person(owner).await?;
    let used = transaction
        .query_opt(include_str!("../sql/use_ticket.sql"), &[&ticket.stored(), &kinds.as_slice()])
        .await;
    let row = match used {
        Err(error) if error.sqlstate() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(AuthError::EmailAlreadyInUse);
        }
        used => used?.ok_or(AuthError::InvalidTicket)?,
    };
    transaction.commit().await?;
    auth.0.letters_wait.notify_one();
    let id: Uuid = row.try_get("id")?;
    Ok((auth.after_first_factor(id, Proof::Mailbox(claims), device).await?, row.try_get("kind")?))
}
