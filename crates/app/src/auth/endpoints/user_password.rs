//! `POST /user/password`: a new password, for who shows an access token or the ticket of a reset. It ends the
//! person's other sessions, unless the settings say otherwise.

use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::error::{AuthError, RefusedToken};
use crate::auth::fields::Password;
use crate::auth::request::{Bearer, JsonBody};
use crate::auth::tickets::{Kind, Ticket};
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct ChangePassword {
    new_password: Password,
    ticket: Option<String>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    bearer: Option<Bearer>,
    JsonBody(request): JsonBody<ChangePassword>,
) -> Result<Answered, AuthError> {
    auth.check_new_password(&request.new_password).await?;
    let password = request.new_password.into_secret();
    if let Some(Bearer(user, session)) = bearer {
        let row = auth.0.pool.query_opt(include_str!("../sql/find_user.sql"), &[&user.0]).await?;
        let row = row.ok_or(RefusedToken::UnknownUser)?;
        Standing::from_row(&row)?.check_known(&auth.0.options)?;
        let hash = auth.0.passwords.hash(password).await?;
        return store(&auth, Showed::User(user.0, session), &hash).await;
    }
    let ticket = request.ticket.map(Ticket::from_text).filter(|ticket| ticket.says(Kind::PasswordReset));
    let Some(ticket) = ticket else {
        let sentence = "an access token or the ticket of a password reset is needed";
        return Err(AuthError::InvalidRequest(sentence.to_owned()));
    };
    // A good ticket first: hashes are dear, and anybody can show a bad one.
    let sql = "select from brain.tickets where ticket_hash = $1 and expires_at > now()";
    auth.0.pool.query_opt(sql, &[&ticket.stored()]).await?.ok_or(AuthError::InvalidTicket)?;
    let hash = auth.0.passwords.hash(password).await?;
    store(&auth, Showed::Ticket(ticket), &hash).await
}

/// What entitles to the change.
enum Showed {
    User(Uuid, Option<Uuid>),
    Ticket(Ticket),
}

async fn store(auth: &Auth, showed: Showed, hash: &str) -> Result<Answered, AuthError> {
    let (user, session, ticket) = match showed {
        Showed::User(user, session) => (Some(user), session, None),
        Showed::Ticket(ticket) => (None, None, Some(ticket)),
    };
    let refused = if ticket.is_some() { AuthError::InvalidTicket } else { AuthError::DisabledUser };
    let row = auth
        .0
        .pool
        .query_opt(
            include_str!("../sql/change_password.sql"),
            &[
                &user,
                &ticket.map(|ticket| ticket.stored()),
                &hash,
                &auth.0.options.password_change_ends_sessions,
                &session,
            ],
        )
        .await?
        .ok_or(refused)?;
    tracing::info!(user.id = %row.try_get::<_, Uuid>("id")?, "a person changed their password");
    Ok(OK)
}
