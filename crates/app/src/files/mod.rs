//! Nhost Storage's API: files go up, come down and are deleted as the caller's permissions on
//! `storage.files` allow. One endpoint, one file; `store/` keeps the bytes.
//!
//! The order of an upload: receive all of the form into spool files (counting, hashing, against the
//! bucket's limits) -> insert the row as the caller, with the true size -> move the bytes into the store
//! -> complete the row as the administrator. A row is `isUploaded` only once its bytes are on the disk, so
//! whatever is cut short is never readable. Nothing here asks the database itself or knows the engine.

mod body;
mod delete;
mod disposition;
mod download;
mod error;
mod form;
mod limits;
mod media_type;
mod meters;
mod picture;
mod precondition;
mod range;
mod rows;
mod store;
mod sweep;
mod upload;
mod version;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use base::authenticate::Authenticator;
use base::project::Project;
use base::session::Session;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, Method};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use self::error::FilesError;
use self::rows::Rows;

pub use self::limits::Limits;
pub use self::store::{DiskStore, Store};

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_LIFE: Duration = Duration::from_hours(12);

/// The storage service. Cloning is cheap, and clones are the same service.
#[derive(Clone)]
pub struct Files(Arc<Service>);

struct Service {
    rows: Rows,
    authenticator: Authenticator,
    store: Store,
    limits: Limits,
    uploads: Semaphore,
    /// What a client's going away must not cut short.
    unfinished: TaskTracker,
}

impl Files {
    /// A service whose rows are in `project` and whose bytes are in `store`.
    pub fn new(
        project: Arc<dyn Project>,
        authenticator: Authenticator,
        store: Store,
        limits: Limits,
    ) -> Self {
        meters::describe();
        Self(Arc::new(Service {
            rows: Rows::new(project),
            authenticator,
            store,
            uploads: Semaphore::new(limits.concurrent_uploads),
            limits,
            unfinished: TaskTracker::new(),
        }))
    }

    /// Waits until what was begun is stored or undone. Call it when no more requests come.
    pub async fn finish(&self) {
        self.0.unfinished.close();
        self.0.unfinished.wait().await;
    }

    fn session(&self, headers: &HeaderMap) -> Result<Session, FilesError> {
        Ok(self.0.authenticator.session(headers)?)
    }
}

/// The routes of Nhost Storage, relative to where they are mounted: `/files`, `/files/{id}`, `/version`.
pub fn router(files: Files) -> Router {
    file_routes(files).route("/version", get(version::version)).layer(cors())
}

/// The same without `/version`, for a place where that is another service's.
pub fn router_without_version(files: Files) -> Router {
    file_routes(files).layer(cors())
}

fn file_routes(files: Files) -> Router {
    Router::new()
        .route("/files", post(upload::upload))
        .route("/files/{id}", get(download::get).head(download::head).delete(delete::delete))
        .with_state(files)
}

/// Any origin may call, as with Nhost Storage: no cookie stands for anybody here.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::PUT, Method::POST, Method::HEAD, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            ACCEPT_RANGES,
            CACHE_CONTROL,
            CONTENT_DISPOSITION,
            CONTENT_LENGTH,
            CONTENT_RANGE,
            CONTENT_TYPE,
            ETAG,
            LAST_MODIFIED,
            HeaderName::from_static(error::ERROR_HEADER),
        ])
        .max_age(PREFLIGHT_LIFE)
}
