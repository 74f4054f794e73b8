//! `POST /signout`: ends one session, or all of the person who asks. Access tokens go on reading
//! until they expire; what they do to the account ends with the session.

use axum::extract::State;
use serde::Deserialize;

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::error::AuthError;
use crate::auth::refresh_token::RefreshToken;
use crate::auth::request::{Bearer, JsonBody};

/// Nhost Auth takes unknown keys here, and here alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::auth) struct SignOut {
    refresh_token: Option<String>,
    #[serde(default)]
    all: bool,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    bearer: Option<Bearer>,
    JsonBody(request): JsonBody<SignOut>,
) -> Result<Answered, AuthError> {
    let pool = &auth.0.pool;
    if request.all {
        let bearer = bearer.ok_or_else(|| invalid("to sign out everywhere, an access token is needed"))?;
        auth.caller(&bearer).await?;
        pool.execute("delete from auth.refresh_tokens where user_id = $1", &[&bearer.0.0]).await?;
        return Ok(OK);
    }
    let token = request.refresh_token.ok_or_else(|| invalid("`refreshToken` or `all` is needed"))?;
    // An unknown token is as good as signed out.
    let stored = RefreshToken::from_text(token).stored();
    pool.execute("delete from auth.refresh_tokens where refresh_token_hash = $1", &[&stored]).await?;
    Ok(OK)
}

fn invalid(sentence: &str) -> AuthError {
    AuthError::InvalidRequest(sentence.to_owned())
}
