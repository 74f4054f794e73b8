//! Forms, as the SDKs send them.

use axum::body::Body;
use http::{Method, Request};

use super::Caller;

pub(super) const BOUNDARY: &str = "----formdata-7";

pub(super) fn upload_request(caller: Caller<'_>, body: Body) -> Request<Body> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    caller.request(Method::POST, "/files").header("content-type", content_type).body(body).unwrap()
}

/// A multipart form.
#[derive(Default)]
pub(super) struct Form(Vec<u8>);

impl Form {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn part(mut self, headers: &str, content: &[u8]) -> Self {
        self.0.extend(format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").as_bytes());
        self.0.extend(content);
        self.0.extend(b"\r\n");
        self
    }

    pub(super) fn file(self, name: &str, media_type: &str, content: &[u8]) -> Self {
        let disposition = format!("Content-Disposition: form-data; name=\"file[]\"; filename=\"{name}\"");
        if media_type.is_empty() {
            return self.part(&disposition, content);
        }
        self.part(&format!("{disposition}\r\nContent-Type: {media_type}"), content)
    }

    pub(super) fn metadata(self, json: &str) -> Self {
        let headers = "Content-Disposition: form-data; name=\"metadata[]\"; filename=\"\"\r\nContent-Type: application/json";
        self.part(headers, json.as_bytes())
    }

    pub(super) fn bucket(self, id: &str) -> Self {
        self.part("Content-Disposition: form-data; name=\"bucket-id\"", id.as_bytes())
    }

    /// What was written so far, without an end.
    pub(super) fn begun(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}
