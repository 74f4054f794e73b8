//! `POST /signin/email-password`: a session for who knows the password. An unknown address costs the same
//! time as a wrong password and gets the same answer.
//!
//! What the account is (disabled, unverified, anonymous) is told to who knows the password; so is it to nobody that its
//! address may not come in.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::{Email, Password};
use crate::auth::passwords::Verdict;
use crate::auth::request::JsonBody;
use crate::auth::second_factor::Proof;
use crate::auth::sessions::SessionPayload;
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct SignIn {
    email: Email,
    password: Password,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<SignIn>,
) -> Result<Json<SessionPayload>, AuthError> {
    auth.0.limits.check_account(request.email.as_str(), &device.network)?;
    let may = auth.0.options.address_rules.check(request.email.as_str());
    let found = auth
        .0
        .pool
        .query_opt(include_str!("../sql/find_credentials.sql"), &[&request.email.as_str()])
        .await?;
    let stored: Option<String> = match &found {
        Some(row) => row.try_get("password_hash")?,
        None => None,
    };
    let password = request.password.into_secret();
    let verdict = auth.0.passwords.verify(password.clone(), stored.clone()).await?;
    may?;
    let right = found.zip(stored).filter(|_| verdict != Verdict::Wrong);
    let (row, mut hash) = right.ok_or(AuthError::InvalidEmailPassword)?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    let id: Uuid = row.try_get("id")?;
    if verdict == Verdict::RightButOld {
        hash = renew_hash(&auth, id, password, &hash).await?;
    }
    Ok(Json(auth.after_first_factor(id, Proof::Password(&hash), &device).await?))
}

/// The hash in the place of one of an old kind. Whoever else was here meanwhile renewed it too, or changed the password:
/// what is there by now decides.
async fn renew_hash(auth: &Auth, id: Uuid, password: SecretString, old: &str) -> Result<String, AuthError> {
    let new = auth.0.passwords.hash(password.clone()).await?;
    let sql = "update auth.users set password_hash = $2::text where id = $1 and password_hash = $3::text";
    let renewed = auth.0.pool.execute(sql, &[&id, &new, &old]).await?;
    if renewed > 0 {
        return Ok(new);
    }
    let sql = "select password_hash from auth.users where id = $1";
    let found = auth.0.pool.query_opt(sql, &[&id]).await?;
    let now: Option<String> = found.map(|row| row.try_get("password_hash")).transpose()?.flatten();
    let verdict = auth.0.passwords.verify(password, now.clone()).await?;
    now.filter(|_| verdict != Verdict::Wrong).ok_or(AuthError::InvalidEmailPassword)
}
