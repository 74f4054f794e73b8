//! The storage service over its routes, the real engine and a real database, with its bytes in a folder or in a bucket.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use app::files::{DiskStore, Files, Limits, Options, S3Store, SpoolFolder, Store, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use base::authenticate::{Authenticator, PUBLIC_ROLE};
use base::clock::Clock;
use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use clients::s3::Bucket;
use clients::testing::StoreOptions;
use db::PoolOptions;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::project::World;

pub(super) const SECRET: &str = "the administrator's secret";
pub(super) const ANNA: &str = "00000000-0000-0000-0000-00000000000a";
pub(super) const BORIS: &str = "00000000-0000-0000-0000-00000000000b";
pub(super) const BOUNDARY: &str = "----formdata-7";

/// Spooled bytes of all uploads together.
const SPOOL_BYTES: u64 = 1 << 30;

/// Where the bytes are to be.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// In a folder.
    Disk,
    /// In a bucket, of a server in this process that checks signatures.
    S3,
}

/// Where they are, as the tests get at them past the service.
enum Kept {
    Disk,
    S3 { server: clients::testing::Store, bucket: Bucket },
}

impl Place {
    /// A store of the service's own.
    async fn open(self, folder: &Path) -> (Store, Kept) {
        match self {
            Self::Disk => (Store::Disk(DiskStore::open(folder).await.unwrap()), Kept::Disk),
            Self::S3 => {
                let server =
                    clients::testing::Store::start(&folder.join("s3"), StoreOptions::default()).await;
                server.allow("tests", "tests-secret");
                let open = |keys| Bucket::open(server.settings(), keys).unwrap();
                let store = Store::S3(S3Store::new(open(server.keys())));
                let bucket = open(clients::testing::Store::keys_of("tests", "tests-secret"));
                (store, Kept::S3 { server, bucket })
            }
        }
    }
}

/// A project of which some documents fail as if the database were away.
#[derive(Clone)]
pub(super) struct FailingProject {
    project: Arc<dyn Project>,
    failing: Arc<Mutex<Option<&'static str>>>,
}

impl FailingProject {
    /// Makes every document that contains `words` fail.
    pub(super) fn fail(&self, words: &'static str) {
        *self.failing.lock().unwrap() = Some(words);
    }

    pub(super) fn recover(&self) {
        *self.failing.lock().unwrap() = None;
    }
}

impl Project for FailingProject {
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>> {
        if self.failing.lock().unwrap().is_some_and(|words| request.query.contains(words)) {
            return Box::pin(async { Err(GraphqlError::new("unavailable", "$", "no connection")) });
        }
        self.project.execute(session, request)
    }

    fn watch(
        &self,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        self.project.watch(session, request)
    }
}

/// The service on a place of its own.
pub(super) struct Service {
    pub(super) files: Files,
    pub(super) router: Router,
    pub(super) project: FailingProject,
    pub(super) clock: Clock,
    /// Where uploads are received, and what is kept on the disk.
    pub(super) folder: PathBuf,
    pub(super) world: World,
    kept: Kept,
}

fn now() -> i64 {
    Clock::system().unix_seconds()
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Service {
    pub(super) async fn start(place: Place) -> Self {
        Self::start_with(place, Limits::default(), SPOOL_BYTES).await
    }

    pub(super) async fn start_with(place: Place, limits: Limits, spool_bytes: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("files-{}", uuid::Uuid::new_v4()));
        let world = World::start_with(PoolOptions { lanes: 2, exclusive: 4, ..PoolOptions::default() }).await;
        world
            .admin(
                r#"mutation { insertBuckets(objects: [
            { id: "small", minUploadFileSize: 4, maxUploadFileSize: 10 }
            { id: "private", presignedUrlsEnabled: false }
        ]) { affected_rows } updateBucket(pk_columns: { id: "default" }, _set: { maxUploadFileSize: 20000000 }) { id } }"#,
            )
            .await;
        let project = FailingProject { project: Arc::new(world.engine.clone()), failing: Arc::default() };
        let secret = Some(SECRET.to_owned().into());
        let authenticator = Authenticator::new(secret, None, Some(PUBLIC_ROLE.to_owned()));
        let spool = SpoolFolder::open(folder.join("spool"), spool_bytes).unwrap();
        let (store, kept) = place.open(&folder).await;
        let clock = Clock::manual(now());
        let options = Options {
            limits,
            clock: clock.clone(),
            signing_key: "under which addresses are signed".to_owned().into(),
            public_url: Some("https://brain.example".to_owned()),
        };
        let files = Files::new(Arc::new(project.clone()), authenticator, store, spool, options);
        Self { router: router(files.clone()), files, project, clock, folder, world, kept }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(super) async fn upload_as(&self, caller: Caller<'_>, form: Vec<u8>) -> Answer {
        self.send(upload_request(caller, Body::from(form))).await
    }

    /// Uploads one file as Anna and gives its id.
    pub(super) async fn stored(&self, name: &str, media_type: &str, content: &[u8]) -> String {
        let answer =
            self.upload_as(Caller::User(ANNA), Form::new().file(name, media_type, content).end()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["processedFiles"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn fetch(
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

    /// The keys of what is in the store, in order.
    pub(super) async fn objects(&self) -> Vec<String> {
        match &self.kept {
            Kept::Disk => files_below(&self.folder, "uploads"),
            Kept::S3 { bucket, .. } => {
                bucket.list("uploads/", None).await.unwrap().into_iter().map(|listed| listed.key).collect()
            }
        }
    }

    /// What is being received.
    pub(super) fn spooled(&self) -> Vec<String> {
        files_below(&self.folder, "spool")
    }

    /// Takes everything out of the store, past the service.
    pub(super) async fn lose_objects(&self) {
        for key in self.objects().await {
            match &self.kept {
                Kept::Disk => std::fs::remove_file(self.folder.join(key)).unwrap(),
                Kept::S3 { bucket, .. } => bucket.delete(&key).await.unwrap(),
            }
        }
    }

    /// From now on the store takes nothing.
    pub(super) fn break_store(&self) {
        match &self.kept {
            Kept::Disk => {
                let uploads = self.folder.join("uploads");
                std::fs::remove_dir_all(&uploads).unwrap();
                std::fs::write(&uploads, "in the way").unwrap();
            }
            Kept::S3 { server, .. } => server.forbid("first"),
        }
    }

    /// The rows of `storage.files`.
    pub(super) async fn rows(&self) -> Vec<Value> {
        let rows =
            self.world.admin("{ files(order_by: [{ createdAt: asc }]) { id name etag isUploaded } }").await;
        rows["files"].as_array().unwrap().clone()
    }

    /// Changes columns of every file.
    pub(super) async fn set(&self, columns: Value) {
        let query =
            "mutation($set: files_set_input!) { updateFiles(where: {}, _set: $set) { affected_rows } }";
        self.world.run(&Session::admin(), query, json!({ "set": columns })).await.unwrap();
    }

    /// Makes of every object one that was put into the store and never became what its file shows.
    pub(super) async fn unkeep(&self) {
        let until = "2 minutes";
        let client = self.world.pool.client().await.unwrap();
        let unkeep =
            format!("update stored_objects set is_current = false, expected_until = now() + '{until}'");
        client.batch_execute(&unkeep).await.unwrap();
    }

    /// The keys in the book, in order.
    pub(super) async fn book(&self) -> Vec<String> {
        let lines = self.world.admin("{ stored_objects(order_by: [{ key: asc }]) { key } }").await;
        let lines = lines["stored_objects"].as_array().unwrap();
        lines.iter().map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    }

    /// Nothing of an upload is left: no row, no bytes, no line in the book.
    pub(super) async fn assert_no_trace(&self) {
        assert_eq!((self.objects().await, self.spooled()), (Vec::new(), Vec::new()));
        assert_eq!((self.rows().await, self.book().await), (Vec::new(), Vec::new()));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The files below a folder in `folder`, by their paths from there, in order.
fn files_below(folder: &Path, below: &str) -> Vec<String> {
    let mut found = Vec::new();
    list(&folder.join(below), &mut found);
    found.sort();
    found.iter().map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect()
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, found) } else { found.push(path) }
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The message of an error, which stands in the body and in `X-Error`.
    pub(super) fn error(&self) -> (u16, String) {
        let message = self.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(self.header("x-error"), message);
        (self.status.as_u16(), message)
    }
}

/// Who calls.
#[derive(Clone, Copy)]
pub(super) enum Caller<'a> {
    Nobody,
    User(&'a str),
    Role(&'a str),
    Admin,
}

impl Caller<'_> {
    pub(super) fn request(self, method: Method, path: &str) -> http::request::Builder {
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

pub(super) fn upload_request(caller: Caller<'_>, body: Body) -> Request<Body> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    caller.request(Method::POST, "/files").header("content-type", content_type).body(body).unwrap()
}

/// A multipart form.
#[derive(Default)]
pub(super) struct Form(pub(super) Vec<u8>);

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

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}
