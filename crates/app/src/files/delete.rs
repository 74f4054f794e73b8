//! `DELETE /files/{id}`: the row goes first, as the caller's permission allows; then the bytes.

use axum::extract::{Path, State};
use base::ids::FileId;
use base::session::Session;
use http::{HeaderMap, StatusCode};

use super::Files;
use super::error::{FilesError, parse_id};

/// Answers `DELETE /files/{id}`.
pub(super) async fn delete(
    State(files): State<Files>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, FilesError> {
    let caller = files.session(&headers)?;
    let id = parse_id(&id)?;
    let deleting = files.0.unfinished.spawn(delete_both(files.clone(), caller, id));
    deleting.await??;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_both(files: Files, caller: Session, id: FileId) -> Result<(), FilesError> {
    if !files.0.rows.delete(&caller, id).await? {
        return Err(FilesError::FileNotFound);
    }
    if let Err(error) = files.0.store.remove(id).await {
        // The file is gone for everybody; what is left is room on the disk.
        tracing::error!(file.id = %id, %error, "the bytes of a deleted file stay");
    }
    Ok(())
}
