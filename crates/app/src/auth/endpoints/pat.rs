//! Personal access tokens, with which a program signs in as its owner: `POST /pat` makes one, `POST /signin/pat` takes
//! it, again and again until it ends. It passes the second factor by: whoever made it had shown theirs.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::{Metadata, UuidText};
use crate::auth::refresh_token::RefreshToken;
use crate::auth::request::{Bearer, JsonBody};
use crate::auth::sessions::{Opening, SessionPayload};
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct CreatePat {
    expires_at: ExpiresAt,
    metadata: Option<Metadata>,
}

/// A moment, as seconds since 1970.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct ExpiresAt(i64);

impl TryFrom<String> for ExpiresAt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parsed = OffsetDateTime::parse(&text, &Rfc3339);
        parsed.map(|at| Self(at.unix_timestamp())).map_err(|_| "expiresAt is not a date and time (RFC 3339)")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::auth) struct CreatedPat {
    id: Uuid,
    personal_access_token: String,
}

pub(in crate::auth) async fn create(
    State(auth): State<Auth>,
    bearer: Bearer,
    JsonBody(request): JsonBody<CreatePat>,
) -> Result<Json<CreatedPat>, AuthError> {
    Standing::from_row(&auth.caller(&bearer).await?)?.check_known(&auth.0.options)?;
    if request.expires_at.0 <= auth.0.jwt.now() {
        return Err(AuthError::InvalidRequest("expiresAt has passed".to_owned()));
    }
    let token = RefreshToken::generate();
    // Whole seconds of any year that can be written are exact.
    #[expect(clippy::cast_precision_loss, reason = "they are far below where a float loses them")]
    let expires_at = request.expires_at.0 as f64;
    let metadata = request.metadata.map(|metadata| metadata.0);
    let sql = include_str!("../sql/insert_pat.sql");
    let mut transaction = auth.lock_caller(&bearer).await?;
    let row = transaction.query_opt(sql, &[&bearer.0.0, &token.stored(), &expires_at, &metadata]).await?;
    let id = row.ok_or(AuthError::DisabledUser)?.try_get("id")?;
    transaction.commit().await?;
    tracing::info!(user.id = %bearer.0, pat.id = %id, "a person made a personal access token");
    Ok(Json(CreatedPat { id, personal_access_token: token.expose().to_owned() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct SignInPat {
    personal_access_token: UuidText,
}

pub(in crate::auth) async fn sign_in(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<SignInPat>,
) -> Result<Json<SessionPayload>, AuthError> {
    let shown = RefreshToken::from_text(request.personal_access_token.0);
    let sql = include_str!("../sql/find_pat.sql");
    let row = auth.0.pool.query_opt(sql, &[&shown.stored()]).await?.ok_or(AuthError::InvalidPat)?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    Ok(Json(SessionPayload::session(
        auth.begin_session(row.try_get("id")?, &device, Opening::default()).await?,
    )))
}
