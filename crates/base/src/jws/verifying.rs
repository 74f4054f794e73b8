//! Keys that verify.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{hmac, rsa};

use super::algorithm::Primitive;
use super::pem::{self, Form};
use super::{Algorithm, KeyError};

/// RFC 7518, section 3.3: RSA keys have 2048 bits or more.
const MIN_MODULUS_BYTES: usize = 256;

/// A key that verifies by one algorithm.
pub struct VerifyingKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Shared(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl VerifyingKey {
    /// The PEM of a public key, or of a certificate that holds it.
    pub fn from_pem(algorithm: Algorithm, text: &[u8]) -> Result<Self, KeyError> {
        match pem::read(text)? {
            (Form::PublicKeyInfo | Form::RsaPublic, der) => Self::from_bytes(algorithm, &der),
            _ => Err(KeyError::Misfit),
        }
    }

    pub(super) fn of_shared(algorithm: Algorithm, key: Box<hmac::Key>) -> Self {
        Self { algorithm, material: Material::Shared(key) }
    }

    /// A public key in DER, or a curve's point as it is.
    pub(super) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let verify: &'static dyn VerificationAlgorithm = match algorithm.primitive() {
            Primitive::Hmac(_) => return Err(KeyError::Misfit),
            Primitive::Rsa { verify, .. } => {
                let public = rsa::PublicKey::from_der(bytes).map_err(|_| KeyError::Misfit)?;
                if public.modulus_len() < MIN_MODULUS_BYTES {
                    return Err(KeyError::Misfit);
                }
                verify
            }
            Primitive::Ecdsa(curve) => curve.verify,
            Primitive::Ed25519 => &ED25519,
        };
        let key = ParsedPublicKey::new(verify, bytes).map_err(|_| KeyError::Misfit)?;
        Ok(Self { algorithm, material: Material::Public(key) })
    }

    /// The algorithm that it verifies by.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key as `SubjectPublicKeyInfo`; a shared one has none.
    pub(super) fn public_key_info(&self) -> Option<PublicKeyX509Der<'static>> {
        match &self.material {
            Material::Shared(_) => None,
            Material::Public(key) => key.as_der().ok(),
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
