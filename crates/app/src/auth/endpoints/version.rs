//! `GET /version`: the version of the program.

use axum::Json;
use serde_json::{Value, json};

pub(in crate::auth) async fn handle() -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}
