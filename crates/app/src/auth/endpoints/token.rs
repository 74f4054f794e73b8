//! `POST /token`: a new access token for a refresh token, which is used up by it: the same statement puts a
//! new one in its place. Of several requests with one token, one wins; there is no grace period. A token that is
//! shown after its use is noticed: somebody else may have it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::UuidText;
use crate::auth::refresh_token::RefreshToken;
use crate::auth::request::JsonBody;
use crate::auth::sessions::OpenSession;
use crate::auth::user::Standing;

/// Within how long two requests with one token are two of the same program.
const RACE_SECONDS: f64 = 10.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct Refresh {
    refresh_token: UuidText,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<Refresh>,
) -> Result<Json<OpenSession>, AuthError> {
    let options = &auth.0.options;
    let shown = RefreshToken::from_text(request.refresh_token.0);
    // Before the token is used up: whoever gets no answer must be able to ask again.
    let custom = match auth.owner_of(&shown).await? {
        Some(user) => auth.custom_claims(user).await?,
        None => BTreeMap::new(),
    };
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
                &device.metadata(),
            ],
        )
        .await?;
    let Some(row) = row else {
        notice_reuse(&auth, &shown).await?;
        return Err(AuthError::InvalidRefreshToken);
    };
    Standing::from_row(&row)?.check(options)?;
    if !row.try_get::<_, bool>("rotated")? {
        return Err(AuthError::InvalidRefreshToken);
    }
    Ok(Json(auth.open_session(&row, &next, custom)?))
}

impl Auth {
    /// Whose token it is, where anybody needs to know before it is used.
    async fn owner_of(&self, shown: &RefreshToken) -> Result<Option<Uuid>, AuthError> {
        if self.0.custom_claims.is_none() {
            return Ok(None);
        }
        let sql = "select user_id from auth.refresh_tokens
            where refresh_token_hash = $1::text and type = 'regular' and expires_at > now()";
        let row = self.0.pool.query_opt(sql, &[&shown.stored()]).await?;
        Ok(row.map(|row| row.try_get("user_id")).transpose()?)
    }
}

/// Counts a token that was good once, also one whose session has ended, and ends its session where the settings say so.
async fn notice_reuse(auth: &Auth, shown: &RefreshToken) -> Result<(), AuthError> {
    let sql = include_str!("../sql/notice_reuse.sql");
    let ends = auth.0.options.reused_token_ends_session;
    let Some(row) = auth.0.pool.query_opt(sql, &[&shown.stored(), &RACE_SECONDS, &ends]).await? else {
        return Ok(());
    };
    let (is_race, is_over): (bool, bool) = (row.try_get("is_race")?, row.try_get("is_over")?);
    let kind = match (is_race, is_over) {
        (true, _) => "race",
        (false, true) => "ended",
        (false, false) => "late",
    };
    metrics::counter!("auth_refresh_tokens_reused_total", "kind" => kind).increment(1);
    let (user, session) = (row.try_get::<_, Option<Uuid>>("user_id")?, row.try_get::<_, Uuid>("id")?);
    let (user, ended) = (user.unwrap_or_default(), row.try_get::<_, bool>("ended")?);
    match kind {
        "late" => {
            tracing::warn!(user.id = %user, session.id = %session, session.ended = ended, "a refresh token was shown after its use");
        }
        "ended" => {
            tracing::info!(user.id = %user, session.id = %session, "a refresh token was shown after the end of its session");
        }
        _ => {}
    }
    Ok(())
}
