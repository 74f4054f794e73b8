//! `POST /files`: receives a form, then stores its files one after another. After an error the files before
//! it stay, and the answer lists them.
//!
//! Once the form is whole, storing it runs to its end even when the client goes away.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base::ids::FileId;
use base::session::Session;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use super::Files;
use super::body::UploadBody;
use super::error::FilesError;
use super::form::{ReceivedFile, UploadForm, UploadedFile};
use super::keep::Keeping;
use super::meters::{self, Outcome};
use super::rows::{Bucket, FileRow, NewFile};
use super::spool::Spooled;
use super::store::ObjectKey;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Processed {
    processed_files: Vec<FileRow>,
}

/// An error, and what had been stored before it, where storing had begun.
struct Failure {
    error: FilesError,
    processed: Option<Vec<FileRow>>,
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        Self { error, processed: None }
    }
}

/// Answers `POST /files`.
pub(super) async fn upload(State(files): State<Files>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let limits = &files.0.limits;
    let body = UploadBody::new(body, limits.stall);
    let response = match receive_and_store(&files, &head.headers, &body).await {
        Ok(processed_files) => (StatusCode::CREATED, Json(Processed { processed_files })).into_response(),
        Err(failure) => {
            body.discard_rest(limits.discarded_bytes).await;
            failure.error.respond(failure.processed.as_deref())
        }
    };
    meters::count_upload(Outcome::of(response.status()));
    response
}

async fn receive_and_store(
    files: &Files,
    headers: &HeaderMap,
    body: &UploadBody,
) -> Result<Vec<FileRow>, Failure> {
    let service = &files.0;
    let caller = files.session(headers)?;
    // Whoever nobody knows gets no room on the disk on trust; for a known caller the insert decides.
    if caller.user_id().is_none() && !caller.is_admin() && !service.rows.may_write(&caller).await {
        return Err(FilesError::NotAuthorized.into());
    }
    let _turn = service.uploads.try_acquire().map_err(|_| FilesError::TooManyUploads)?;
    let reader = files.form_reader(&caller, headers, body).await;
    let form = reader.read(headers).await?;
    let storing = service.unfinished.spawn(store_all(files.clone(), caller, form));
    storing.await.map_err(FilesError::from)?
}

async fn store_all(files: Files, caller: Session, form: UploadForm) -> Result<Vec<FileRow>, Failure> {
    let mut processed = Vec::with_capacity(form.files.len());
    for file in form.files {
        match store_one(&files, &caller, &form.bucket, file).await {
            Ok(row) => processed.push(row),
            Err(error) => {
                let error = files.0.rows.why_refused(&caller, error).await;
                return Err(Failure { error, processed: Some(processed) });
            }
        }
    }
    Ok(processed)
}

async fn store_one(
    files: &Files,
    caller: &Session,
    bucket: &Bucket,
    file: UploadedFile,
) -> Result<FileRow, FilesError> {
    let content = within_bucket(bucket, &file.name, file.content)?;
    let prepared = files.prepare(content, file.declared_type.as_deref()).await?;
    let id = file.id.unwrap_or_else(|| FileId(Uuid::new_v4()));
    let (mime_type, size) = (&prepared.mime_type, prepared.content.size());
    let new = NewFile { id, name: &file.name, bucket_id: &bucket.id, mime_type, size };
    files.0.rows.insert(caller, &new).await?;

    let key = ObjectKey::content(id, &file.name);
    let keeping = Keeping { id, name: file.name, metadata: file.metadata, key, prepared };
    let kept = files.keep(keeping).await;
    if kept.is_err() {
        // Without its row nobody can ask for it.
        files.0.rows.forget(id).await;
    }
    kept
}

/// The content of a file that `bucket` takes by its size.
pub(super) fn within_bucket(
    bucket: &Bucket,
    name: &str,
    content: ReceivedFile,
) -> Result<Spooled, FilesError> {
    let (min_size, max_size) = (bucket.min_upload_file_size, bucket.max_upload_file_size);
    let too_big = |size| FilesError::TooBig { filename: name.to_owned(), size, max_size };
    match content {
        ReceivedFile::TooBig(size) => Err(too_big(size)),
        ReceivedFile::BeyondPlan(beyond) => Err(FilesError::BeyondPlan(beyond)),
        ReceivedFile::Whole(content) if content.size() > max_size => Err(too_big(content.size())),
        ReceivedFile::Whole(content) if content.size() < min_size => {
            Err(FilesError::TooSmall { filename: name.to_owned(), size: content.size(), min_size })
        }
        ReceivedFile::Whole(content) => Ok(content),
    }
}
