//! `GET /.well-known/jwks.json`: the public keys of access tokens, those that are being replaced among them. A
//! shared (HMAC) key has no public half; where there is no other, Nhost Auth answers `null`, and so does this.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::Auth;

/// How long others may keep them: a key that signs is published no later than it signs.
const CACHED: &str = "public, max-age=60";

pub(in crate::auth) async fn handle(State(auth): State<Auth>) -> Response {
    let keys = auth.0.jwt.public_keys();
    let keys = if keys.is_empty() { Value::Null } else { Value::Array(keys) };
    ([(CACHE_CONTROL, CACHED)], Json(json!({ "keys": keys }))).into_response()
}
