//! One key with its name and the rules that go with it.

use std::sync::Arc;

use serde_json::Value;

use super::payload::Payload;
use super::rules::Rules;
use crate::jws::{self, Compact, Jwk, KeyError};

/// A key that verifies tokens: by one algorithm, or where it is somebody else's and does not say, by each of its kind.
pub(super) struct VerifyingKey {
    pub(super) kid: Option<String>,
    pub(super) rules: Arc<Rules>,
    keys: Vec<jws::VerifyingKey>,
    public: Option<Value>,
}

/// A key that signs tokens.
pub(super) struct SigningKey {
    pub(super) kid: Option<String>,
    pub(super) rules: Arc<Rules>,
    pub(super) key: jws::SigningKey,
    /// Since when it signs, in seconds since 1970.
    pub(super) from: i64,
}

impl SigningKey {
    pub(super) fn sign(&self, payload: &str) -> Result<String, KeyError> {
        jws::sign(&self.key, self.kid.as_deref(), payload.as_bytes())
    }
}

impl VerifyingKey {
    /// A key of ours, whose public half is published.
    pub(super) fn new(kid: Option<String>, key: jws::VerifyingKey, rules: Arc<Rules>) -> Self {
        let public = Jwk::of(&key, kid.as_deref()).and_then(|jwk| serde_json::to_value(jwk).ok());
        Self { kid, rules, keys: vec![key], public }
    }

    /// A member of somebody else's JWK set, where it is one that verifies tokens.
    pub(super) fn from_jwk(jwk: &Jwk, rules: &Arc<Rules>) -> Option<Self> {
        let keys = jwk.verifying();
        let kid = jwk.kid.clone();
        (!keys.is_empty()).then(|| Self { kid, rules: Arc::clone(rules), keys, public: None })
    }

    /// The payload of a token, if the signature is this key's.
    pub(super) fn read(&self, token: &Compact<'_>) -> Option<Payload> {
        let payload = self.keys.iter().find_map(|key| token.payload_by(key))?;
        serde_json::from_slice(&payload).ok().map(Payload)
    }

    /// The public half.
    pub(super) fn public(&self) -> Option<Value> {
        self.public.clone()
    }
}
