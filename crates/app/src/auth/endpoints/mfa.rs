//! The second factor over HTTP: `GET /mfa/totp/generate` gives an app's secret, `POST /mfa/email/send` a code in a
//! letter, `POST /user/mfa` switches either on and off, `POST /mfa/recovery-codes` gives codes for who loses it, and
//! `POST /signin/mfa/totp` is the second half of a sign-in. Letters and recovery codes are not in Nhost Auth.

use axum::Json;
use axum::extract::State;
use db::tokio_postgres::Row;
use serde::{Deserialize, Serialize};

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::network::Network;
use crate::auth::request::{Bearer, JsonBody};
use crate::auth::second_factor::{Factor, Shown};
use crate::auth::sessions::{Opening, SessionPayload};
use crate::auth::tickets::{Kind, Ticket};
use crate::auth::totp;
use crate::auth::user::Standing;

/// The longest code that anybody can mean.
const MAX_CODE_BYTES: usize = 64;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::auth) struct Generated {
    image_url: String,
    totp_secret: String,
}

pub(in crate::auth) async fn generate(
    State(auth): State<Auth>,
    bearer: Bearer,
) -> Result<Json<Generated>, AuthError> {
    let row = person(&auth, &bearer).await?;
    if Factor::from_row(&row)?.is_some() {
        return Err(AuthError::TotpAlreadyActive);
    }
    let email: Option<String> = row.try_get("email")?;
    let secret = totp::new_secret();
    let image_url = totp::picture(&auth.0.options.mfa_issuer, &email.unwrap_or_default(), &secret)?;
    let sql = "update auth.users set totp_secret = $2::text
        where id = $1 and active_mfa_type is distinct from 'totp'";
    auth.0.pool.execute(sql, &[&bearer.0.0, &secret]).await?;
    Ok(Json(Generated { image_url, totp_secret: secret }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct SwitchMfa {
    code: String,
    active_mfa_type: Option<String>,
}

pub(in crate::auth) async fn switch(
    State(auth): State<Auth>,
    bearer: Bearer,
    network: Network,
    JsonBody(request): JsonBody<SwitchMfa>,
) -> Result<Answered, AuthError> {
    let row = person(&auth, &bearer).await?;
    let wanted = match request.active_mfa_type.as_deref() {
        Some("totp") => Some(Factor::Totp),
        Some("email") => Some(Factor::Email),
        Some("") | None => None,
        Some(_) => {
            return Err(AuthError::InvalidRequest("`activeMfaType` is `totp`, `email` or empty".to_owned()));
        }
    };
    let user = bearer.0.0;
    let shown = if wanted == Some(Factor::Email) { Shown::Wish(user) } else { Shown::User(user) };
    let (factor, on) = match (wanted, Factor::from_row(&row)?) {
        (Some(_), Some(_)) => return Err(AuthError::TotpAlreadyActive),
        (None, None) => return Err(AuthError::DisabledMfaTotp),
        (Some(wanted), None) => (wanted, true),
        (None, Some(active)) => (active, false),
    };
    auth.take_second_factor(shown, bounded(&request.code)?, &network).await?;
    let sql = match factor {
        Factor::Totp => include_str!("../sql/switch_totp.sql"),
        Factor::Email => include_str!("../sql/switch_email_factor.sql"),
    };
    auth.0.pool.execute(sql, &[&user, &on]).await?;
    tracing::info!(user.id = %bearer.0, mfa.factor = ?factor, mfa.on = on, "a person switched their second factor");
    Ok(OK)
}

/// A code in a letter, to switch that factor on or off with.
pub(in crate::auth) async fn send_code(
    State(auth): State<Auth>,
    bearer: Bearer,
) -> Result<Answered, AuthError> {
    let row = person(&auth, &bearer).await?;
    if !row.try_get::<_, bool>("email_verified")? {
        return Err(AuthError::UnverifiedUser);
    }
    if Factor::from_row(&row)? == Some(Factor::Totp) {
        return Err(AuthError::TotpAlreadyActive);
    }
    let email: Option<String> = row.try_get("email")?;
    auth.send_second_factor(&email.unwrap_or_default()).await?;
    Ok(OK)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct AskForRecovery {
    code: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::auth) struct Recovery {
    recovery_codes: Vec<String>,
}

pub(in crate::auth) async fn recovery_codes(
    State(auth): State<Auth>,
    bearer: Bearer,
    network: Network,
    JsonBody(request): JsonBody<AskForRecovery>,
) -> Result<Json<Recovery>, AuthError> {
    if Factor::from_row(&person(&auth, &bearer).await?)?.is_none() {
        return Err(AuthError::DisabledMfaTotp);
    }
    let shown = Shown::User(bearer.0.0);
    let user = auth.take_second_factor(shown, bounded(&request.code)?, &network).await?;
    Ok(Json(Recovery { recovery_codes: auth.renew_recovery_codes(user).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct SignInMfa {
    ticket: String,
    otp: String,
}

pub(in crate::auth) async fn sign_in(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<SignInMfa>,
) -> Result<Json<SessionPayload>, AuthError> {
    check_enabled(&auth)?;
    let ticket = Ticket::from_text(request.ticket);
    if !ticket.says(Kind::MfaTotp) {
        return Err(AuthError::InvalidRequest("`ticket` is none of a second factor".to_owned()));
    }
    let owner = auth.owner_of_ticket(&ticket, &[Kind::MfaTotp]).await?;
    // Before ticket and code are used up.
    let opening = Opening::with_claims(auth.custom_claims(owner).await?);
    let user =
        auth.take_second_factor(Shown::Ticket(&ticket), bounded(&request.otp)?, &device.network).await?;
    Ok(Json(SessionPayload::session(auth.begin_session(user, &device, opening).await?)))
}

fn check_enabled(auth: &Auth) -> Result<(), AuthError> {
    if auth.0.options.mfa_enabled { Ok(()) } else { Err(AuthError::DisabledEndpoint) }
}

/// The person who asks, if they may.
async fn person(auth: &Auth, bearer: &Bearer) -> Result<Row, AuthError> {
    check_enabled(auth)?;
    let row = auth.caller(bearer).await?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    Ok(row)
}

fn bounded(code: &str) -> Result<&str, AuthError> {
    if code.len() <= MAX_CODE_BYTES { Ok(code) } else { Err(AuthError::InvalidTotp) }
}
