//! `GET /files/{id}/presignedurl`: an address of one file.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde::Serialize;

use crate::files::Files;
use crate::files::download::shown;
use crate::files::error::{FilesError, parse_id};

/// The answer.
#[derive(Serialize)]
struct Presigned {
    url: String,
    /// For how many seconds it is good.
    expiration: u64,
}

/// Answers `GET /files/{id}/presignedurl`.
pub(in crate::files) async fn one(
    State(files): State<Files>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, FilesError> {
    let caller = files.session(&headers)?;
    let file = files.find(&caller, parse_id(&id)?).await?;
    let shown = shown(&file).ok_or(FilesError::FileNotFound)?;
    let address = files.presign(&shown, &file.bucket, &files.origin(&headers)).await?;
    files.0.store.want(&shown.key, shown.size, file.age(files.now())).await?;
    let answer = Presigned { url: address.url, expiration: address.life.as_secs() };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
