//! `POST /user/password/reset`: a letter with a link that lets its reader choose a new password. The answer
//! never tells whether there is such an account, and takes as long either way.

use axum::extract::State;
use serde::Deserialize;

use super::{Answered, LinkOptions, OK};
use crate::auth::Auth;
use crate::auth::error::AuthError;
use crate::auth::fields::Email;
use crate::auth::request::{JsonBody, Object};
use crate::auth::tickets::{Kind, TicketLetter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct ResetPassword {
    email: Email,
    options: Option<Object<LinkOptions>>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    JsonBody(request): JsonBody<ResetPassword>,
) -> Result<Answered, AuthError> {
    let options = request.options.map(|object| object.0).unwrap_or_default();
    let destination = auth.0.redirects.choose(options.redirect_to.as_ref())?;
    // Without a rule that addresses be verified, an unverified one is all that its person has.
    let verified = auth.0.options.email_verification_required.then_some(true);
    auth.send_ticket(TicketLetter {
        kind: Kind::PasswordReset,
        email: request.email.as_str(),
        destination: &destination,
        new_email: None,
        verified,
    })
    .await?;
    Ok(OK)
}
