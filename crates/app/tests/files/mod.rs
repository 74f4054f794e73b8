//! Nhost Storage's API over its routes, a real folder, and a project in memory that validates documents and
//! applies permissions.

mod download;
mod project;
mod schema;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::files::{Files, Limits, Store, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use base::authenticate::{Authenticator, PUBLIC_ROLE};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use self::project::MemoryProject;

const SECRET: &str = "the administrator's secret";
const ANNA: &str = "4f1d3a52-8a4e-4e0c-9d3c-0a2b6e6f7a01";
const BORIS: &str = "4f1d3a52-8a4e-4e0c-9d3c-0a2b6e6f7a02";
const BOUNDARY: &str = "----formdata-7";

/// The service on a folder of its own.
struct Service {
    files: Files,
    router: Router,
    project: MemoryProject,
    folder: PathBuf,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Service {
    async fn start() -> Self {
        Self::start_with(Limits::default()).await
    }

    async fn start_with(limits: Limits) -> Self {
        let folder = std::env::temp_dir().join(format!("files-{}", uuid::Uuid::new_v4()));
        let project = MemoryProject::default();
        let secret = Some(SECRET.to_owned().into());
        let authenticator = Authenticator::new(secret, None, Some(PUBLIC_ROLE.to_owned()));
        let store = Store::disk(&folder).await.unwrap();
        let files = Files::new(Arc::new(project.clone()), authenticator, store, limits);
        Self { router: router(files.clone()), files, project, folder }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    async fn upload_as(&self, caller: Caller<'_>, form: Vec<u8>) -> Answer {
        self.send(upload_request(caller, Body::from(form))).await
    }

    /// Uploads one file as Anna and gives its id.
    async fn stored(&self, name: &str, media_type: &str, content: &[u8]) -> String {
        let answer =
            self.upload_as(Caller::User(ANNA), Form::new().file(name, media_type, content).end()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["processedFiles"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn fetch(
        &self,
        method: Method,
        path: &str,
        caller: Caller<'_>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = caller.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The files of a folder of the store, by path.
    fn stored_files(&self, below: &str) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.folder.join(below), &mut found);
        found.sort();
        found
            .iter()
            .map(|path| path.strip_prefix(&self.folder).unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    /// Nothing of an upload is left: no row, no bytes.
    fn assert_no_trace(&self) {
        assert_eq!(self.stored_files(""), Vec::<String>::new());
        assert!(self.project.files().is_empty());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, found) } else { found.push(path) }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The message of an error, which stands in the body and in `X-Error`.
    fn error(&self) -> (u16, String) {
        let message = self.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(self.header("x-error"), message);
        (self.status.as_u16(), message)
    }
}

/// Who calls.
#[derive(Clone, Copy)]
enum Caller<'a> {
    Nobody,
    User(&'a str),
    Role(&'a str),
    Admin,
}

impl Caller<'_> {
    fn request(self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match self {
            Self::Nobody => request,
            Self::Admin => request.header("x-hasura-admin-secret", SECRET),
            Self::Role(role) => request.header("x-hasura-admin-secret", SECRET).header("x-hasura-role", role),
            Self::User(id) => Self::Role("user").request_as(request, id),
        }
    }

    fn request_as(self, request: http::request::Builder, id: &str) -> http::request::Builder {
        let Self::Role(role) = self else { return request };
        request
            .header("x-hasura-admin-secret", SECRET)
            .header("x-hasura-role", role)
            .header("x-hasura-user-id", id)
    }
}

fn upload_request(caller: Caller<'_>, body: Body) -> Request<Body> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    caller.request(Method::POST, "/files").header("content-type", content_type).body(body).unwrap()
}

/// A multipart form.
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn new() -> Self {
        Self::default()
    }

    fn part(mut self, headers: &str, content: &[u8]) -> Self {
        self.0.extend(format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").as_bytes());
        self.0.extend(content);
        self.0.extend(b"\r\n");
        self
    }

    fn file(self, name: &str, media_type: &str, content: &[u8]) -> Self {
        let disposition = format!("Content-Disposition: form-data; name=\"file[]\"; filename=\"{name}\"");
        if media_type.is_empty() {
            return self.part(&disposition, content);
        }
        self.part(&format!("{disposition}\r\nContent-Type: {media_type}"), content)
    }

    fn metadata(self, json: &str) -> Self {
        let headers = "Content-Disposition: form-data; name=\"metadata[]\"; filename=\"\"\r\nContent-Type: application/json";
        self.part(headers, json.as_bytes())
    }

    fn bucket(self, id: &str) -> Self {
        self.part("Content-Disposition: form-data; name=\"bucket-id\"", id.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}

#[tokio::test]
async fn the_version_is_told_and_other_origins_may_call() {
    let service = Service::start().await;
    let answer =
        service.fetch(Method::GET, "/version", Caller::Nobody, &[("origin", "https://a.example")]).await;
    assert!(answer.json()["buildVersion"].is_string());
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("x-error"));

    let asked = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "authorization,x-nhost-bucket-id"),
    ];
    let preflight = service.fetch(Method::OPTIONS, "/files/x", Caller::Nobody, &asked).await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert!(preflight.header("access-control-allow-methods").contains("DELETE"));
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization,x-nhost-bucket-id");
}

#[tokio::test]
async fn after_a_crash_what_was_cut_short_is_forgotten() {
    let service = Service::start().await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    // What a crash between storing the bytes and completing the row leaves, and half an upload.
    service.project.set("isUploaded", &serde_json::json!(false));
    std::fs::write(service.folder.join("spool").join("half"), "x").unwrap();
    Store::disk(&service.folder).await.unwrap();
    assert_eq!(service.stored_files("").len(), 1);
    let path = format!("/files/{id}");
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (403, "file is not uploaded".to_owned()));

    assert_eq!(service.files.forget_unfinished(1_699_999_999).await, 0);
    service.project.fail("deleteFile");
    assert_eq!(service.files.forget_unfinished(1_700_000_001).await, 0);
    service.project.fail("none");
    assert_eq!(service.files.forget_unfinished(1_700_000_001).await, 1);
    service.assert_no_trace();
}

#[tokio::test]
async fn a_refused_upload_hears_why_over_a_real_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let service = Service::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = service.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let form = Form::new().file("big", "", &vec![b'x'; 30 << 20]).end();
    for (caller, status) in [("user", "400 Bad Request"), ("public", "403 Forbidden")] {
        let head = format!(
            "POST /files HTTP/1.1\r\nhost: a\r\nx-hasura-admin-secret: {SECRET}\r\nx-hasura-role: {caller}\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
            form.len()
        );
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&form).await.unwrap();
        let mut answer = vec![0; 1000];
        let length = connection.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    server.abort();
    service.assert_no_trace();
}

#[tokio::test]
async fn a_delete_takes_the_row_and_the_bytes_if_the_role_may() {
    let service = Service::start().await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}");
    let answer = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (403, "you are not authorized".to_owned()));
    let answer = service.fetch(Method::DELETE, &path, Caller::Nobody, &[]).await;
    assert_eq!(answer.error(), (403, "you are not authorized".to_owned()));
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.body, b"hello");

    let answer = service.fetch(Method::DELETE, &path, Caller::Role("janitor"), &[]).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    service.assert_no_trace();
    let again = service.fetch(Method::DELETE, &path, Caller::Role("janitor"), &[]).await;
    assert_eq!(again.error(), (404, "file not found".to_owned()));
    let malformed = service.fetch(Method::DELETE, "/files/../x", Caller::Admin, &[]).await;
    assert_eq!(malformed.status, StatusCode::NOT_FOUND);
    let malformed = service.fetch(Method::DELETE, "/files/x", Caller::Admin, &[]).await;
    assert_eq!(malformed.error(), (400, "invalid input syntax for type uuid: \"x\"".to_owned()));
}
