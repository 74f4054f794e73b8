//! Signing in without a password: `POST /signin/otp/email` sends a code, `POST /signin/otp/email/verify` takes
//! it, and `POST /signin/passwordless/email` sends a link. Whoever has no account gets one.
//!
//! No answer tells whether there was an account, and none takes longer for it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::signup_email_password::{Roles, SignUpOptions};
use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::codes::{Purpose, TypedCode};
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::Email;
use crate::auth::request::{JsonBody, Object};
use crate::auth::sessions::SessionPayload;
use crate::auth::tickets::{Kind, TicketLetter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct AskForLetter {
    email: Email,
    options: Option<Object<SignUpOptions>>,
}

pub(in crate::auth) async fn send_code(
    State(auth): State<Auth>,
    JsonBody(request): JsonBody<AskForLetter>,
) -> Result<Answered, AuthError> {
    if !auth.0.options.otp_email_enabled {
        return Err(AuthError::DisabledEndpoint);
    }
    let wanted = request.options.map(|object| object.0).unwrap_or_default();
    auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    ensure_account(&auth, &request.email, wanted).await?;
    auth.send_code(Purpose::SignIn, request.email.as_str()).await?;
    Ok(OK)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct ShowCode {
    email: Email,
    otp: TypedCode,
}

pub(in crate::auth) async fn take_code(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<ShowCode>,
) -> Result<Json<SessionPayload>, AuthError> {
    if !auth.0.options.otp_email_enabled {
        return Err(AuthError::DisabledEndpoint);
    }
    auth.0.options.address_rules.check(request.email.as_str())?;
    let email = request.email.as_str();
    Ok(Json(auth.sign_in_by_code(Purpose::SignIn, email, &request.otp, &device).await?))
}

pub(in crate::auth) async fn send_link(
    State(auth): State<Auth>,
    JsonBody(request): JsonBody<AskForLetter>,
) -> Result<Answered, AuthError> {
    if !auth.0.options.email_passwordless_enabled {
        return Err(AuthError::DisabledEndpoint);
    }
    let wanted = request.options.map(|object| object.0).unwrap_or_default();
    let destination = auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    ensure_account(&auth, &request.email, wanted).await?;
    auth.send_ticket(TicketLetter {
        kind: Kind::PasswordlessEmail,
        email: request.email.as_str(),
        destination: &destination,
        new_email: None,
        verified: None,
    })
    .await?;
    Ok(OK)
}

/// An account for the address, unless nobody can make one.
async fn ensure_account(auth: &Auth, email: &Email, wanted: SignUpOptions) -> Result<(), AuthError> {
    let options = &auth.0.options;
    options.address_rules.check(email.as_str())?;
    let locale = options.locale(wanted.locale.as_ref().map(|locale| locale.0.as_str())).to_owned();
    let roles = Roles::choose(options, wanted.allowed_roles, wanted.default_role)?;
    if options.disable_signup {
        return Ok(());
    }
    auth.0
        .pool
        .execute(
            include_str!("../sql/ensure_account.sql"),
            &[
                &email.as_str(),
                &wanted.display_name.as_ref().map_or(email.as_str(), |name| &name.0),
                &locale,
                &roles.default,
                &roles.allowed,
                &wanted.metadata.map(|metadata| metadata.0),
                &options.disable_new_users,
                &options.gravatar_enabled,
            ],
        )
        .await?;
    Ok(())
}
