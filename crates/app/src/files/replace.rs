//! `PUT /files/{id}`: a file gets another content, and keeps its id. Until the new content is stored whole, the old
//! one is what the file shows.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use base::session::Session;
use http::{HeaderMap, StatusCode};

use super::Files;
use super::body::UploadBody;
use super::error::{FilesError, parse_id};
use super::keep::Keeping;
use super::meters::{self, Outcome};
use super::replacement_form::ReplacementForm;
use super::rows::{FileRow, Stored};
use super::store::ObjectKey;
use super::turns::Uploader;
use super::upload::within_bucket;

/// Answers `PUT /files/{id}`.
pub(super) async fn replace(
    State(files): State<Files>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let limits = &files.0.limits;
    let body = UploadBody::new(body, limits.pace);
    let response = match receive_and_replace(&files, &id, &head.headers, &body).await {
        Ok(file) => (StatusCode::OK, Json(file)).into_response(),
        Err(error) => {
            body.discard_rest(limits.discarded_bytes).await;
            error.into_response()
        }
    };
    meters::count_upload(Outcome::of(response.status()));
    response
}

async fn receive_and_replace(
    files: &Files,
    id: &str,
    headers: &HeaderMap,
    body: &UploadBody,
) -> Result<FileRow, FilesError> {
    let service = &files.0;
    let caller = files.session(headers)?;
    let file = may_replace(files, &caller, id).await?;
    let turn = service.turns.take(Uploader::of(&caller))?;
    let reader = files.form_reader(&caller, &turn, headers, body).await;
    let form = reader.read_replacement(headers, &file.bucket).await?;
    let files = files.clone();
    // Storing it runs to its end even when the client goes away.
    let storing = service.unfinished.spawn(async move {
        let _turn = turn;
        store(files, file, form).await
    });
    match storing.await? {
        Ok(file) => Ok(file),
        Err(error) => Err(service.rows.why_refused(&caller, error).await),
    }
}

/// The file, if the caller may see it and change what is in it.
async fn may_replace(files: &Files, caller: &Session, id: &str) -> Result<Stored, FilesError> {
    let file = files.find(caller, parse_id(id)?).await?;
    if files.0.rows.may_replace(caller, file.id).await? { Ok(file) } else { Err(FilesError::NotAuthorized) }
}

async fn store(files: Files, file: Stored, form: ReplacementForm) -> Result<FileRow, FilesError> {
    let name = form.name.or(file.name).unwrap_or_default();
    let content = within_bucket(&file.bucket, &name, form.content)?;
    let prepared = files.prepare(content, form.declared_type.as_deref()).await?;
    // Under a key of its own: the old content stays whole until the new one is.
    let key = ObjectKey::content(file.id, &name).fresh();
    files.keep(Keeping { id: file.id, name, metadata: form.metadata, key, prepared }).await
}
