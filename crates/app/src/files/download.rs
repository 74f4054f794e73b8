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
use super::rows::{Role, Stored};

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
    let file = files.find(&caller, parse_id(id)?).await?;
    shown(&file).ok_or(FilesError::FileNotFound)?.respond_as_asked(files, query, headers, method).await
}

/// The content of a file that is uploaded, as it is shown; nothing where the book has none, which the operator hears of.
pub(super) fn shown(file: &Stored) -> Option<Shown> {
    let Some(object) = file.object(Role::Content) else {
        tracing::error!(file.id = %file.id, "a file is said to be uploaded, and no object of it is in the book");
        return None;
    };
    Some(Shown {
        id: file.id,
        changed_at: file.changed_at(),
        etag: quoted(file.etag.as_deref().unwrap_or_default()),
        name: file.name.clone().unwrap_or_default(),
        media_type: file.mime_type.clone().unwrap_or_else(|| media_type::UNKNOWN.to_owned()),
        cache_control: cache_control(file),
        size: object.size,
        key: object.key.clone(),
    })
}

/// What a cache may do with files of this bucket.
pub(super) fn cache_control(file: &Stored) -> String {
    file.bucket.cache_control.clone().unwrap_or_else(|| UNSAID.to_owned())
}

impl Files {
    /// The file `id`, if the caller may see it and it is uploaded.
    pub(super) async fn find(&self, caller: &Session, id: FileId) -> Result<Stored, FilesError> {
        let (rows, ids) = (&self.0.rows, slice::from_ref(&id));
        let (readable, stored) = tokio::try_join!(rows.readable(caller, ids), rows.stored(ids))?;
        let stored = stored.into_iter().next().filter(|file| readable.contains(&file.id));
        let file = stored.ok_or(FilesError::FileNotFound)?;
        if file.is_uploaded() { Ok(file) } else { Err(FilesError::NotUploaded) }
    }
}

/// An entity tag has quotes; a row that somebody else wrote may lack them.
pub(super) fn quoted(etag: &str) -> String {
    if etag.starts_with('"') || etag.starts_with("W/\"") { etag.to_owned() } else { format!("\"{etag}\"") }
}
