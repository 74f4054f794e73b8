//! `POST /files/uploads/{id}/complete`: all parts are sent. They become one object if every one is there with the
//! hash that was announced, and that object a file once it was checked.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde::Deserialize;

use super::{count_parts, not_under_way};
use crate::files::error::{FilesError, parse_id};
use crate::files::rows::{FileRow, Upload};
use crate::files::store::SentPart;
use crate::files::{Files, json};

/// Bytes of the request's JSON, of which each part takes some 200.
pub(in crate::files) const JSON_BYTES: usize = 3 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    parts: Vec<SentPart>,
}

/// Answers `POST /files/uploads/{id}/complete`.
pub(in crate::files) async fn complete(
    State(files): State<Files>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<FileRow>, FilesError> {
    let caller = files.session(&headers)?;
    let found = files.upload_of(&caller, parse_id(&id)?).await?;
    // Sent again: the first answer may have been lost.
    if found.is_uploaded == Some(true) {
        return Ok(Json(files.uploaded(found.id).await?));
    }
    let (upload, upload_id) = found.parts().ok_or(FilesError::UploadNotFound)?;
    if upload.finished_at.is_none() {
        let Sent { parts } = json::read(&body)?;
        let (files, upload, upload_id, id) = (files.clone(), upload.clone(), upload_id.to_owned(), found.id);
        let joining = files.0.unfinished.clone().spawn(async move {
            files.join(&upload, &upload_id, parts).await?;
            files.0.rows.finish_upload(id, files.now()).await
        });
        joining.await??;
    }
    let checking = {
        let (files, id) = (files.clone(), found.id);
        async move { files.check_or_wait(id).await }
    };
    match files.0.unfinished.spawn(checking).await? {
        Ok(file) => Ok(Json(file)),
        Err(error) => Err(files.0.rows.why_refused(&caller, error).await),
    }
}

impl Files {
    async fn join(
        &self,
        upload: &Upload,
        upload_id: &str,
        mut parts: Vec<SentPart>,
    ) -> Result<(), FilesError> {
        parts.sort_by_key(|part| part.number);
        let count = count_parts(upload);
        let all = parts.len() as u64 == count
            && (1..=count).zip(&parts).all(|(number, part)| u64::from(part.number) == number);
        if !all {
            if self.is_joined(upload).await? {
                return Ok(());
            }
            return Err(FilesError::Parts(format!("the parts 1 to {count} must be named, each once")));
        }
        let store = &self.0.store;
        store.join_parts(&upload.key, upload_id, &parts, upload.part_size).await.map_err(not_under_way)?;
        let size = store.size(&upload.key).await.map_err(not_under_way)?;
        if size == upload.size {
            return Ok(());
        }
        Err(FilesError::Parts(format!("{size} bytes have come instead of {}", upload.size)))
    }

    /// Whether the parts are one object already, which was compared with their hashes: the server may have died before it
    /// wrote that down.
    pub(super) async fn is_joined(&self, upload: &Upload) -> Result<bool, FilesError> {
        Ok(self.0.store.compared_size(&upload.key).await? == Some(upload.size))
    }
}
