//! `DELETE /files/{id}`: the row goes first, as the caller's permission allows; then the bytes.

use axum::extract::{Path, State};
use base::ids::FileId;
use base::session::Session;
use http::{HeaderMap, StatusCode};

use super::Files;
use super::error::{FilesError, parse_id};
use super::store::ObjectKey;

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
    let objects = files.0.rows.objects(id).await?;
    if !files.0.rows.delete(&caller, id).await? {
        return Err(FilesError::FileNotFound);
    }
    // The file is gone for everybody. What cannot be removed now stays in the book, and is tried again.
    let keys: Vec<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
    files.remove_objects(&keys).await;
    Ok(())
}
