//! An answer with a file's bytes, whole or in part: conditions, ranges, and the headers that say what it is. Bytes
//! are streamed; nothing redirects.
//!
//! What people upload is not trusted: a browser must not guess its type, run it, or show it in place unless
//! it is of a type that runs nothing.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::ids::FileId;
use futures::StreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Files;
use super::disposition::content_disposition;
use super::error::FilesError;
use super::media_type;
use super::meters::{self, Outcome};
use super::precondition::{Validators, Verdict, format_http_date};
use super::range::{Span, span};
use super::store::{ObjectBytes, ObjectKey, StoreError};

/// Nothing of an uploaded file may run, whatever a browser takes it for.
const POLICY: &str = "sandbox; default-src 'none'";

const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// What the client wants of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// All of it.
    Get,
    /// The headers alone.
    Head,
}

/// Something that whoever asked may have.
pub(super) struct Shown {
    /// The file.
    pub(super) id: FileId,
    /// What people call it.
    pub(super) name: String,
    /// What it is, as it is told.
    pub(super) media_type: String,
    /// The entity tag, with its quotes.
    pub(super) etag: String,
    /// When it was changed last, in seconds since 1970.
    pub(super) changed_at: Option<i64>,
    /// How long a cache may keep it.
    pub(super) cache_control: String,
    /// How many bytes it has.
    pub(super) size: u64,
    /// Where they are.
    pub(super) key: ObjectKey,
}

/// Counts the answer, and makes one of an error.
pub(super) fn answered(result: Result<Response, FilesError>) -> Response {
    let response = result.unwrap_or_else(IntoResponse::into_response);
    meters::count_download(Outcome::of(response.status()));
    response
}

impl Shown {
    /// The answer to a request with these headers.
    pub(super) async fn respond(
        &self,
        files: &Files,
        headers: &HeaderMap,
        method: Method,
    ) -> Result<Response, FilesError> {
        if let Some(unchanged) = self.unchanged(headers)? {
            return Ok(unchanged);
        }
        // A range is defined for GET alone (RFC 9110, section 14.2).
        let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
        let range = range.filter(|_| method == Method::Get && self.validators().range_counts(headers));
        let asked = span(range, self.size);
        if method == Method::Head {
            return Ok((self.content_headers(asked), Body::empty()).into_response());
        }
        let (status, range) = match asked {
            Span::Whole => (StatusCode::OK, None),
            Span::Part { first, last } => (StatusCode::PARTIAL_CONTENT, Some((first, last))),
            Span::Unsatisfiable => return Err(FilesError::Range { size: self.size }),
        };
        let bytes = files.read(&self.key, range).await?;
        Ok((status, self.content_headers(asked), Body::from_stream(bytes)).into_response())
    }

    /// The answer that the client has it already, where its conditions say so.
    pub(super) fn unchanged(&self, headers: &HeaderMap) -> Result<Option<Response>, FilesError> {
        match self.validators().judge(headers) {
            Verdict::Send => Ok(None),
            Verdict::NotModified => {
                Ok(Some((StatusCode::NOT_MODIFIED, self.cache_headers()).into_response()))
            }
            Verdict::Failed => Err(FilesError::Precondition),
        }
    }

    fn validators(&self) -> Validators<'_> {
        Validators { etag: &self.etag, changed_at: self.changed_at }
    }

    /// What a cache needs to know; all that 304 says.
    fn cache_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        insert(&mut headers, CACHE_CONTROL, &self.cache_control);
        insert(&mut headers, ETAG, &self.etag);
        if let Some(date) = self.changed_at.and_then(format_http_date) {
            insert(&mut headers, LAST_MODIFIED, &date);
        }
        // Who may see a file depends on who asks: no cache may hand one caller's answer to another.
        insert(&mut headers, SURROGATE_CONTROL, "no-store");
        insert(&mut headers, SURROGATE_KEY, &self.id.to_string());
        insert(&mut headers, VARY, "authorization, x-hasura-admin-secret, x-hasura-role");
        headers
    }

    /// The headers of an answer with content.
    pub(super) fn content_headers(&self, asked: Span) -> HeaderMap {
        let mut headers = self.cache_headers();
        let media_type = media_type::served(&self.media_type);
        let disposition = content_disposition(&self.name, media_type::is_shown_in_place(&media_type));
        insert(&mut headers, CONTENT_TYPE, &media_type);
        insert(&mut headers, CONTENT_DISPOSITION, &disposition);
        insert(&mut headers, CONTENT_SECURITY_POLICY, POLICY);
        insert(&mut headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
        if let Span::Part { first, last } = asked {
            insert(&mut headers, CONTENT_RANGE, &format!("bytes {first}-{last}/{}", self.size));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(last - first + 1));
        } else {
            insert(&mut headers, ACCEPT_RANGES, "bytes");
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.size));
        }
        headers
    }
}

impl Files {
    /// Reads an object that the book says is there, and counts what is sent of it.
    async fn read(&self, key: &ObjectKey, range: Option<(u64, u64)>) -> Result<ObjectBytes, FilesError> {
        let bytes = match self.0.store.read(key, range).await {
            Err(StoreError::Missing) => {
                tracing::error!(object.key = %key, "an object is in the book and not in the store");
                return Err(FilesError::FileNotFound);
            }
            bytes => bytes?,
        };
        let counted = bytes.inspect(|chunk| match chunk {
            Ok(chunk) => meters::count_downloaded_bytes(chunk.len() as u64),
            // The client sees its connection break; why, only the log can say.
            Err(error) => tracing::warn!(%error, "a download broke off"),
        });
        Ok(counted.boxed())
    }
}

/// Sets a header whose value comes from a row; one that no header can carry is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
