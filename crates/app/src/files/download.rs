//! `GET` and `HEAD /files/{id}`: a file's bytes, whole or in part, if the caller may see its row.

use std::slice;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use base::ids::FileId;
use base::session::Session;
use http::HeaderMap;

use super::Files;
use super::answer::{Method, Shown, answered};
use super::error::{FilesError, parse_id};
use super::media_type;
use super::rows::{ReadableFile, Role, Stored};

/// What a cache may do with files of a bucket that does not say.
const UNSAID: &str = "no-cache";

/// Answers `GET /files/{id}`.
pub(super) async fn get(
    State(files): State<Files>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answered(respond(&files, &id, query.as_deref(), &headers, Method::Get).await)
}

/// Answers `HEAD /files/{id}`.
pub(super) async fn head(
    State(files): State<Files>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answered(respond(&files, &id, query.as_deref(), &headers, Method::Head).await)
}

async fn respond(
    files: &Files,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    method: Method,
) -> Result<Response, FilesError> {
    let caller = files.session(headers)?;
    let (file, stored) = files.find(&caller, parse_id(id)?).await?;
    shown(file, &stored)?.respond_as_asked(files, query, headers, method).await
}

/// The file's content, as it is shown.
pub(super) fn shown(file: ReadableFile, stored: &Stored) -> Result<Shown, FilesError> {
    let Some(object) = stored.object(Role::Content) else {
        tracing::error!(file.id = %file.id, "a file is said to be uploaded, and no object of it is in the book");
        return Err(FilesError::FileNotFound);
    };
    Ok(Shown {
        id: file.id,
        changed_at: file.changed_at(),
        etag: quoted(file.etag.as_deref().unwrap_or_default()),
        name: file.name.unwrap_or_default(),
        media_type: file.mime_type.unwrap_or_else(|| media_type::UNKNOWN.to_owned()),
        cache_control: cache_control(stored),
        size: object.size,
        key: object.key.clone(),
    })
}

/// What a cache may do with files of this bucket.
pub(super) fn cache_control(stored: &Stored) -> String {
    stored.bucket.cache_control.clone().unwrap_or_else(|| UNSAID.to_owned())
}

impl Files {
    /// The file `id`, if the caller may see it and it is uploaded, and what only the service knows of it.
    pub(super) async fn find(
        &self,
        caller: &Session,
        id: FileId,
    ) -> Result<(ReadableFile, Stored), FilesError> {
        let rows = &self.0.rows;
        let (file, stored) = tokio::try_join!(rows.readable(caller, id), rows.stored(slice::from_ref(&id)))?;
        let file = file.ok_or(FilesError::FileNotFound)?;
        if file.is_uploaded != Some(true) {
            return Err(FilesError::NotUploaded);
        }
        let stored = stored.into_iter().next().ok_or(FilesError::FileNotFound)?;
        Ok((file, stored))
    }
}

/// An entity tag has quotes; a row that somebody else wrote may lack them.
pub(super) fn quoted(etag: &str) -> String {
    if etag.starts_with('"') || etag.starts_with("W/\"") { etag.to_owned() } else { format!("\"{etag}\"") }
}
