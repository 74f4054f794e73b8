//! From what a session is used: the program's own name for itself and the network, kept with the session so that its
//! owner can tell their sessions apart (`metadata` of `auth.refresh_tokens`).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use db::tokio_postgres::types::Json;
use serde_json::{Value, json};

use super::Auth;
use super::network::Network;

/// The longest name of a program that is kept.
const MAX_NAME_CHARS: usize = 256;

/// A program and where it runs.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) network: Network,
    program: String,
}

impl Device {
    /// What is kept of it.
    pub(super) fn metadata(&self) -> Json<Value> {
        Json(json!({ "userAgent": self.program, "network": self.network.as_str() }))
    }
}

impl FromRequestParts<Auth> for Device {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Infallible> {
        let network = Network::from_request_parts(parts, auth).await?;
        let shown = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self { network, program: shown.chars().take(MAX_NAME_CHARS).collect() })
    }
}
