//! Access tokens: JWTs with Hasura's claims. [`JwtKeys`] is the one place that knows which keys verify them and
//! which one signs; it is shared by all who ask, and its keys can be replaced while they do.
//!
//! Form and rules: Nhost Auth (payload `sub`, `iss`, `iat`, `exp`, claims under `https://hasura.io/jwt/claims`) and
//! Hasura v2's "Authentication using JWT". The way of a secret: [`secret`] (its JSON) -> `key` -> a set of keys.

mod claims;
mod key;
mod payload;
mod remote;
mod rules;
mod secret;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::ids::UserId;
use crate::jws::Compact;

pub use claims::AccessClaims;
use key::{SigningKey, VerifyingKey};
pub use remote::{RemoteKeys, RemoteKeysError};
pub use rules::TokenPlace;
pub use secret::JwtSecretError;

/// The claim under which Hasura looks for roles and session variables.
pub const HASURA_NAMESPACE: &str = "https://hasura.io/jwt/claims";

/// The issuer that Nhost Auth names where the secret says nothing else.
const DEFAULT_ISSUER: &str = "hasura-auth";

/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The keys that verify access tokens and the one that signs them. Cloning is cheap, and clones are the same.
#[derive(Clone)]
pub struct JwtKeys {
    set: Arc<ArcSwap<KeySet>>,
    clock: Clock,
}

/// The keys at one moment.
pub(crate) struct KeySet {
    /// Those that can sign, the preferred one first.
    signers: Vec<SigningKey>,
    verifiers: Vec<VerifyingKey>,
    remotes: Vec<RemoteKeys>,
    places: Vec<TokenPlace>,
}

/// Which keys judged a token: keys that replace them are another edition.
#[derive(Clone)]
pub struct KeyEdition(Weak<KeySet>);

impl PartialEq for KeyEdition {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of ours: its form, algorithm or signature is wrong.
    #[error("Could not verify JWT: JWSError JWSInvalidSignature")]
    Invalid,
    /// It was good once.
    #[error("Could not verify JWT: JWTExpired")]
    Expired,
    /// It will be good later.
    #[error("Could not verify JWT: JWTNotYetValid")]
    NotYetValid,
    /// It is somebody else's.
    #[error("Could not verify JWT: JWTNotInIssuer")]
    Issuer,
    /// It is for somebody else.
    #[error("Could not verify JWT: JWTNotInAudience")]
    Audience,
    /// It carries no usable Hasura claims.
    #[error("JWT claims are malformed or missing under the claims namespace")]
    Claims,
    /// No key here signs.
    #[error("no key signs access tokens")]
    NoSigningKey,
}

impl JwtKeys {
    /// Reads a secret in Nhost's JSON form, a list of such, or takes any other text as an HS256 key. Of a list,
    /// the first key that can sign does, once its `signs_from` has come; all verify at once.
    pub fn parse(secret: &SecretString, clock: Clock) -> Result<Self, JwtSecretError> {
        let set = secret::read(secret)?;
        Ok(Self { set: Arc::new(ArcSwap::from_pointee(set)), clock })
    }

    /// Replaces all keys at once; tokens under way are judged by the old keys or the new. After an error the
    /// old ones stay.
    pub fn replace(&self, secret: &SecretString) -> Result<(), JwtSecretError> {
        let mut set = secret::read(secret)?;
        let current = self.set.load();
        for remote in &mut set.remotes {
            let known = current.remotes.iter().find(|known| known.url() == remote.url());
            // Somebody keeps these up to date already; nobody would a new one.
            *remote = known.ok_or(JwtSecretError::NewUrl)?.clone();
        }
        self.set.store(Arc::new(set));
        Ok(())
    }

    /// The keys that judge now.
    pub fn edition(&self) -> KeyEdition {
        KeyEdition(Arc::downgrade(&self.set.load()))
    }

    /// Whether one of the keys signs.
    pub fn can_sign(&self) -> bool {
        !self.set.load().signers.is_empty()
    }

    /// Whether the key of this name signs now; `None` is the key without a name.
    pub fn is_signer(&self, kid: Option<&str>) -> bool {
        let set = self.set.load();
        set.signer(self.now()).is_some_and(|signer| signer.kid.as_deref() == kid)
    }

    /// Sets of keys that are kept elsewhere, and must be fetched.
    pub fn remotes(&self) -> Vec<RemoteKeys> {
        self.set.load().remotes.clone()
    }

    /// Where requests carry their tokens, the usual place first.
    pub fn with_places<T>(&self, look: impl FnMut(&TokenPlace) -> Option<T>) -> Option<T> {
        self.set.load().places.iter().find_map(look)
    }

    /// The public halves of the keys, as the members of a JWK set; shared (HMAC) keys have none.
    pub fn public_keys(&self) -> Vec<Value> {
        self.set.load().verifiers.iter().filter_map(VerifyingKey::public).collect()
    }

    /// Signs an access token for `user` that lives `lifetime_seconds`. `claims` become session variables
    /// and are named in lower case.
    pub fn sign(
        &self,
        user: UserId,
        lifetime_seconds: i64,
        default_role: &str,
        allowed_roles: &[String],
        claims: &BTreeMap<String, String>,
    ) -> Result<String, TokenError> {
        let set = self.set.load();
        let now = self.clock.unix_seconds();
        let key = set.signer(now).ok_or(TokenError::NoSigningKey)?;
        let mut hasura: Map<String, Value> =
            claims.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        hasura.insert("x-hasura-allowed-roles".to_owned(), Value::from(allowed_roles));
        hasura.insert("x-hasura-default-role".to_owned(), Value::from(default_role));
        hasura.insert("x-hasura-user-id".to_owned(), Value::from(user.to_string()));
        let mut payload = Map::new();
        payload.insert("sub".to_owned(), Value::from(user.to_string()));
        payload.insert("iss".to_owned(), Value::from(key.rules.own_issuer()));
        payload.insert("iat".to_owned(), Value::from(now));
        payload.insert("exp".to_owned(), Value::from(now.saturating_add(lifetime_seconds)));
        if let Some(audience) = key.rules.audience.first() {
            payload.insert("aud".to_owned(), Value::from(audience.as_str()));
        }
        key.rules.put_claims(&mut payload, &hasura);
        let json = payload::write(&payload).ok_or(TokenError::Claims)?;
        key.sign(json.get()).map_err(|_| TokenError::Invalid)
    }

    /// Reads a token of whoever has one of the keys: signature by a configured algorithm only, issuer and
    /// audience where the secret names them, time, claims.
    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let set = self.set.load();
        let (payload, rules) = set.payload(token)?;
        if rules.issuer.is_some() && payload.issuer() != rules.issuer.as_deref() {
            return Err(TokenError::Issuer);
        }
        payload.claims(&rules, self.clock.unix_seconds())
    }

    /// Reads a token that [`JwtKeys::sign`] made: the issuer must be ours.
    pub fn verify_own(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let set = self.set.load();
        let now = self.clock.unix_seconds();
        let signer = set.signer(now).ok_or(TokenError::NoSigningKey)?;
        let (payload, rules) = set.payload(token)?;
        if payload.issuer() != Some(signer.rules.own_issuer()) {
            return Err(TokenError::Issuer);
        }
        payload.claims(&rules, now)
    }

    /// The time that tokens are judged by, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.unix_seconds()
    }

    /// The clock that tokens are judged by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl KeySet {
    /// The key that signs at `now`: the first whose time has come, and before all of them the one whose time comes first,
    /// because a clock that was set back must not keep people out.
    fn signer(&self, now: i64) -> Option<&SigningKey> {
        let due = self.signers.iter().find(|key| key.from <= now);
        due.or_else(|| self.signers.iter().min_by_key(|key| key.from))
    }

    /// The payload of a token whose signature is one of these keys', and the rules that go with the key.
    ///
    /// A token that names its key is held against the key of that name, or else against those without one.
    fn payload(&self, token: &str) -> Result<(payload::Payload, Arc<rules::Rules>), TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let token = Compact::read(token).ok_or(TokenError::Invalid)?;
        let kid = token.kid.as_deref();
        let remote: Vec<_> = self.remotes.iter().map(RemoteKeys::keys).collect();
        let keys = || self.verifiers.iter().chain(remote.iter().flat_map(|keys| keys.iter()));
        let is_known = kid.is_some() && keys().any(|key| key.kid.as_deref() == kid);
        let fits = |key: &&VerifyingKey| match kid {
            None => true,
            Some(_) if is_known => key.kid.as_deref() == kid,
            Some(_) => key.kid.is_none(),
        };
        let read = |key: &VerifyingKey| key.read(&token).map(|payload| (payload, Arc::clone(&key.rules)));
        let found = keys().filter(fits).find_map(read);
        if found.is_none() && !is_known {
            // It may be one that was made since they were fetched.
            self.remotes.iter().for_each(RemoteKeys::miss);
        }
        found.ok_or(TokenError::Invalid)
    }
}

#[cfg(test)]
mod tests;
