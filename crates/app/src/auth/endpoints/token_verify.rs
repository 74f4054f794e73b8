//! `POST /token/verify`: whether an access token is good: the one in the body, or else that of the request.

use axum::extract::State;
use serde::Deserialize;

use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::error::AuthError;
use crate::auth::request::{Bearer, JsonBody};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct VerifyToken {
    token: Option<String>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    bearer: Option<Bearer>,
    request: Option<JsonBody<VerifyToken>>,
) -> Result<Answered, AuthError> {
    let token = request.and_then(|JsonBody(request)| request.token);
    let is_good = match token {
        Some(token) => auth.verify_access_token(&token).is_ok(),
        None => bearer.is_some(),
    };
    if is_good { Ok(OK) } else { Err(AuthError::InvalidRequest("no valid access token".to_owned())) }
}
