//! `GET /.well-known/jwks.json`: the public keys of access tokens. A shared (HMAC) key has no public half;
//! Nhost Auth answers `null` then, and so does this.

use axum::Json;
use serde_json::{Value, json};

pub(in crate::auth) async fn handle() -> Json<Value> {
    Json(json!({ "keys": null }))
}
