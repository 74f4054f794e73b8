//! `POST /user/password`: a new password, for who shows an access token or the ticket of a reset. It ends the
//! person's other sessions, unless the settings say otherwise.

use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::error::AuthError;
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
    let ticket = request.ticket.map(Ticket::from_text).filter(|ticket| ticket.says(Kind::PasswordReset));
    let showed = match (bearer, ticket) {
        (Some(bearer), ticket) => match (auth.caller(&bearer).await, ticket) {
            // Programs send along whatever access token they have left.
            (Err(AuthError::Unauthenticated(_)), Some(ticket)) => Showed::Ticket(ticket),
            (row, _) => {
                Standing::from_row(&row?)?.check_known(&auth.0.options)?;
                Showed::Session(bearer)
            }
        },
        (None, Some(ticket)) => Showed::Ticket(ticket),
        (None, None) => {
            let sentence = "an access token or the ticket of a password reset is needed";
            return Err(AuthError::InvalidRequest(sentence.to_owned()));
        }
    };
    // A good ticket first: hashes are dear, and anybody can show a bad one.
    let user = match &showed {
        Showed::Session(bearer) => bearer.0.0,
        Showed::Ticket(ticket) => auth.owner_of_ticket(ticket, &[Kind::PasswordReset]).await?,
    };
    let hash = auth.0.passwords.hash(password).await?;
    store(&auth, user, showed, &hash).await?;
    tracing::info!(user.id = %user, "a person changed their password");
    Ok(OK)
}

/// What entitles to the change.
enum Showed {
    Session(Bearer),
    Ticket(Ticket),
}

async fn store(auth: &Auth, user: Uuid, showed: Showed, hash: &str) -> Result<(), AuthError> {
    let (mut transaction, session, ticket, refused) = match showed {
        Showed::Session(bearer) => {
            (auth.lock_caller(&bearer).await?, bearer.1, None, AuthError::DisabledUser)
        }
        Showed::Ticket(ticket) => {
            (auth.lock_person(user).await?, None, Some(ticket.stored()), AuthError::InvalidTicket)
        }
    };
    let sql = include_str!("../sql/change_password.sql");
    let ends_sessions = auth.0.options.password_change_ends_sessions;
    let changed = transaction.query_opt(sql, &[&user, &ticket, &hash, &ends_sessions, &session]).await?;
    changed.ok_or(refused)?;
    Ok(transaction.commit().await?)
}
