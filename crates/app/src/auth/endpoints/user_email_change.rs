//! `POST /user/email/change`: a letter to the new address, whose link changes the account's; the old address is
//! told when that has happened. Until then nothing changes.

use axum::extract::State;
use serde::Deserialize;

use super::{Answered, LinkOptions, OK};
use crate::auth::Auth;
use crate::auth::error::AuthError;
use crate::auth::fields::Email;
use crate::auth::request::{Bearer, JsonBody, Object};
use crate::auth::tickets::{Kind, TicketLetter};
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct ChangeEmail {
    new_email: Email,
    options: Option<Object<LinkOptions>>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    bearer: Bearer,
    JsonBody(request): JsonBody<ChangeEmail>,
) -> Result<Answered, AuthError> {
    let options = request.options.map(|object| object.0).unwrap_or_default();
    let destination = auth.0.redirects.choose(options.redirect_to.as_ref())?;
    let new_email = request.new_email.as_str();
    auth.0.options.address_rules.check(new_email)?;
    let row = auth.caller(&bearer).await?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    let owner = "select from auth.users where email operator(public.=) $1::text::auth.email";
    if auth.0.pool.query_opt(owner, &[&new_email]).await?.is_some() {
        return Err(AuthError::EmailAlreadyInUse);
    }
    let email: Option<String> = row.try_get("email")?;
    let letter = TicketLetter {
        kind: Kind::ConfirmEmailChange,
        email: &email.ok_or(AuthError::ForbiddenAnonymous)?,
        destination: &destination,
        new_email: Some(new_email),
        verified: None,
    };
    // Who asks is known, so they may know that no letter was written.
    if auth.send_ticket_and_commit(auth.lock_caller(&bearer).await?, letter).await? {
        Ok(OK)
    } else {
        Err(AuthError::TooManyRequests(auth.0.options.letter_pause_seconds))
    }
}
