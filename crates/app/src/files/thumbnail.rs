//! `GET` and `HEAD /files/{id}/thumbnail`: the small picture that was made of a picture when it came, if the caller
//! may see the file.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;

use super::Files;
use super::answer::{Method, Shown, answered};
use super::download::{cache_control, quoted};
use super::error::{FilesError, parse_id};
use super::rows::{Role, Stored};

/// Answers `GET /files/{id}/thumbnail`.
pub(super) async fn get(State(files): State<Files>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(respond(&files, &id, &headers, Method::Get).await)
}

/// Answers `HEAD /files/{id}/thumbnail`.
pub(super) async fn head(State(files): State<Files>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(respond(&files, &id, &headers, Method::Head).await)
}

async fn respond(
    files: &Files,
    id: &str,
    headers: &HeaderMap,
    method: Method,
) -> Result<Response, FilesError> {
    let caller = files.session(headers)?;
    let file = files.find(&caller, parse_id(id)?).await?;
    shown(&file).ok_or(FilesError::FileNotFound)?.respond(files, headers, method).await
}

/// What a thumbnail is, whose name was made by us.
fn media_type_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("webp") => "image/webp",
        _ => "image/jpeg",
    }
}

/// The file's thumbnail, where it has one.
pub(super) fn shown(file: &Stored) -> Option<Shown> {
    let object = file.object(Role::Thumbnail)?;
    let name = object.key.name();
    // The content's tag would do for a whole answer, but two answers with one tag must be the same bytes.
    let content = quoted(file.etag.as_deref().unwrap_or_default());
    let etag = format!("{}-thumbnail\"", content.trim_end_matches('"'));
    Some(Shown {
        id: file.id,
        name: name.trim_start_matches('.').to_owned(),
        media_type: media_type_of(name).to_owned(),
        etag,
        changed_at: file.changed_at(),
        cache_control: cache_control(file),
        size: object.size,
        key: object.key.clone(),
    })
}
