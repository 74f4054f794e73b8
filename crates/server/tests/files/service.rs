//! The service over its routes, a project and a store of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use app::files::{Files, Limits, Store, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use base::authenticate::{Authenticator, PUBLIC_ROLE};
use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use db::Pool;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use super::{Form, upload_request};
use crate::project::world::World;

pub(super) const SECRET: &str = "the administrator's secret";
pub(super) const ANNA: &str = "00000000-0000-0000-0000-00000000000a";
pub(super) const BORIS: &str = "00000000-0000-0000-0000-00000000000b";

/// Buckets as the tests want them: one for small files, one that people may not write to.
const BUCKETS: &str = "
    update storage.buckets set min_upload_file_size = 4, max_upload_file_size = 10 where id = 'messages';
    update storage.buckets set max_upload_file_size = 20000000 where id = 'default';
    insert into storage.buckets (id, cache_control) values ('private', 'no-store');
";

/// Where the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Disk,
}

/// The service on a project and a folder of its own.
pub(super) struct Service {
    pub(super) files: Files,
    pub(super) router: Router,
    pub(super) folder: PathBuf,
    pub(super) pool: Pool,
    faults: Arc<Faults>,
    place: Place,
    _world: World,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Service {
    pub(super) async fn start(place: Place) -> Self {
        Self::start_with(place, Limits::default()).await
    }

    pub(super) async fn start_with(place: Place, limits: Limits) -> Self {
        let world = Box::pin(World::start()).await;
        world.pool.client().await.unwrap().batch_execute(BUCKETS).await.unwrap();
        let folder = std::env::temp_dir().join(format!("files-{}", Uuid::new_v4()));
        let faults = Arc::new(Faults { project: Arc::new(world.engine.clone()), failing: Mutex::new(None) });
        let secret = Some(SECRET.to_owned().into());
        let authenticator = Authenticator::new(secret, None, Some(PUBLIC_ROLE.to_owned()));
        let store = match place {
            Place::Disk => Store::disk(&folder).await.unwrap(),
        };
        let files = Files::new(Arc::clone(&faults) as Arc<dyn Project>, authenticator, store, limits);
        Self {
            router: router(files.clone()),
            files,
            folder,
            pool: world.pool.clone(),
            faults,
            place,
            _world: world,
        }
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

    /// Makes what asks for the root field `field` fail as if the database were away; `None`: nothing fails.
    pub(super) fn fail(&self, field: Option<&'static str>) {
        *self.faults.failing.lock().unwrap() = field;
    }

    /// Changes all files behind the service's back: `set` is SQL.
    pub(super) async fn change_rows(&self, set: &str) {
        self.pool.execute(&format!("update storage.files set {set}"), &[]).await.unwrap();
    }

    /// The entity tag of the one file that there is.
    pub(super) async fn etag(&self) -> String {
        self.pool.query_one("select etag from storage.files", &[]).await.unwrap().get(0)
    }

    /// When the one file that there is was changed, as HTTP says it, or so many seconds before.
    pub(super) async fn changed_at(&self, seconds_before: i32) -> String {
        let sql = "select to_char((updated_at - make_interval(secs => $1)) at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS \"GMT\"') from storage.files";
        self.pool.query_one(sql, &[&f64::from(seconds_before)]).await.unwrap().get(0)
    }

    /// A number that SQL tells.
    pub(super) async fn count(&self, sql: &str) -> i64 {
        self.pool.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub(super) async fn rows(&self) -> i64 {
        self.count("select count(*) from storage.files").await
    }

    /// The keys of what is in the store.
    pub(super) async fn objects(&self) -> Vec<String> {
        match self.place {
            Place::Disk => files_below(&self.folder, "uploads"),
        }
    }

    /// What is being received.
    pub(super) fn spooled(&self) -> Vec<String> {
        files_below(&self.folder, "spool")
    }

    /// Takes all objects out of the store, behind the service's back.
    pub(super) async fn lose_objects(&self) {
        match self.place {
            Place::Disk => {
                for key in self.objects().await {
                    std::fs::remove_file(self.folder.join(key)).unwrap();
                }
            }
        }
    }

    /// From now on the store takes nothing.
    pub(super) async fn break_store(&self) {
        match self.place {
            Place::Disk => {
                let uploads = self.folder.join("uploads");
                std::fs::remove_dir_all(&uploads).unwrap();
                std::fs::write(&uploads, "in the way").unwrap();
            }
        }
    }

    /// Nothing of an upload is left: no row, no bytes.
    pub(super) async fn assert_no_trace(&self) {
        assert_eq!((self.objects().await, self.spooled()), (Vec::new(), Vec::new()));
        assert_eq!(self.rows().await, 0);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // What was not made yet need not be removed.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The files of a folder below `folder`, by their paths from there.
fn files_below(folder: &Path, below: &str) -> Vec<String> {
    let mut found = Vec::new();
    list(&folder.join(below), &mut found);
    let mut found: Vec<String> =
        found.iter().map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect();
    found.sort();
    found
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
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The message of an error, which stands in the body and in `X-Error`.
    pub(super) fn error(&self) -> (u16, String) {
        let message = self.json()["error"]["message"].as_str().unwrap_or("no error").to_owned();
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
            Self::User(id) => request
                .header("x-hasura-admin-secret", SECRET)
                .header("x-hasura-role", "user")
                .header("x-hasura-user-id", id),
        }
    }
}

/// The project as it is, but that it can be made to fail.
struct Faults {
    project: Arc<dyn Project>,
    failing: Mutex<Option<&'static str>>,
}

impl Project for Faults {
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>> {
        let failing = *self.failing.lock().unwrap();
        if failing.is_some_and(|field| request.query.contains(&format!(" {field}("))) {
            let error = GraphqlError::new("unavailable", "$", "the database is away");
            return Box::pin(async { Err(error) });
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
