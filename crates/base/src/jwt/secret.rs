//! Reads `NHOST_JWT_SECRET` and `HASURA_GRAPHQL_JWT_SECRET`: Nhost's JSON, a list of such, or a bare HS256 key.
//!
//! `{"type":"HS256","key":"…"}`, `{"type":"RS256","key":"PEM","signing_key":"PEM","kid":"…"}`, `{"jwk_url":"…"}`, and
//! Hasura's options beside them; and `signs_from`, in seconds since 1970, for a key that others are to learn before it
//! signs. An error never shows a key.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::KeySet;
use super::key::{SigningKey, VerifyingKey};
use super::remote::RemoteKeys;
use super::rules::{Mapped, Rules, TokenPlace};
use crate::json_path::JsonPath;
use crate::jws::{self, Algorithm, Compact, Family};

/// An HMAC key shorter than its hash can be guessed sooner than the hash (RFC 7518, section 3.2).
const MIN_HMAC_KEY_BYTES: usize = 32;

/// The most keys of a list: a token without a `kid` is held against each.
const MAX_KEYS: usize = 16;

/// Why a JWT secret cannot be used. Never shows the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtSecretError {
    /// The value looks like JSON and is none of Nhost's forms.
    #[error("is not one of Nhost's forms: {0}")]
    Malformed(String),
    /// The `type` is one that is not supported.
    #[error(
        "has the type `{0}`; HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA are supported"
    )]
    UnsupportedType(String),
    /// The key is too short to be safe.
    #[error("has a key of {0} bytes; {MIN_HMAC_KEY_BYTES} or more are needed")]
    TooShort(usize),
    /// The key cannot be used with its type.
    #[error("has a key that cannot be used: {0}")]
    BadKey(&'static str),
    /// The list is empty or too long.
    #[error("is a list of {0} keys; 1 to {MAX_KEYS} are possible")]
    Count(usize),
    /// Two keys of the list have the same name.
    #[error("has two keys with the `kid` {0:?}")]
    SameKid(String),
    /// Keys at an address cannot be added while the server runs.
    #[error("has a new `jwk_url`, which needs a restart")]
    NewUrl,
}

/// One key in its JSON form.
#[derive(Deserialize)]
struct SecretJson {
    #[serde(rename = "type")]
    kind: Option<String>,
    key: Option<String>,
    signing_key: Option<String>,
    kid: Option<String>,
    signs_from: Option<i64>,
    jwk_url: Option<String>,
    issuer: Option<String>,
    audience: Option<OneOrMany>,
    #[serde(default)]
    allowed_skew: u32,
    claims_namespace: Option<String>,
    claims_namespace_path: Option<String>,
    claims_format: Option<String>,
    claims_map: Option<BTreeMap<String, Value>>,
    header: Option<HeaderJson>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct HeaderJson {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
}

/// Reads a secret.
pub(super) fn read(secret: &SecretString) -> Result<KeySet, JwtSecretError> {
    let text = secret.expose_secret().trim();
    let entries: Vec<SecretJson> = match text.chars().next() {
        Some('{') => vec![parse(text)?],
        Some('[') => parse(text)?,
        _ => vec![SecretJson::bare(text)],
    };
    if !(1..=MAX_KEYS).contains(&entries.len()) {
        return Err(JwtSecretError::Count(entries.len()));
    }
    let mut set =
        KeySet { signers: Vec::new(), verifiers: Vec::new(), remotes: Vec::new(), places: Vec::new() };
    for entry in entries {
        let place = entry.place()?;
        if !set.places.contains(&place) {
            set.places.push(place);
        }
        if let Some(kid) = &entry.kid
            && set.verifiers.iter().any(|key| key.kid.as_ref() == Some(kid))
        {
            return Err(JwtSecretError::SameKid(kid.clone()));
        }
        entry.add_to(&mut set)?;
    }
    Ok(set)
}

/// What the reader says of a malformed text may quote it, so only the place is told.
fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, JwtSecretError> {
    serde_json::from_str(text).map_err(|error| {
        JwtSecretError::Malformed(format!("line {}, column {}", error.line(), error.column()))
    })
}

fn malformed(what: &str) -> JwtSecretError {
    JwtSecretError::Malformed(what.to_owned())
}

impl SecretJson {
    fn bare(key: &str) -> Self {
        Self {
            kind: Some("HS256".to_owned()),
            key: Some(key.to_owned()),
            signing_key: None,
            kid: None,
            signs_from: None,
            jwk_url: None,
            issuer: None,
            audience: None,
            allowed_skew: 0,
            claims_namespace: None,
            claims_namespace_path: None,
            claims_format: None,
            claims_map: None,
            header: None,
        }
    }

    fn place(&self) -> Result<TokenPlace, JwtSecretError> {
        let Some(header) = &self.header else { return Ok(TokenPlace::Authorization) };
        match (header.kind.as_str(), &header.name) {
            ("Authorization", _) => Ok(TokenPlace::Authorization),
            ("Cookie", Some(name)) => Ok(TokenPlace::Cookie(name.clone())),
            ("CustomHeader", Some(name)) => Ok(TokenPlace::Header(name.to_ascii_lowercase())),
            _ => Err(malformed("`header` is Authorization, or Cookie or CustomHeader with a `name`")),
        }
    }

    fn rules(&mut self) -> Result<Rules, JwtSecretError> {
        let namespace = match (self.claims_namespace.take(), self.claims_namespace_path.take()) {
            (Some(_), Some(_)) => return Err(malformed("`claims_namespace` and `claims_namespace_path`")),
            (Some(name), None) => JsonPath::key(&name),
            (None, Some(path)) => {
                JsonPath::parse(&path).ok_or_else(|| malformed("`claims_namespace_path` is no path"))?
            }
            (None, None) => Rules::default().namespace,
        };
        let stringified = match self.claims_format.as_deref() {
            None | Some("json") => false,
            Some("stringified_json") => true,
            Some(_) => return Err(malformed("`claims_format` is json or stringified_json")),
        };
        let map = self.claims_map.take().map(|map| map.into_iter().map(mapped).collect()).transpose()?;
        let audience = match self.audience.take() {
            None => Vec::new(),
            Some(OneOrMany::One(one)) => vec![one],
            Some(OneOrMany::Many(many)) => many,
        };
        let (issuer, allowed_skew) = (self.issuer.take(), i64::from(self.allowed_skew));
        Ok(Rules { issuer, audience, allowed_skew, namespace, stringified, map })
    }

    fn add_to(mut self, set: &mut KeySet) -> Result<(), JwtSecretError> {
        let rules = Arc::new(self.rules()?);
        if let Some(url) = self.jwk_url {
            if self.key.is_some() || self.signing_key.is_some() {
                return Err(malformed("`jwk_url` and a key"));
            }
            let is_web = url.starts_with("https://") || url.starts_with("http://");
            if !is_web || url.parse::<http::Uri>().is_err() {
                return Err(malformed("`jwk_url` is no address that begins with http:// or https://"));
            }
            set.remotes.push(RemoteKeys::new(url, rules));
            return Ok(());
        }
        let kind = self.kind.ok_or_else(|| malformed("`type` is missing"))?;
        let algorithm = Algorithm::named(&kind).ok_or(JwtSecretError::UnsupportedType(kind))?;
        let key = self.key.as_deref().map(str::as_bytes);
        let (verifying, signing) = if algorithm.family() == Family::Hmac {
            shared(algorithm, key.ok_or_else(|| malformed("`key` is missing"))?)?
        } else {
            pair(algorithm, key, self.signing_key.as_deref().map(str::as_bytes))?
        };
        set.verifiers.push(VerifyingKey::new(self.kid.clone(), verifying, Arc::clone(&rules)));
        if let Some(key) = signing {
            let from = self.signs_from.unwrap_or(i64::MIN);
            set.signers.push(SigningKey { kid: self.kid, rules, key, from });
        }
        Ok(())
    }
}

type Pair = (jws::VerifyingKey, Option<jws::SigningKey>);

fn shared(algorithm: Algorithm, secret: &[u8]) -> Result<Pair, JwtSecretError> {
    if secret.len() < MIN_HMAC_KEY_BYTES {
        return Err(JwtSecretError::TooShort(secret.len()));
    }
    let bad = |_| JwtSecretError::BadKey("`key` cannot be shared");
    let signing = jws::SigningKey::shared(algorithm, secret).map_err(bad)?;
    Ok((signing.verifying().map_err(bad)?, Some(signing)))
}

/// A public key, or the private one that it can be made from, or both.
fn pair(algorithm: Algorithm, public: Option<&[u8]>, private: Option<&[u8]>) -> Result<Pair, JwtSecretError> {
    let private = private.map(|text| jws::SigningKey::from_pem(algorithm, text)).transpose();
    let private = private
        .map_err(|_| JwtSecretError::BadKey("`signing_key` is not the PEM of a private key of its type"))?;
    let public = match (public, &private) {
        (Some(text), _) => jws::VerifyingKey::from_pem(algorithm, text),
        (None, Some(private)) => private.verifying(),
        (None, None) => return Err(malformed("`key` is missing")),
    };
    let bad = "`key` is not the PEM of a public key of its type, or it is too short";
    let public = public.map_err(|_| JwtSecretError::BadKey(bad))?;
    if let Some(private) = &private {
        check_pair(private, &public)?;
    }
    Ok((public, private))
}

/// A server whose own tokens it refuses would let nobody in: better not to start.
fn check_pair(private: &jws::SigningKey, public: &jws::VerifyingKey) -> Result<(), JwtSecretError> {
    let token = jws::sign(private, None, b"a message");
    let token = token.map_err(|_| JwtSecretError::BadKey("`signing_key` cannot sign with its type"))?;
    match Compact::read(&token).and_then(|token| token.payload_by(public)) {
        Some(_) => Ok(()),
        None => Err(JwtSecretError::BadKey("`key` and `signing_key` do not belong together")),
    }
}

/// An entry of `claims_map`: `{"path": "$.a.b", "default": …}`, or the value itself.
fn mapped((name, from): (String, Value)) -> Result<(String, Mapped), JwtSecretError> {
    let name = name.to_ascii_lowercase();
    let path = from.get("path").map(|path| path.as_str().and_then(JsonPath::parse));
    match path {
        None => Ok((name, Mapped::Literal(from))),
        Some(Some(path)) => Ok((name, Mapped::Path(path, from.get("default").cloned()))),
        Some(None) => Err(JwtSecretError::Malformed(format!("`claims_map` has no good path for {name}"))),
    }
}
