//! `POST /files/uploads`: a file is announced. Its row is there from now on, and counts for what its uploader may
//! keep; it is not readable.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use base::ids::FileId;
use base::session::Session;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{LIFE_SECONDS, count_parts, part_size};
use crate::files::error::FilesError;
use crate::files::form::DEFAULT_BUCKET;
use crate::files::keep::object_headers;
use crate::files::rows::{Bucket, Expected, NewFile, Role, Upload, timestamp};
use crate::files::store::ObjectKey;
use crate::files::{Files, json, media_type};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Announced {
    id: Option<FileId>,
    bucket_id: Option<String>,
    name: String,
    size: u64,
    mime_type: Option<String>,
    metadata: Option<Map<String, Value>>,
}

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Begun {
    id: FileId,
    /// How many bytes each part has, but the last.
    part_size: u64,
    /// How many parts there are.
    parts: u64,
    /// Until when the upload must be complete.
    expires_at: String,
}

/// Answers `POST /files/uploads`.
pub(in crate::files) async fn begin(
    State(files): State<Files>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Begun>), FilesError> {
    let caller = files.session(&headers)?;
    let announced: Announced = json::read(&body)?;
    files.0.limits.check_name(&announced.name)?;
    let bucket = announced.bucket_id.as_deref().unwrap_or(DEFAULT_BUCKET);
    let bucket = files.0.rows.bucket(bucket).await?.ok_or(FilesError::BucketNotFound)?;
    check_size(&bucket, &announced)?;
    // It runs to its end even when the client goes away: what the store begins is to be in the book.
    let beginning = files.0.unfinished.spawn(begin_in(files.clone(), caller.clone(), bucket, announced));
    match beginning.await? {
        Ok(begun) => Ok((StatusCode::CREATED, Json(begun))),
        Err(error) => Err(files.0.rows.why_refused(&caller, error).await),
    }
}

fn check_size(bucket: &Bucket, announced: &Announced) -> Result<(), FilesError> {
    let (filename, size) = (announced.name.clone(), announced.size);
    let (min_size, max_size) = (bucket.min_upload_file_size.max(1), bucket.max_upload_file_size);
    if size > max_size {
        Err(FilesError::TooBig { filename, size, max_size })
    } else if size < min_size {
        Err(FilesError::TooSmall { filename, size, min_size })
    } else {
        Ok(())
    }
}

async fn begin_in(
    files: Files,
    caller: Session,
    bucket: Bucket,
    announced: Announced,
) -> Result<Begun, FilesError> {
    let Announced { name, size, metadata, .. } = announced;
    let declared = announced.mime_type.filter(|declared| media_type::is_type(declared));
    let mime_type = declared.as_deref().unwrap_or(media_type::UNKNOWN);
    let id = announced.id.unwrap_or_else(|| FileId(Uuid::new_v4()));
    let rows = &files.0.rows;
    rows.insert(&caller, &NewFile { id, name: &name, bucket_id: &bucket.id, mime_type, size }).await?;

    let key = ObjectKey::content(id, &name).fresh();
    let metadata = metadata.map(Value::Object);
    let upload = Upload { key, size, part_size: part_size(size), metadata, finished_at: None, tries: 0 };
    let expires_at = timestamp(files.now().saturating_add(LIFE_SECONDS));
    let begun = files.begin_at_store(id, &upload, &expires_at).await;
    if let Err(error) = begun {
        rows.forget(id).await;
        files.drop_objects(id, &[&upload.key]).await;
        return Err(error);
    }
    Ok(Begun { id, part_size: upload.part_size, parts: count_parts(&upload), expires_at })
}

impl Files {
    async fn begin_at_store(&self, id: FileId, upload: &Upload, expires_at: &str) -> Result<(), FilesError> {
        let Upload { key, size, .. } = upload;
        let expected =
            Expected { key, file_id: id, role: Role::Content, size: *size, until: expires_at.to_owned() };
        self.0.rows.expect(&[expected]).await?;
        // Nobody has looked at what comes: to a browser it is something to save.
        let headers = object_headers(key.name(), media_type::UNKNOWN);
        let upload_id = self.0.store.begin_parts(key, &headers).await?;
        self.0.rows.begin_upload(id, upload, &upload_id).await
    }
}
