//! Nhost Storage's API: files go up, come down and are deleted as the caller's permissions on
//! `storage.files` allow. One endpoint, one file; `store/` keeps the bytes.
//!
//! The order of an upload: receive all of the form into spool files (counting, hashing, against the
//! bucket's limits) -> insert the row as the caller, with the true size -> write into the book what comes ->
//! put the bytes into the store -> complete the row as the administrator. A row is `isUploaded` only once its
//! bytes are kept, so whatever is cut short is never readable. Nothing here asks the database itself.

mod answer;
mod body;
mod changed;
mod compare;
mod content;
mod delete;
mod disposition;
mod download;
mod error;
mod form;
mod housekeeping;
mod in_parts;
mod json;
mod keep;
mod limits;
mod media_type;
mod meters;
mod operations;
mod picture;
mod precondition;
mod prepare;
mod presigned;
mod range;
mod replace;
mod replacement_form;
mod rows;
mod signature;
mod spool;
mod store;
mod thumbnail;
mod turns;
mod upload;
mod version;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use base::authenticate::Authenticator;
use base::clock::Clock;
use base::project::Project;
use base::session::Session;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, Method};
use secrecy::SecretString;
use tokio_util::task::TaskTracker;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use self::error::FilesError;
use self::rows::Rows;
use self::signature::Signer;
use self::turns::Turns;

pub use self::compare::{Book, Comparison, Finding, Line, Unlisted};
pub use self::housekeeping::Swept;
pub use self::limits::{Limits, Pace};
pub use self::picture::{Capacity, Studio};
pub use self::spool::SpoolFolder;
pub use self::store::{DiskStore, Listed, NoKey, ObjectKey, S3Store, Store, StoreError};

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_LIFE: Duration = Duration::from_hours(12);

/// The storage service. Cloning is cheap, and clones are the same service.
#[derive(Clone)]
pub struct Files(Arc<Service>);

struct Service {
    rows: Rows,
    authenticator: Authenticator,
    store: Store,
    spool: SpoolFolder,
    studio: Studio,
    limits: Limits,
    clock: Clock,
    signer: Signer,
    public_url: Option<String>,
    turns: Arc<Turns>,
    /// When rows without a line in the book were looked for last, in seconds since 1970.
    searched_at: AtomicI64,
    /// What a client's going away must not cut short.
    unfinished: TaskTracker,
}

/// What the service needs beside its rows and its store.
pub struct Options {
    /// How much may be asked of it.
    pub limits: Limits,
    /// Where pictures are worked on.
    pub studio: Studio,
    /// What time it is.
    pub clock: Clock,
    /// Under which presigned addresses of files on the disk are signed.
    pub signing_key: SecretString,
    /// The address that clients reach this server by, without a slash at its end; `None`: as the request names it.
    pub public_url: Option<String>,
}

impl Files {
    /// A service whose rows are in `project` and whose bytes are in `store`, on their way in `spool`.
    pub fn new(
        project: Arc<dyn Project>,
        authenticator: Authenticator,
        store: Store,
        spool: SpoolFolder,
        options: Options,
    ) -> Self {
        meters::describe();
        let Options { limits, studio, clock, signing_key, public_url } = options;
        Self(Arc::new(Service {
            rows: Rows::new(project),
            authenticator,
            store,
            spool,
            studio,
            turns: Turns::new(&limits),
            limits,
            clock,
            signer: Signer::new(&signing_key),
            public_url,
            searched_at: AtomicI64::new(0),
            unfinished: TaskTracker::new(),
        }))
    }

    /// Waits until what was begun is stored or undone. Call it when no more requests come.
    pub async fn finish(&self) {
        self.0.unfinished.close();
        self.0.unfinished.wait().await;
    }

    fn now(&self) -> i64 {
        self.0.clock.unix_seconds()
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
        .route(
            "/files/{id}",
            get(download::get).head(download::head).put(replace::replace).delete(delete::delete),
        )
        .route("/files/{id}/thumbnail", get(thumbnail::get).head(thumbnail::head))
        .route("/files/{id}/presignedurl", get(presigned::one))
        .route("/files/{id}/presignedurl/contents", get(presigned::get).head(presigned::head))
        .route("/files/presignedurls", post(presigned::many))
        .route("/files/uploads", post(in_parts::begin))
        .route("/files/uploads/{id}", get(in_parts::state).delete(in_parts::abort))
        .route("/files/uploads/{id}/parts", post(in_parts::sign))
        .route("/files/uploads/{id}/parts/{number}", put(in_parts::receive))
        .route(
            "/files/uploads/{id}/complete",
            post(in_parts::complete).layer(DefaultBodyLimit::max(in_parts::JSON_BYTES)),
        )
        .route("/ops/list-orphans", post(operations::list_orphans))
        .route("/ops/delete-orphans", post(operations::delete_orphans))
        .route("/ops/list-broken-metadata", post(operations::list_broken_metadata))
        .route("/ops/delete-broken-metadata", post(operations::delete_broken_metadata))
        .route("/ops/list-not-uploaded", post(operations::list_not_uploaded))
        .layer(DefaultBodyLimit::max(files.0.limits.json_bytes))
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
