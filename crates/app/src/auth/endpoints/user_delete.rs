//! `POST /user/delete`: a person deletes their account, with their password or a moment after they have signed in: an
//! access token that somebody found is not enough. A letter tells their address. Not in Nhost Auth. What becomes of
//! their messages is the project's to say.

use axum::extract::State;
use db::tokio_postgres::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::error::{AuthError, RefusedToken};
use crate::auth::fields::Password;
use crate::auth::network::Network;
use crate::auth::passwords::Verdict;
use crate::auth::request::{Bearer, JsonBody};
use crate::auth::user::Standing;

/// How long ago who shows no password may have signed in.
const FRESH_SECONDS: f64 = 300.0;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct DeleteUser {
    password: Option<Password>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    bearer: Bearer,
    network: Network,
    request: Option<JsonBody<DeleteUser>>,
) -> Result<Answered, AuthError> {
    let row = auth.caller(&bearer).await?;
    let Bearer(user, session) = bearer;
    let standing = Standing::from_row(&row)?;
    standing.check(&auth.0.options)?;
    match request.and_then(|JsonBody(request)| request.password) {
        Some(password) => check_password(&auth, &row, password, &network).await?,
        // Nobody can sign in to such an account anew.
        None if standing.is_anonymous() => {}
        None => check_fresh(&auth, user.0, session).await?,
    }
    auth.0.pool.execute(include_str!("../sql/delete_person.sql"), &[&user.0]).await?;
    auth.0.letters_wait.notify_one();
    tracing::info!(user.id = %user, "a person deleted their account");
    Ok(OK)
}

async fn check_password(
    auth: &Auth,
    row: &Row,
    password: Password,
    network: &Network,
) -> Result<(), AuthError> {
    let email: Option<String> = row.try_get("email")?;
    auth.0.limits.check_account(&email.unwrap_or_default(), network)?;
    let id: Uuid = row.try_get("id")?;
    let found = auth.0.pool.query_opt("select password_hash from auth.users where id = $1", &[&id]).await?;
    let stored: Option<String> = found.ok_or(RefusedToken::UnknownUser)?.try_get("password_hash")?;
    match auth.0.passwords.verify(password.into_secret(), stored).await? {
        Verdict::Wrong => Err(AuthError::InvalidEmailPassword),
        Verdict::Right | Verdict::RightButOld => Ok(()),
    }
}

/// A session begins when somebody signs in, and keeps that moment however often it is renewed.
async fn check_fresh(auth: &Auth, user: Uuid, session: Option<Uuid>) -> Result<(), AuthError> {
    let sql = "select from auth.refresh_tokens
        where id = $1 and user_id = $2 and created_at > now() - $3::float8 * interval '1 second'";
    let fresh = auth.0.pool.query_opt(sql, &[&session, &user, &FRESH_SECONDS]).await?;
    fresh.map(|_| ()).ok_or(AuthError::StaleSession)
}
