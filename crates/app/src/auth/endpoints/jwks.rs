//! `GET /.well-known/jwks.json`: the public keys of access tokens, those that are being replaced among them. A
//! shared (HMAC) key has no public half; where there is no other, Nhost Auth answers `null`, and so does this.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::Auth;

/// How long others may keep them, in seconds: a new key must be published at least as long before it signs.
pub const JWKS_MAX_AGE_SECONDS: i64 = 60;

pub(in crate::auth) async fn handle(State(auth): State<Auth>) -> Response {
    let keys = auth.0.jwt.public_keys();
    let keys = if keys.is_empty() { Value::Null } else { Value::Array(keys) };
    let cached = format!("public, max-age={JWKS_MAX_AGE_SECONDS}");
    ([(CACHE_CONTROL, cached)], Json(json!({ "keys": keys }))).into_response()
}
