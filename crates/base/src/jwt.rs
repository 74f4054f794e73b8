//! Access tokens: a JWT with Hasura's claims, signed and read with the key that `NHOST_JWT_SECRET` names.
//!
//! Form and rules: Nhost Auth (payload `sub`, `iss`, `iat`, `exp` and the claims under
//! `https://hasura.io/jwt/claims`) and Hasura v2's "Authentication using JWT".

use std::collections::BTreeMap;
use std::fmt::Write;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::clock::Clock;
use crate::ids::UserId;

/// The claim under which Hasura looks for roles and session variables.
pub const HASURA_NAMESPACE: &str = "https://hasura.io/jwt/claims";

/// The issuer that Nhost Auth names where the secret says nothing else.
const DEFAULT_ISSUER: &str = "hasura-auth";

/// An HMAC key shorter than its hash can be guessed sooner than the hash (RFC 7518, section 3.2).
const MIN_HMAC_KEY_BYTES: usize = 32;

/// The key that signs and verifies access tokens, with the rules that go with it.
#[derive(Clone)]
pub struct JwtKey {
    algorithm: Algorithm,
    issuer: Option<String>,
    namespace: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    clock: Clock,
}

/// Why a JWT secret cannot be used. Never shows the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtKeyError {
    /// The value looks like JSON and is none of Nhost's forms.
    #[error("is not one of Nhost's forms: {0}")]
    Malformed(String),
    /// The `type` is one that is not supported.
    #[error("has the type `{0}`; HS256, HS384 and HS512 are supported")]
    UnsupportedType(String),
    /// The key is too short to be safe.
    #[error("has a key of {0} bytes; {MIN_HMAC_KEY_BYTES} or more are needed")]
    TooShort(usize),
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of ours: its form, algorithm, signature or issuer is wrong.
    #[error("Could not verify JWT: JWSError JWSInvalidSignature")]
    Invalid,
    /// It was good once.
    #[error("Could not verify JWT: JWTExpired")]
    Expired,
    /// It carries no usable Hasura claims.
    #[error("JWT claims are malformed or missing under the claims namespace")]
    Claims,
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whom it is for.
    pub user_id: Option<UserId>,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
    /// The roles that its bearer may act in.
    pub allowed_roles: Vec<String>,
    /// The role when none is asked for.
    pub default_role: String,
    /// The other session variables, by lower-case name (`x-hasura-user-id`).
    pub variables: BTreeMap<String, String>,
}

/// `NHOST_JWT_SECRET` in its JSON form.
#[derive(Deserialize)]
struct SecretJson {
    #[serde(rename = "type")]
    kind: String,
    key: String,
    issuer: Option<String>,
    claims_namespace: Option<String>,
}

#[derive(Serialize)]
struct PayloadOut<'a> {
    sub: UserId,
    iss: &'a str,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    hasura: BTreeMap<&'a str, Value>,
}

#[derive(Deserialize)]
struct PayloadIn {
    sub: Option<String>,
    iss: Option<String>,
    iat: Option<i64>,
    exp: Option<i64>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl JwtKey {
    /// Reads a secret in Nhost's JSON form, or takes any other text as an HS256 key.
    pub fn parse(secret: &SecretString, clock: Clock) -> Result<Self, JwtKeyError> {
        let text = secret.expose_secret().trim();
        if !text.starts_with('{') {
            return Self::hmac(Algorithm::HS256, text.as_bytes(), None, None, clock);
        }
        let json: SecretJson = serde_json::from_str(text).map_err(|error| {
            JwtKeyError::Malformed(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let algorithm = match json.kind.as_str() {
            "HS256" => Algorithm::HS256,
            "HS384" => Algorithm::HS384,
            "HS512" => Algorithm::HS512,
            _ => return Err(JwtKeyError::UnsupportedType(json.kind)),
        };
        Self::hmac(algorithm, json.key.as_bytes(), json.issuer, json.claims_namespace, clock)
    }

    fn hmac(
        algorithm: Algorithm,
        key: &[u8],
        issuer: Option<String>,
        namespace: Option<String>,
        clock: Clock,
    ) -> Result<Self, JwtKeyError> {
        if key.len() < MIN_HMAC_KEY_BYTES {
            return Err(JwtKeyError::TooShort(key.len()));
        }
        Ok(Self {
            algorithm,
            issuer,
            namespace: namespace.unwrap_or_else(|| HASURA_NAMESPACE.to_owned()),
            signing: EncodingKey::from_secret(key),
            verifying: DecodingKey::from_secret(key),
            clock,
        })
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
        let now = self.clock.unix_seconds();
        let mut hasura: serde_json::Map<String, Value> =
            claims.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        hasura.insert("x-hasura-allowed-roles".to_owned(), Value::from(allowed_roles));
        hasura.insert("x-hasura-default-role".to_owned(), Value::from(default_role));
        hasura.insert("x-hasura-user-id".to_owned(), Value::from(user.to_string()));
        let payload = PayloadOut {
            sub: user,
            iss: self.own_issuer(),
            iat: now,
            exp: now.saturating_add(lifetime_seconds),
            hasura: BTreeMap::from([(self.namespace.as_str(), Value::Object(hasura))]),
        };
        let json = serde_json::to_string(&payload).map_err(|_| TokenError::Claims)?;
        let json = RawValue::from_string(escape_for_atob(&json)).map_err(|_| TokenError::Claims)?;
        jsonwebtoken::encode(&Header::new(self.algorithm), &json, &self.signing)
            .map_err(|_| TokenError::Invalid)
    }

    /// Reads a token of whoever has the key: signature by the configured algorithm only, the issuer where the
    /// secret names one, time, claims.
    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let payload = self.payload(token)?;
        if self.issuer.is_some() && payload.iss != self.issuer {
            return Err(TokenError::Invalid);
        }
        self.claims(&payload)
    }

    /// Reads a token that [`JwtKey::sign`] made: the issuer must be ours.
    pub fn verify_own(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let payload = self.payload(token)?;
        if payload.iss.as_deref() != Some(self.own_issuer()) {
            return Err(TokenError::Invalid);
        }
        self.claims(&payload)
    }

    /// The time that tokens are judged by, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.unix_seconds()
    }

    fn own_issuer(&self) -> &str {
        self.issuer.as_deref().unwrap_or(DEFAULT_ISSUER)
    }

    fn payload(&self, token: &str) -> Result<PayloadIn, TokenError> {
        let mut rules = Validation::new(self.algorithm);
        // The time is checked below against the injected clock, the audience is nobody's business here.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode(token, &self.verifying, &rules);
        Ok(decoded.map_err(|_| TokenError::Invalid)?.claims)
    }

    fn claims(&self, payload: &PayloadIn) -> Result<AccessClaims, TokenError> {
        let now = self.clock.unix_seconds();
        let expires_at = payload.exp.ok_or(TokenError::Invalid)?;
        if expires_at <= now {
            return Err(TokenError::Expired);
        }
        if payload.iat.is_some_and(|issued| issued > now) {
            return Err(TokenError::Invalid);
        }
        let claims = payload.rest.get(&self.namespace).ok_or(TokenError::Claims)?;
        read_claims(claims, payload.sub.as_deref(), expires_at)
    }
}

fn read_claims(claims: &Value, subject: Option<&str>, expires_at: i64) -> Result<AccessClaims, TokenError> {
    let claims = claims.as_object().ok_or(TokenError::Claims)?;
    let mut allowed_roles = Vec::new();
    let mut default_role = None;
    let mut variables = BTreeMap::new();
    for (name, value) in claims {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("x-hasura-allowed-roles", Value::Array(roles)) => {
                allowed_roles = roles.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            }
            ("x-hasura-default-role", Value::String(role)) => default_role = Some(role.clone()),
            (name, Value::String(text)) if name.starts_with("x-hasura-") => {
                variables.insert(name.to_owned(), text.clone());
            }
            _ => {}
        }
    }
    let default_role = default_role.ok_or(TokenError::Claims)?;
    if !allowed_roles.contains(&default_role) {
        return Err(TokenError::Claims);
    }
    let user_id = subject.and_then(|text| text.parse().ok());
    Ok(AccessClaims { user_id, expires_at, allowed_roles, default_role, variables })
}

/// Writes as `\u00XX` whatever would put a `-` or `_` into the payload's base64url: `@nhost/nhost-js` 4
/// reads it with `atob`, which knows neither. Such characters stand only inside strings of a JSON text.
fn escape_for_atob(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character.is_ascii() && !matches!(character, '>' | '?' | '~' | '\u{7f}') {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn key(secret: &str, clock: Clock) -> JwtKey {
        JwtKey::parse(&SecretString::from(secret.to_owned()), clock).unwrap()
    }

    fn sign(key: &JwtKey, claims: &BTreeMap<String, String>) -> String {
        key.sign(UserId(uuid::Uuid::nil()), 900, "user", &["user".to_owned(), "me".to_owned()], claims)
            .unwrap()
    }

    #[test]
    fn a_signed_token_reads_back() {
        let key = key(SECRET, Clock::manual(1_000));
        let custom = BTreeMap::from([("x-hasura-org".to_owned(), "ü>?~".to_owned())]);
        let claims = key.verify(&sign(&key, &custom)).unwrap();
        assert_eq!(claims.user_id, Some(UserId(uuid::Uuid::nil())));
        assert_eq!(claims.expires_at, 1_900);
        assert_eq!(claims.default_role, "user");
        assert_eq!(claims.variables.get("x-hasura-org").map(String::as_str), Some("ü>?~"));
    }

    #[test]
    fn the_payload_has_no_character_that_atob_refuses() {
        let key = key(SECRET, Clock::manual(1_000));
        let custom = BTreeMap::from([("x-hasura-org".to_owned(), "??>>~~ÿÿüü🙂".to_owned())]);
        let token = sign(&key, &custom);
        let payload = token.split('.').nth(1).unwrap();
        assert!(!payload.contains(['-', '_']), "{payload}");
    }

    #[test]
    fn an_old_forged_or_foreign_token_is_refused() {
        let clock = Clock::manual(1_000);
        let ours = key(SECRET, clock.clone());
        let token = sign(&ours, &BTreeMap::new());
        let foreign = key("fedcba9876543210fedcba9876543210", clock.clone());
        assert_eq!(foreign.verify(&token), Err(TokenError::Invalid));
        let longer = key(&format!(r#"{{"type":"HS512","key":"{SECRET}"}}"#), clock.clone());
        assert_eq!(longer.verify(&token), Err(TokenError::Invalid));
        assert_eq!(ours.verify("a.b.c"), Err(TokenError::Invalid));
        assert_eq!(ours.verify(""), Err(TokenError::Invalid));
        clock.advance(900);
        assert_eq!(ours.verify(&token), Err(TokenError::Expired));
    }

    #[test]
    fn a_secret_is_checked_without_being_shown() {
        let parse = |text: &str| JwtKey::parse(&SecretString::from(text.to_owned()), Clock::manual(0)).err();
        assert_eq!(parse("short"), Some(JwtKeyError::TooShort(5)));
        assert_eq!(
            parse(&format!(r#"{{"type":"XX","key":"{SECRET}"}}"#)),
            Some(JwtKeyError::UnsupportedType("XX".to_owned()))
        );
        assert!(matches!(parse(r#"{"type":"HS256"}"#), Some(JwtKeyError::Malformed(_))));
        assert_eq!(parse(&format!(r#"{{"type":"HS384","key":"{SECRET}"}}"#)), None);
    }
}
