//! The store: it listens on a port of this machine, knows some keys, and keeps objects in a folder.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Result, s3_error};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::request::Remaining;
use super::shelf::Shelf;
use crate::s3::{Encryption, Keys, Settings};

/// The bucket that is there.
const BUCKET: &str = "brain-test";

/// What the store knows of, besides objects.
#[derive(Debug, Default)]
pub(super) struct Manners {
    /// The keys that may call, with their secrets.
    keys: HashMap<String, String>,
    /// The rights that callers have; all of them, where nothing is said.
    rights: Option<&'static [&'static str]>,
    /// Whether an ACL is refused, as buckets made since 2023 do.
    pub(super) refuses_acl: bool,
    /// Whether `If-None-Match` is refused, as old stores do.
    pub(super) refuses_conditions: bool,
    /// Whether checksums of parts are neither compared nor kept, as old stores do.
    pub(super) ignores_checksums: bool,
}

/// How a store is to behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreOptions {
    /// It refuses ACLs, as buckets made since 2023 do.
    pub refuses_acl: bool,
    /// It does not know `If-None-Match`, as old stores.
    pub refuses_conditions: bool,
    /// It neither compares nor keeps checksums of parts, as old stores.
    pub ignores_checksums: bool,
}

/// A store of objects with one bucket. It ends with this value.
#[derive(Debug)]
pub struct Store {
    address: SocketAddr,
    manners: Arc<Mutex<Manners>>,
    shelf: Shelf,
    _serving: AbortOnDropHandle<()>,
}

impl Store {
    /// The keys that it knows from the start: their id and secret.
    pub const FIRST_KEYS: (&str, &str) = ("first", "first-secret");

    /// Starts one that keeps its objects in `folder`, and knows the first keys.
    pub async fn start(folder: &Path, options: StoreOptions) -> Self {
        tokio::fs::create_dir_all(folder.join(BUCKET)).await.unwrap();
        let manners = Manners {
            keys: HashMap::new(),
            rights: None,
            refuses_acl: options.refuses_acl,
            refuses_conditions: options.refuses_conditions,
            ignores_checksums: options.ignores_checksums,
        };
        let manners = Arc::new(Mutex::new(manners));
        let shelf = Shelf::new(folder, Arc::clone(&manners));
        let mut service = S3ServiceBuilder::new(shelf.clone());
        service.set_auth(Guard(Arc::clone(&manners)));
        service.set_access(Guard(Arc::clone(&manners)));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let service = service.clone();
                // Otherwise the end of an answer waits for the client's word on its beginning, 40 ms of each.
                connection.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let answer = service_fn(move |request| answer(service.clone(), request));
                    // A connection that breaks off is the client's matter.
                    let _ = server.serve_connection(TokioIo::new(connection), answer).await;
                });
            }
        });
        let store = Self { address, manners, shelf, _serving: AbortOnDropHandle::new(serving) };
        store.allow(Self::FIRST_KEYS.0, Self::FIRST_KEYS.1);
        store
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Settings for its bucket, with short times.
    pub fn settings(&self) -> Settings {
        Settings {
            bucket: BUCKET.to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: Some(self.endpoint()),
            public_endpoint: None,
            path_style: true,
            object_acl: None,
            encryption: Encryption::Store,
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(5),
            attempts: 3,
        }
    }

    /// The keys that it knows from the start.
    pub fn keys(&self) -> Keys {
        Self::keys_of(Self::FIRST_KEYS.0, Self::FIRST_KEYS.1)
    }

    /// Keys with this id and secret.
    pub fn keys_of(id: &str, secret: &str) -> Keys {
        Keys::Given { access_key_id: id.to_owned(), secret_access_key: secret.into(), session_token: None }
    }

    /// Lets these keys call, too.
    pub fn allow(&self, id: &str, secret: &str) {
        let mut manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        manners.keys.insert(id.to_owned(), secret.to_owned());
    }

    /// Lets these keys call no more.
    pub fn forbid(&self, id: &str) {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner).keys.remove(id);
    }

    /// Gives callers these rights alone, named as in a policy (`s3:GetObject`); `None`: all.
    pub fn give_rights(&self, rights: Option<&'static [&'static str]>) {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner).rights = rights;
    }

    /// Moves an object to the archive.
    pub fn archive(&self, key: &str) {
        self.shelf.archive(key);
    }

    /// Whether somebody has asked for an archived object to be restored, and it is not yet.
    pub fn is_restoring(&self, key: &str) -> bool {
        self.shelf.is_restoring(key)
    }

    /// Ends the restoring of an object: it can be read.
    pub fn finish_restoring(&self, key: &str) {
        self.shelf.finish_restoring(key);
    }

    /// How many uploads in parts are under way.
    pub fn uploads(&self) -> usize {
        self.shelf.uploads()
    }
}

/// Answers a request once all of it came.
async fn answer(service: S3Service, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
    let (head, body) = request.into_parts();
    let body = Remaining::new(body);
    let rest = body.clone();
    let answer = service.call(Request::from_parts(head, Body::http_body(body))).await;
    rest.drain().await;
    answer
}

/// Who may call.
struct Guard(Arc<Mutex<Manners>>);

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, id: &str) -> S3Result<SecretKey> {
        let manners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = manners.keys.get(id).ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        Ok(SecretKey::from(secret.as_str()))
    }
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, call: &mut S3AccessContext<'_>) -> S3Result<()> {
        let right = match call.s3_op().name() {
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => "PutObject",
            "HeadObject" => "GetObject",
            "ListObjectsV2" => "ListBucket",
            "ListParts" => "ListMultipartUploadParts",
            name => name,
        };
        let manners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = |given: &&str| given.strip_prefix("s3:") == Some(right);
        let may = manners.rights.is_none_or(|rights| rights.iter().any(is_right));
        // Who did not sign is nobody.
        if may && call.credentials().is_some() { Ok(()) } else { Err(s3_error!(AccessDenied)) }
    }
}
