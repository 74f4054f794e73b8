//! JSON Web Signatures in their compact form (RFC 7515), by every algorithm of RFC 7518 and by Ed25519 (RFC 8037), over
//! aws-lc-rs: `HEADER.PAYLOAD.SIGNATURE`, and the keys that make and check them, as PEM and as JWK (RFC 7517).
//!
//! A key is made for one algorithm and knows no other, whatever a token says. Knows no claims and no time:
//! [`jwt`](crate::jwt) does.

mod algorithm;
mod jwk;
mod pem;
mod signing;
mod verifying;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

pub use algorithm::{Algorithm, Family};
pub use jwk::Jwk;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not the PEM of a key.
    #[error("it is not the PEM of a key")]
    ReadPem,
    /// It is none of the algorithm's, or weaker than the algorithm allows.
    #[error("it is of another kind than its algorithm, malformed, or too short")]
    Misfit,
    /// It made no signature.
    #[error("it does not sign")]
    Sign,
}

/// The header of a token (RFC 7515, section 4.1).
#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// What of a header decides.
#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: there are none here.
    crit: Option<IgnoredAny>,
}

/// A token whose signature nobody has checked yet.
pub struct Compact<'a> {
    /// The algorithm that it says.
    pub algorithm: Algorithm,
    /// The name of the key that it says.
    pub kid: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Reads the three parts of a token; `None` where they are none, or its algorithm is not one of [`Algorithm`].
    pub fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: ReadHeader = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.crit.is_some() {
            return None;
        }
        let (algorithm, signature) =
            (Algorithm::named(&header.alg)?, URL_SAFE_NO_PAD.decode(signature).ok()?);
        Some(Self { algorithm, kid: header.kid, signed, payload, signature })
    }

    /// The payload, if the signature is this key's by this key's algorithm.
    pub fn payload_by(&self, key: &VerifyingKey) -> Option<Vec<u8>> {
        let is_good =
            key.algorithm() == self.algorithm && key.verifies(self.signed.as_bytes(), &self.signature);
        if is_good { URL_SAFE_NO_PAD.decode(self.payload).ok() } else { None }
    }
}

/// The token of a payload.
pub fn sign(key: &SigningKey, kid: Option<&str>, payload: &[u8]) -> Result<String, KeyError> {
    let header = Header { typ: "JWT", alg: key.algorithm().name(), kid };
    let header = serde_json::to_vec(&header).map_err(|_| KeyError::Sign)?;
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

#[cfg(test)]
mod tests;
