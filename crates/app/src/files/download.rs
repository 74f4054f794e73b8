//! `GET` and `HEAD /files/{id}`: a file's bytes, whole or in part, if the caller may see its row. Bytes are
//! streamed; nothing redirects.
//!
//! What people upload is not trusted: a browser must not guess its type, run it, or show it in place unless
//! it is of a type that runs nothing.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::session::Session;
use futures::StreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio_util::io::ReaderStream;

use super::Files;
use super::disposition::content_disposition;
use super::error::{FilesError, parse_id};
use super::media_type;
use super::meters::{self, Outcome};
use super::precondition::{Validators, Verdict, format_http_date};
use super::range::{Span, span};
use super::rows::{Bucket, ReadableFile};
use super::store::{ObjectKey, StoredObject};

/// How much is read from the disk at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Nothing of an uploaded file may run, whatever a browser takes it for.
const POLICY: &str = "sandbox; default-src 'none'";

const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// A file that the caller may read, with what its answer says about it.
struct Found {
    file: ReadableFile,
    etag: String,
    bucket: Option<Bucket>,
}

/// Answers `GET /files/{id}`.
pub(super) async fn get(State(files): State<Files>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(respond(&files, &id, &headers, Method::Get).await)
}

/// Answers `HEAD /files/{id}`.
pub(super) async fn head(State(files): State<Files>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(respond(&files, &id, &headers, Method::Head).await)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Head,
}

fn answered(result: Result<Response, FilesError>) -> Response {
    let response = result.unwrap_or_else(IntoResponse::into_response);
    meters::count_download(Outcome::of(response.status()));
    response
}

async fn respond(
    files: &Files,
    id: &str,
    headers: &HeaderMap,
    method: Method,
) -> Result<Response, FilesError> {
    let caller = files.session(headers)?;
    let found = find(files, &caller, id).await?;
    let validators = Validators { etag: &found.etag, changed_at: found.file.changed_at() };
    match validators.judge(headers) {
        Verdict::Send => {}
        Verdict::NotModified => return Ok((StatusCode::NOT_MODIFIED, found.cache_headers()).into_response()),
        Verdict::Failed => return Err(FilesError::Precondition),
    }
    let key = ObjectKey::new(found.file.id, found.file.name.as_deref().unwrap_or_default());
    let Some(object) = files.0.store.open(&key).await? else {
        tracing::error!(file.id = %found.file.id, "a file's row is there and its bytes are not");
        return Err(FilesError::FileNotFound);
    };
    // A range is defined for GET alone (RFC 9110, section 14.2).
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let range = range.filter(|_| method == Method::Get && validators.range_counts(headers));
    let asked = span(range, object.size);
    if method == Method::Head {
        return Ok((found.content_headers(object.size, asked), Body::empty()).into_response());
    }
    send(&found, object, asked).await
}

async fn find(files: &Files, caller: &Session, id: &str) -> Result<Found, FilesError> {
    let rows = &files.0.rows;
    let file = rows.readable(caller, parse_id(id)?).await?.ok_or(FilesError::FileNotFound)?;
    if file.is_uploaded != Some(true) {
        return Err(FilesError::NotUploaded);
    }
    let bucket = rows.bucket(&file.bucket_id).await?;
    Ok(Found { etag: quoted(file.etag.as_deref().unwrap_or_default()), file, bucket })
}

async fn send(found: &Found, object: StoredObject, asked: Span) -> Result<Response, FilesError> {
    let size = object.size;
    let (status, start, length) = match asked {
        Span::Whole => (StatusCode::OK, 0, size),
        Span::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Span::Unsatisfiable => return Err(FilesError::Range { size }),
    };
    let bytes = ReaderStream::with_capacity(object.read(start, length).await?, CHUNK_BYTES);
    let counted = bytes.inspect(|chunk| {
        if let Ok(chunk) = chunk {
            meters::count_downloaded_bytes(chunk.len() as u64);
        }
    });
    Ok((status, found.content_headers(size, asked), Body::from_stream(counted)).into_response())
}

impl Found {
    /// What a cache needs to know; all that 304 says.
    fn cache_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let cache_control = self.bucket.as_ref().and_then(|bucket| bucket.cache_control.as_deref());
        insert(&mut headers, CACHE_CONTROL, cache_control.unwrap_or("no-cache"));
        insert(&mut headers, ETAG, &self.etag);
        if let Some(date) = self.file.changed_at().and_then(format_http_date) {
            insert(&mut headers, LAST_MODIFIED, &date);
        }
        // Who may see a file depends on who asks: no cache may hand one caller's answer to another.
        insert(&mut headers, SURROGATE_CONTROL, "no-store");
        insert(&mut headers, SURROGATE_KEY, &self.file.id.to_string());
        insert(&mut headers, VARY, "authorization, x-hasura-admin-secret, x-hasura-role");
        headers
    }

    /// The headers of an answer with content, of a file of `size` bytes.
    fn content_headers(&self, size: u64, asked: Span) -> HeaderMap {
        let mut headers = self.cache_headers();
        let declared = self.file.mime_type.as_deref().filter(|declared| media_type::is_type(declared));
        let media_type = declared.unwrap_or(media_type::UNKNOWN);
        let name = self.file.name.as_deref().unwrap_or_default();
        let disposition = content_disposition(name, media_type::is_shown_in_place(media_type));
        insert(&mut headers, CONTENT_TYPE, media_type);
        insert(&mut headers, CONTENT_DISPOSITION, &disposition);
        insert(&mut headers, CONTENT_SECURITY_POLICY, POLICY);
        insert(&mut headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
        if let Span::Part { first, last } = asked {
            insert(&mut headers, CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(last - first + 1));
        } else {
            insert(&mut headers, ACCEPT_RANGES, "bytes");
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        }
        headers
    }
}

/// Sets a header whose value comes from a row; one that no header can carry is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// An entity tag has quotes; a row that somebody else wrote may lack them.
fn quoted(etag: &str) -> String {
    if etag.starts_with('"') || etag.starts_with("W/\"") { etag.to_owned() } else { format!("\"{etag}\"") }
}
