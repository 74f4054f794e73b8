//! `GET /version`: which build answers.

use axum::Json;
use serde::Serialize;

/// What `/version` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    build_version: &'static str,
}

/// Answers `GET /version`.
pub(super) async fn version() -> Json<Version> {
    Json(Version { build_version: env!("CARGO_PKG_VERSION") })
}
