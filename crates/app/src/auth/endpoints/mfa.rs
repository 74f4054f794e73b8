//! The second factor over HTTP: `GET /mfa/totp/generate` gives the app's secret, `POST /user/mfa` switches it on
//! and off, `POST /mfa/recovery-codes` gives codes for who loses the app, and `POST /signin/mfa/totp` is the
//! second half of a sign-in. Recovery codes are not in Nhost Auth.

use axum::Json;
use axum::extract::State;
use db::tokio_postgres::Row;
use serde::{Deserialize, Serialize};

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::{AuthError, RefusedToken};
use crate::auth::request::{Bearer, JsonBody};
use crate::auth::second_factor::Shown;
use crate::auth::sessions::SessionPayload;
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
    if is_on(&row)? {
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
    JsonBody(request): JsonBody<SwitchMfa>,
) -> Result<Answered, AuthError> {
    let row = person(&auth, &bearer).await?;
    let on = match request.active_mfa_type.as_deref() {
        Some("totp") => true,
        Some("") | None => false,
        Some(_) => return Err(AuthError::InvalidRequest("`activeMfaType` is `totp` or empty".to_owned())),
    };
    match (on, is_on(&row)?) {
        (true, true) => return Err(AuthError::TotpAlreadyActive),
        (false, false) => return Err(AuthError::DisabledMfaTotp),
        _ => {}
    }
    auth.take_second_factor(Shown::User(bearer.0.0), bounded(&request.code)?).await?;
    auth.0.pool.execute(include_str!("../sql/switch_totp.sql"), &[&bearer.0.0, &on]).await?;
    tracing::info!(user.id = %bearer.0, mfa.on = on, "a person switched their second factor");
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
    JsonBody(request): JsonBody<AskForRecovery>,
) -> Result<Json<Recovery>, AuthError> {
    if !is_on(&person(&auth, &bearer).await?)? {
        return Err(AuthError::DisabledMfaTotp);
    }
    let user = auth.take_second_factor(Shown::User(bearer.0.0), bounded(&request.code)?).await?;
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
    let user = auth.take_second_factor(Shown::Ticket(&ticket), bounded(&request.otp)?).await?;
    Ok(Json(SessionPayload::session(auth.begin_session(user, &device).await?)))
}

fn check_enabled(auth: &Auth) -> Result<(), AuthError> {
    if auth.0.options.mfa_enabled { Ok(()) } else { Err(AuthError::DisabledEndpoint) }
}

/// The person who asks, if they may.
async fn person(auth: &Auth, bearer: &Bearer) -> Result<Row, AuthError> {
    check_enabled(auth)?;
    let row = auth.0.pool.query_opt(include_str!("../sql/find_user.sql"), &[&bearer.0.0]).await?;
    let row = row.ok_or(RefusedToken::UnknownUser)?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    Ok(row)
}

fn is_on(row: &Row) -> Result<bool, AuthError> {
    Ok(row.try_get::<_, Option<&str>>("active_mfa_type")? == Some("totp"))
}

fn bounded(code: &str) -> Result<&str, AuthError> {
    if code.len() <= MAX_CODE_BYTES { Ok(code) } else { Err(AuthError::InvalidTotp) }
}
