//! `GET /files/uploads/{id}`: what has come of an upload, so that a client goes on where it was cut off.

use axum::Json;
use axum::extract::{Path, State};
use base::ids::FileId;
use http::HeaderMap;
use serde::Serialize;

use super::count_parts;
use crate::files::Files;
use crate::files::error::{FilesError, parse_id};
use crate::files::store::StoredPart;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct UploadState {
    id: FileId,
    size: u64,
    part_size: u64,
    parts: u64,
    /// The parts that have come; null where the store does not tell this server. Then those count for which the
    /// client has an entity tag.
    received: Option<Vec<StoredPart>>,
    is_complete: bool,
    expires_at: Option<String>,
}

/// Answers `GET /files/uploads/{id}`.
pub(in crate::files) async fn state(
    State(files): State<Files>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<UploadState>, FilesError> {
    let caller = files.session(&headers)?;
    let found = files.upload_of(&caller, parse_id(&id)?).await?;
    let (upload, upload_id) = found.parts().ok_or(FilesError::UploadNotFound)?;
    let is_complete = upload.finished_at.is_some();
    let received =
        if is_complete { Some(Vec::new()) } else { files.0.store.parts(&upload.key, upload_id).await? };
    Ok(Json(UploadState {
        id: found.id,
        size: upload.size,
        part_size: upload.part_size,
        parts: count_parts(upload),
        received,
        is_complete,
        expires_at: found.expires_at().map(str::to_owned),
    }))
}
