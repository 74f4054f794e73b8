//! The storage service over its routes, the real engine and a real database, with its bytes in a folder or in a bucket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use app::files::{
    Capacity, DiskStore, Files, Limits, Options, S3Store, SpoolFolder, Store, Studio, Swept, router,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use base::authenticate::{Authenticator, PUBLIC_ROLE};
use base::clock::Clock;
use base::session::Session;
use bytes::Bytes;
use clients::s3::{Bucket, Keys, ObjectHeaders, Settings};
use clients::testing::{Network, StoreOptions};
use db::PoolOptions;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::trouble::FailingProject;
use crate::project::World;

pub(super) const SECRET: &str = "the administrator's secret";
pub(super) const ANNA: &str = "00000000-0000-0000-0000-00000000000a";
pub(super) const BORIS: &str = "00000000-0000-0000-0000-00000000000b";
pub(super) const BOUNDARY: &str = "----formdata-7";

/// Spooled bytes of all uploads together.
const SPOOL_BYTES: u64 = 1 << 30;

/// The age from which on files may be in an archive.
pub(super) const ARCHIVED_AFTER: Duration = Duration::from_hours(30 * 24);

/// Where the bytes are.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Disk,
    Bucket,
    /// A bucket behind a network that may fail, for which nobody waits long.
    FarBucket,
}

/// The service on a place of its own.
pub(super) struct Service {
    pub(super) files: Files,
    pub(super) router: Router,
    pub(super) project: FailingProject,
    pub(super) clock: Clock,
    /// Where uploads are received, and what is kept on the disk.
    pub(super) folder: PathBuf,
    /// The store that has the bucket.
    pub(super) shop: Option<clients::testing::Store>,
    /// The network before it.
    pub(super) network: Option<Network>,
    pub(super) world: World,
}

fn key_id(keys: &Keys) -> String {
    match keys {
        Keys::Given { access_key_id, .. } => access_key_id.clone(),
        Keys::Machine(_) => panic!("the test store gives keys"),
    }
}

/// The store, and what it stands on.
async fn keep(place: Place, folder: &Path) -> (Store, Option<clients::testing::Store>, Option<Network>) {
    if matches!(place, Place::Disk) {
        return (Store::Disk(DiskStore::open(folder).await.unwrap()), None, None);
    }
    let bucket = folder.join("bucket");
    std::fs::create_dir(&bucket).unwrap();
    let shop = clients::testing::Store::start(&bucket, StoreOptions::default()).await;
    let (settings, network) = match place {
        Place::FarBucket => {
            let network = Network::before(shop.address()).await;
            let read_timeout = Duration::from_secs(3);
            let endpoint = Some(network.endpoint());
            (Settings { endpoint, read_timeout, ..shop.settings() }, Some(network))
        }
        Place::Bucket | Place::Disk => (shop.settings(), None),
    };
    let bucket = Bucket::open(settings, shop.keys()).unwrap();
    (Store::S3(S3Store::new(bucket, Clock::system()).archived_after(ARCHIVED_AFTER)), Some(shop), network)
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
        Box::pin(Self::start_as(place, limits, spool_bytes, Capacity::default())).await
    }

    /// A service that gives up on pictures at once.
    pub(super) async fn start_in_a_hurry(place: Place) -> Self {
        let capacity = Capacity { max_work: Duration::ZERO, ..Capacity::default() };
        Box::pin(Self::start_as(place, Limits::default(), SPOOL_BYTES, capacity)).await
    }

    async fn start_as(place: Place, limits: Limits, spool_bytes: u64, capacity: Capacity) -> Self {
        let folder = std::env::temp_dir().join(format!("files-{}", uuid::Uuid::new_v4()));
        let pool = PoolOptions { lanes: 2, exclusive: 4, ..PoolOptions::default() };
        let world = Box::pin(World::start_with(pool)).await;
        world
            .admin(
                r#"mutation { insertBuckets(objects: [
            { id: "small", minUploadFileSize: 4, maxUploadFileSize: 10 }
            { id: "private", presignedUrlsEnabled: false }
        ]) { affected_rows } }"#,
            )
            .await;
        let project = FailingProject::of(Arc::new(world.engine.clone()));
        let secret = Some(SECRET.to_owned().into());
        let authenticator = Authenticator::new(secret, None, Some(PUBLIC_ROLE.to_owned()));
        let spool = SpoolFolder::open(folder.join("spool"), spool_bytes).unwrap();
        let clock = Clock::manual(now());
        let (store, shop, network) = keep(place, &folder).await;
        let options = Options {
            studio: Studio::open(folder.join("pictures"), capacity).await.unwrap(),
            limits,
            clock: clock.clone(),
            signing_key: "under which addresses are signed".to_owned().into(),
            public_url: Some("https://brain.example".to_owned()),
        };
        let files = Files::new(Arc::new(project.clone()), authenticator, store, spool, options);
        Self { router: router(files.clone()), files, project, clock, folder, shop, network, world }
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

    /// Replaces the content of a file.
    pub(super) async fn replace_as(&self, caller: Caller<'_>, id: &str, form: Vec<u8>) -> Answer {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = caller.request(Method::PUT, &format!("/files/{id}"));
        self.send(request.header("content-type", content_type).body(Body::from(form)).unwrap()).await
    }

    /// Posts JSON.
    pub(super) async fn post(&self, path: &str, caller: Caller<'_>, json: &Value) -> Answer {
        let request = caller.request(Method::POST, path).header("content-type", "application/json");
        self.send(request.body(Body::from(json.to_string())).unwrap()).await
    }

    /// Sends a part of an upload to its place: the status and the entity tag.
    pub(super) async fn put_part(&self, place: &Value, content: &[u8]) -> (u16, String) {
        let url = place["url"].as_str().unwrap();
        let headers = place["headers"].as_object().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        if let Some(path) = url.strip_prefix("https://brain.example/v1") {
            let mut request = Request::builder().method(Method::PUT).uri(path);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = self.send(request.body(Body::from(content.to_vec())).unwrap()).await;
            return (answer.status.as_u16(), answer.header("etag").to_owned());
        }
        let mut request = reqwest::Client::new().put(url).body(content.to_vec());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) => {
                let etag = answer.headers().get("etag").map(|etag| etag.to_str().unwrap().to_owned());
                (answer.status().as_u16(), etag.unwrap_or_default())
            }
            // A request that is not as long as it says.
            Err(_) => (0, String::new()),
        }
    }

    /// Reads an address of the store: the status, the type and the bytes.
    pub(super) async fn fetch_from_store(&self, url: &str) -> (u16, String, Vec<u8>) {
        let answer = reqwest::get(url).await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (status, kind.unwrap_or_default(), answer.bytes().await.unwrap().to_vec())
    }

    /// One round of housekeeping.
    pub(super) async fn sweep(&self) -> Swept {
        self.files.sweep().await.unwrap()
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

    /// The keys of all objects, in order.
    pub(super) async fn objects(&self) -> Vec<String> {
        if let Some(shop) = &self.shop {
            let bucket = Bucket::open(shop.settings(), shop.keys()).unwrap();
            let listed = bucket.list("", None).await.unwrap();
            return listed.into_iter().map(|listed| listed.key).collect();
        }
        let mut found = Vec::new();
        list(&self.folder.join("uploads"), &mut found);
        found.sort();
        let key = |path: &PathBuf| path.strip_prefix(&self.folder).unwrap().to_str().unwrap().to_owned();
        found.iter().map(key).collect()
    }

    /// Removes the object at `key` behind the service's back.
    pub(super) async fn lose(&self, key: &str) {
        match &self.shop {
            Some(shop) => Bucket::open(shop.settings(), shop.keys()).unwrap().delete(key).await.unwrap(),
            None => std::fs::remove_file(self.folder.join(key)).unwrap(),
        }
    }

    /// Puts an object at `key` behind the service's back.
    pub(super) async fn plant(&self, key: &str, content: &'static [u8]) {
        let Some(shop) = &self.shop else {
            let path = self.folder.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            return std::fs::write(path, content).unwrap();
        };
        let bucket = Bucket::open(shop.settings(), shop.keys()).unwrap();
        let headers = ObjectHeaders {
            content_type: "text/plain".to_owned(),
            content_disposition: "attachment".to_owned(),
            cache_control: None,
        };
        let content = clients::s3::Content::Bytes(Bytes::from_static(content));
        bucket.put(key, content, &headers).await.unwrap();
    }

    /// From now on nothing can be put into the store.
    pub(super) fn break_store(&self) {
        if let Some(shop) = &self.shop {
            return shop.forbid(&key_id(&shop.keys()));
        }
        let uploads = self.folder.join("uploads");
        std::fs::remove_dir(&uploads).unwrap();
        std::fs::write(&uploads, "in the way").unwrap();
    }

    /// How many changed pictures are kept.
    pub(super) fn changed_pictures(&self) -> usize {
        let mut found = Vec::new();
        list(&self.folder.join("pictures"), &mut found);
        found.len()
    }

    /// How many uploads are being received.
    pub(super) fn spooled(&self) -> usize {
        std::fs::read_dir(self.folder.join("spool")).unwrap().count()
    }

    /// How many uploads in parts are under way in the store.
    pub(super) fn uploads_in_parts(&self) -> usize {
        match &self.shop {
            Some(shop) => shop.uploads(),
            None => std::fs::read_dir(self.folder.join("parts")).unwrap().count(),
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

    /// Nothing of what failed can be seen any more, and when nothing of it can arrive any more, nothing is left.
    pub(super) async fn assert_given_up(&self) {
        assert_eq!((self.objects().await, self.rows().await), (Vec::<String>::new(), Vec::new()));
        self.clock.advance(2 * 60 * 60);
        self.sweep().await;
        self.assert_no_trace().await;
    }

    /// What is in the store is in the book, and some time later nothing else is in the book.
    pub(super) async fn assert_no_orphan(&self) {
        let book = self.book().await;
        assert!(self.objects().await.iter().all(|key| book.contains(key)), "{book:?}");
        self.clock.advance(2 * 60 * 60);
        self.sweep().await;
        assert_eq!(self.objects().await, self.book().await);
    }

    /// Nothing of an upload is left: no row, no bytes, no line in the book.
    pub(super) async fn assert_no_trace(&self) {
        assert_eq!((self.objects().await, self.book().await), (Vec::new(), Vec::new()));
        assert_eq!((self.rows().await, self.spooled(), self.uploads_in_parts()), (Vec::new(), 0, 0));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
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
