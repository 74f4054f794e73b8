//! Public keys as JWK (RFC 7517; members of RFC 7518, section 6, and RFC 8037). Shared keys are none: a set of keys is
//! public.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::algorithm::Primitive;
use super::{Algorithm, VerifyingKey};

/// The byte before the coordinates of a point that is not compressed (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The curve's name (RFC 8037, section 2).
const ED25519: &str = "Ed25519";

const ED25519_BYTES: usize = 32;

/// A public key, as a member of a set.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Jwk {
    /// What it is for: `sig`, or `enc`.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<String>,
    /// The one algorithm that it is for; without one it is for all of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alg: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    #[serde(flatten)]
    public: Public,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kty")]
enum Public {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
}

impl Jwk {
    /// The public half of a key, to be published; a shared key has none.
    pub fn of(key: &VerifyingKey, kid: Option<&str>) -> Option<Self> {
        let info = key.public_key_info()?;
        let public = match key.algorithm().primitive() {
            Primitive::Hmac(_) => return None,
            Primitive::Rsa { .. } => {
                let public = rsa::PublicKey::from_der(info.as_ref()).ok()?;
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(&public);
                Public::Rsa { n: encode(&components.n), e: encode(&components.e) }
            }
            Primitive::Ecdsa(curve) => {
                // `SubjectPublicKeyInfo` ends with the point.
                let length = curve.coordinate_bytes;
                let point = info.as_ref().get(info.as_ref().len().checked_sub(2 * length + 1)?..)?;
                let (x, y) = point.strip_prefix(&[UNCOMPRESSED])?.split_at_checked(length)?;
                Public::Ec { crv: curve.name.to_owned(), x: encode(x), y: encode(y) }
            }
            Primitive::Ed25519 => {
                let point = info.as_ref().last_chunk::<ED25519_BYTES>()?;
                Public::Okp { crv: ED25519.to_owned(), x: encode(point) }
            }
        };
        Some(Self {
            usage: Some("sig".to_owned()),
            alg: Some(key.algorithm().name().to_owned()),
            kid: kid.map(str::to_owned),
            public,
        })
    }

    /// The keys that verify with it, one for each algorithm that it may be used by; none where it is malformed, too
    /// short, or for something else.
    pub fn verifying(&self) -> Vec<VerifyingKey> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Vec::new();
        }
        let mut algorithms = Algorithm::ALL.to_vec();
        if let Some(named) = &self.alg {
            algorithms.retain(|algorithm| Algorithm::named(named) == Some(*algorithm));
        }
        algorithms.into_iter().filter_map(|algorithm| self.verifying_by(algorithm)).collect()
    }

    fn verifying_by(&self, algorithm: Algorithm) -> Option<VerifyingKey> {
        let bytes = match (&self.public, algorithm.primitive()) {
            (Public::Rsa { n, e }, Primitive::Rsa { .. }) => {
                let components = RsaPublicKeyComponents { n: decode(n)?, e: decode(e)? };
                let info: PublicKeyX509Der<'_> = components.as_der().ok()?;
                info.as_ref().to_vec()
            }
            (Public::Ec { crv, x, y }, Primitive::Ecdsa(curve)) if crv == curve.name => {
                let (x, y) = (decode(x)?, decode(y)?);
                if [x.len(), y.len()] != [curve.coordinate_bytes; 2] {
                    return None;
                }
                [&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat()
            }
            (Public::Okp { crv, x }, Primitive::Ed25519) if crv == ED25519 => {
                <[u8; ED25519_BYTES]>::try_from(decode(x)?).ok()?.to_vec()
            }
            _ => return None,
        };
        VerifyingKey::from_bytes(algorithm, &bytes).ok()
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
