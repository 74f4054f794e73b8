//! Keys that somebody else keeps at an address (`jwk_url`). Nothing is fetched here: whoever does installs what came,
//! and hears when a token named a key that is not known.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use arc_swap::ArcSwap;
use futures::task::AtomicWaker;
use serde::Deserialize;
use serde_json::Value;

use super::key::VerifyingKey;
use super::rules::Rules;
use crate::jws::Jwk;

/// The most keys that are taken from one address.
const MAX_KEYS: usize = 64;

/// A set of keys at an address. Cloning is cheap, and clones are the same.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Remote>);

struct Remote {
    url: String,
    rules: Arc<Rules>,
    keys: ArcSwap<Vec<VerifyingKey>>,
    missed: AtomicBool,
    waker: AtomicWaker,
}

/// Why what came from an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteKeysError {
    /// It is no JWK set.
    #[error("the answer is not a JWK set")]
    Malformed,
    /// None of its keys can verify tokens.
    #[error("the JWK set has no key that can verify tokens")]
    Empty,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl RemoteKeys {
    pub(super) fn new(url: String, rules: Arc<Rules>) -> Self {
        let keys = ArcSwap::from_pointee(Vec::new());
        let (missed, waker) = (AtomicBool::new(false), AtomicWaker::new());
        Self(Arc::new(Remote { url, rules, keys, missed, waker }))
    }

    /// Where they are.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Takes the keys of a JWK set in the place of those that were; gives how many. Members that cannot verify
    /// tokens are left out. After an error the old ones stay.
    pub fn install(&self, json: &[u8]) -> Result<usize, RemoteKeysError> {
        let set: JwkSet = serde_json::from_slice(json).map_err(|_| RemoteKeysError::Malformed)?;
        let members = set.keys.into_iter().take(MAX_KEYS);
        // A set may hold kinds of keys that nobody knew when this was written.
        let members = members.filter_map(|member| serde_json::from_value::<Jwk>(member).ok());
        let keys: Vec<VerifyingKey> =
            members.filter_map(|jwk| VerifyingKey::from_jwk(&jwk, &self.0.rules)).collect();
        if keys.is_empty() {
            return Err(RemoteKeysError::Empty);
        }
        let count = keys.len();
        self.0.keys.store(Arc::new(keys));
        Ok(count)
    }

    /// Waits until a token names a key that is not there. One at a time may wait.
    pub async fn missed(&self) {
        poll_fn(|context| {
            self.0.waker.register(context.waker());
            if self.0.missed.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(super) fn miss(&self) {
        if !self.0.missed.swap(true, Ordering::AcqRel) {
            self.0.waker.wake();
        }
    }

    pub(super) fn keys(&self) -> arc_swap::Guard<Arc<Vec<VerifyingKey>>> {
        self.0.keys.load()
    }
}
