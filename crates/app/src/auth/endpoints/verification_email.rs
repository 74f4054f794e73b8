//! `POST /user/email/send-verification-email`: the letter that verifies an address, once more. Nhost Auth tells
//! whether the address is known and verified; here the answer is the same for all, and takes as long.

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
pub(in crate::auth) struct SendVerification {
    email: Email,
    options: Option<Object<LinkOptions>>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    JsonBody(request): JsonBody<SendVerification>,
) -> Result<Answered, AuthError> {
    let options = request.options.map(|object| object.0).unwrap_or_default();
    let destination = auth.0.redirects.choose(options.redirect_to.as_ref())?;
    auth.send_ticket(TicketLetter {
        kind: Kind::VerifyEmail,
        email: request.email.as_str(),
        destination: &destination,
        new_email: None,
        verified: Some(false),
    })
    .await?;
    Ok(OK)
}
