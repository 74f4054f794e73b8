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
use super::rows::{Bucket, FileRow, ReadableFile};
use super::store::ObjectKey;
use super::upload::within_bucket;

/// Answers `PUT /files/{id}`.
pub(super) async fn replace(
    State(files): State<Files>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let limits = &files.0.limits;
    let body = UploadBody::new(body, limits.stall);
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
    let (file, bucket) = may_replace(files, &caller, id).await?;
    let _turn = service.uploads.try_acquire().map_err(|_| FilesError::TooManyUploads)?;
    let reader = files.form_reader(&caller, headers, body).await;
    let form = reader.read_replacement(headers, &bucket).await?;
    // Storing it runs to its end even when the client goes away.
    let storing = service.unfinished.spawn(store(files.clone(), file, bucket, form));
    match storing.await? {
        Ok(file) => Ok(file),
        Err(error) => Err(service.rows.why_refused(&caller, error).await),
    }
}

/// The file, if the caller may see it and change what is in it.
async fn may_replace(
    files: &Files,
    caller: &Session,
    id: &str,
) -> Result<(ReadableFile, Bucket), FilesError> {
    let id = parse_id(id)?;
    let rows = &files.0.rows;
    let file = rows.readable(caller, id).await?.ok_or(FilesError::FileNotFound)?;
    if file.is_uploaded != Some(true) {
        return Err(FilesError::NotUploaded);
    }
    if !rows.may_replace(caller, id).await? {
        return Err(FilesError::NotAuthorized);
    }
    let bucket = rows.bucket(&file.bucket_id).await?.ok_or(FilesError::BucketNotFound)?;
    Ok((file, bucket))
}

async fn store(
    files: Files,
    file: ReadableFile,
    bucket: Bucket,
    form: ReplacementForm,
) -> Result<FileRow, FilesError> {
    let name = form.name.or(file.name).unwrap_or_default();
    let content = within_bucket(&bucket, &name, form.content)?;
    let prepared = files.prepare(content, form.declared_type.as_deref()).await?;
    // Under a key of its own: the old content stays whole until the new one is.
    let key = ObjectKey::content(file.id, &name).fresh();
    files.keep(Keeping { id: file.id, name, metadata: form.metadata, key, prepared }).await
}
