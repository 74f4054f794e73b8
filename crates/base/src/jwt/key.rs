//! One key: what it verifies or signs, its name, and its public half as a JWK (RFC 7517).

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Validation};
use serde_json::{Map, Value};

use super::payload::Payload;
use super::rules::Rules;

/// RFC 7518, section 3.3: RSA keys have 2048 bits or more.
const MIN_MODULUS_CHARS: usize = 342;

/// A key that verifies.
pub(super) struct VerifyingKey {
    pub(super) kid: Option<String>,
    pub(super) rules: Arc<Rules>,
    validation: Validation,
    key: DecodingKey,
    public: Option<Value>,
}

/// A key that signs.
pub(super) struct SigningKey {
    pub(super) kid: Option<String>,
    pub(super) rules: Arc<Rules>,
    pub(super) algorithm: Algorithm,
    pub(super) key: EncodingKey,
}

impl VerifyingKey {
    /// A key for one algorithm; `Err` says in a word what is wrong with the key.
    pub(super) fn new(
        algorithm: Algorithm,
        kid: Option<String>,
        key: DecodingKey,
        rules: Arc<Rules>,
    ) -> Result<Self, &'static str> {
        if algorithm.family() == AlgorithmFamily::Hmac {
            return Ok(Self { kid, rules, validation: validation(&[algorithm]), key, public: None });
        }
        let jwk = Jwk::from_decoding_key(&key, Some(algorithm)).map_err(|_| "the public key is malformed")?;
        if !algorithms_of(&jwk).contains(&algorithm) {
            return Err("the key is of another kind than its type says, or too short");
        }
        let public = published(jwk, kid.as_deref());
        Ok(Self { kid, rules, validation: validation(&[algorithm]), key, public })
    }

    /// A member of somebody else's JWK set, where it is one that verifies tokens. Shared keys are none: a set is public.
    pub(super) fn from_jwk(jwk: &Jwk, rules: &Arc<Rules>) -> Option<Self> {
        if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
            return None;
        }
        let mut algorithms = algorithms_of(jwk);
        if let Some(named) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == named);
        }
        if algorithms.is_empty() {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let kid = jwk.common.key_id.clone();
        Some(Self { kid, rules: Arc::clone(rules), validation: validation(&algorithms), key, public: None })
    }

    /// The payload of a token with this algorithm, if the signature is this key's.
    pub(super) fn read(&self, token: &str, algorithm: Algorithm) -> Option<Payload> {
        if !self.validation.algorithms.contains(&algorithm) {
            return None;
        }
        let read = jsonwebtoken::decode::<Map<String, Value>>(token, &self.key, &self.validation);
        read.ok().map(|token| Payload(token.claims))
    }

    /// The public half.
    pub(super) fn public(&self) -> Option<Value> {
        self.public.clone()
    }
}

/// Signature alone: times are judged by the injected clock, and issuer and audience by the key's rules.
fn validation(algorithms: &[Algorithm]) -> Validation {
    let mut rules = Validation::new(algorithms.first().copied().unwrap_or_default());
    rules.algorithms = algorithms.to_vec();
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    rules
}

/// What a public key may be used for.
fn algorithms_of(jwk: &Jwk) -> Vec<Algorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() >= MIN_MODULUS_CHARS => {
            AlgorithmFamily::Rsa.algorithms().to_vec()
        }
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    }
}

/// The public half as it is published.
fn published(mut jwk: Jwk, kid: Option<&str>) -> Option<Value> {
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_id = kid.map(str::to_owned);
    serde_json::to_value(&jwk).ok()
}
