//! `DELETE /files/uploads/{id}`: an upload is given up, and what came of it is removed.

use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};

use crate::files::Files;
use crate::files::error::{FilesError, parse_id};
use crate::files::store::ObjectKey;

/// Answers `DELETE /files/uploads/{id}`.
pub(in crate::files) async fn abort(
    State(files): State<Files>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, FilesError> {
    let caller = files.session(&headers)?;
    let id = parse_id(&id)?;
    files.upload_of(&caller, id).await?.parts().ok_or(FilesError::UploadNotFound)?;
    let aborting = {
        let files = files.clone();
        async move {
            let objects = files.0.rows.objects(id).await?;
            // Only what is not uploaded goes: an upload that was completed meanwhile is a file.
            if !files.0.rows.delete_unfinished(id).await? {
                return Err(FilesError::UploadNotFound);
            }
            // Its parts may be on their way into one object.
            let keys: Vec<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
            files.drop_objects(id, &keys).await;
            Ok(())
        }
    };
    files.0.unfinished.spawn(aborting).await??;
    Ok(StatusCode::NO_CONTENT)
}
