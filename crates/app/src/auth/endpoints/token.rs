//! `POST /token`: a new access token for a refresh token, which is used up by it: the same statement puts a
//! new one in its place. Of several requests with one token, one wins; there is no grace period.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::auth::Auth;
use crate::auth::error::AuthError;
use crate::auth::fields::UuidText;
use crate::auth::refresh_token::RefreshToken;
use crate::auth::request::JsonBody;
use crate::auth::sessions::OpenSession;
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct Refresh {
    refresh_token: UuidText,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    JsonBody(request): JsonBody<Refresh>,
) -> Result<Json<OpenSession>, AuthError> {
    let options = &auth.0.options;
    let shown = RefreshToken::from_text(request.refresh_token.0);
    let next = RefreshToken::generate();
    let row = auth
        .0
        .pool
        .query_opt(
            include_str!("../sql/rotate_refresh_token.sql"),
            &[
                &shown.stored(),
                &next.stored(),
                &f64::from(options.refresh_token_expires_in),
                &options.email_verification_required,
            ],
        )
        .await?
        .ok_or(AuthError::InvalidRefreshToken)?;
    Standing::from_row(&row)?.check(options)?;
    if !row.try_get::<_, bool>("rotated")? {
        return Err(AuthError::InvalidRefreshToken);
    }
    Ok(Json(auth.open_session(&row, &next, BTreeMap::new())?))
}
