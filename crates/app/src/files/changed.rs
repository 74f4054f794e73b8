//! A picture as the request wants it: `GET` and `HEAD` of a file with `w`, `h`, `q`, `b` or `f`. Who may see the file may
//! see it changed; nothing here asks who calls.
//!
//! `Range` does not count: what is made has other bytes than the file.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures::{StreamExt as _, TryStreamExt as _};
use http::HeaderMap;
use http::header::{ACCEPT_RANGES, VARY};
use tokio_util::io::ReaderStream;

use super::Files;
use super::answer::{Method, Shown};
use super::error::FilesError;
use super::meters;
use super::picture::{Format, MAX_SOURCE_BYTES, Options, PictureError, ReadyContent, Variant};
use super::range::Span;
use super::store::{ObjectKey, Store};

/// How much of a kept picture is read at a time.
const CHUNK_BYTES: usize = 64 << 10;

impl Shown {
    /// The answer to a request with this query and these headers.
    pub(super) async fn respond_as_asked(
        self,
        files: &Files,
        query: Option<&str>,
        headers: &HeaderMap,
        method: Method,
    ) -> Result<Response, FilesError> {
        match Options::read(query.unwrap_or_default(), headers)? {
            None => self.respond(files, headers, method).await,
            Some(options) => self.respond_changed(files, options, headers, method).await,
        }
    }

    async fn respond_changed(
        mut self,
        files: &Files,
        options: Options,
        headers: &HeaderMap,
        method: Method,
    ) -> Result<Response, FilesError> {
        // A file is of the type that its bytes showed when it came, so that nothing else need be read.
        let source = Format::of_media_type(&self.media_type).filter(|format| format.is_changed());
        let options = options.of_source(source.ok_or(PictureError::NotAnImage)?);
        let variant = Variant { file: self.id, source_etag: self.etag, options };
        self.etag = variant.etag();
        if let Some(mut unchanged) = self.unchanged(headers)? {
            vary(unchanged.headers_mut(), options);
            return Ok(unchanged);
        }
        let studio = &files.0.studio;
        let ready = match studio.kept(&variant).await {
            Some(ready) => ready,
            None if self.size > MAX_SOURCE_BYTES => return Err(PictureError::TooLarge.into()),
            None => studio.make(&variant, read(files.0.store.clone(), self.key.clone(), self.size)).await?,
        };
        let media_type = ready.format.media_type();
        if media_type != self.media_type {
            self.name = format!("{}.{}", self.name, ready.format.extension());
            media_type.clone_into(&mut self.media_type);
        }
        self.size = ready.size;
        let mut headers = self.content_headers(Span::Whole);
        headers.remove(ACCEPT_RANGES);
        vary(&mut headers, options);
        let body = match method {
            Method::Head => Body::empty(),
            Method::Get => sent(ready.content),
        };
        Ok((headers, body).into_response())
    }
}

/// Tells caches that another `Accept` may get another picture.
fn vary(headers: &mut HeaderMap, options: Options) {
    if options.depends_on_accept() {
        headers.append(VARY, http::HeaderValue::from_static("accept"));
    }
}

/// The object under `key`, all `size` bytes of it.
async fn read(store: Store, key: ObjectKey, size: u64) -> Result<Bytes, PictureError> {
    let mut stream = store.read(&key, None).await?;
    let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
        // The book was wrong about its size.
        if bytes.len() as u64 > MAX_SOURCE_BYTES {
            return Err(PictureError::TooLarge);
        }
    }
    Ok(bytes.freeze())
}

fn sent(content: ReadyContent) -> Body {
    match content {
        ReadyContent::Bytes(bytes) => {
            meters::count_downloaded_bytes(bytes.len() as u64);
            Body::from(bytes)
        }
        ReadyContent::File(file) => {
            let chunks = ReaderStream::with_capacity(file, CHUNK_BYTES);
            Body::from_stream(chunks.inspect(|chunk| match chunk {
                Ok(chunk) => meters::count_downloaded_bytes(chunk.len() as u64),
                Err(error) => tracing::warn!(%error, "a changed picture broke off"),
            }))
        }
    }
}
