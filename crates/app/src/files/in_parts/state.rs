//! `GET /files/uploads/{id}`: what has come of an upload, so that a client goes on where it was cut off.

use axum::Json;
use axum::extract::{Path, State};
use base::ids::FileId;
use http::HeaderMap;
use serde::Serialize;

use super::{count_parts, not_under_way, part_size};
use crate::files::Files;
use crate::files::error::{FilesError, parse_id};
use crate::files::store::{StoreError, StoredPart};

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
    if found.is_uploaded == Some(true) {
        let size = found.size.unwrap_or_default();
        let part_size = part_size(size);
        let parts = size.div_ceil(part_size);
        let (received, expires_at) = (Some(Vec::new()), None);
        return Ok(Json(UploadState {
            id: found.id,
            size,
            part_size,
            parts,
            received,
            is_complete: true,
            expires_at,
        }));
    }
    let (upload, upload_id) = found.parts().ok_or(FilesError::UploadNotFound)?;
    let all = (true, Some(Vec::new()));
    let (is_complete, received) = if upload.finished_at.is_some() {
        all
    } else {
        match files.0.store.parts(&upload.key, upload_id).await {
            Ok(parts) => (false, parts),
            Err(StoreError::Missing) if files.is_joined(upload).await? => all,
            Err(error) => return Err(not_under_way(error)),
        }
    };
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
