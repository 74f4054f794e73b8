//! Keys that sign.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaSignatureEncoding};

use super::algorithm::Primitive;
use super::pem::{self, Form};
use super::{Algorithm, KeyError, VerifyingKey};

/// A key that signs by one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Shared(Box<hmac::Key>),
    Rsa(rsa::KeyPair, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A secret that others share.
    pub fn shared(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let Primitive::Hmac(hash) = algorithm.primitive() else { return Err(KeyError::Misfit) };
        Ok(Self { algorithm, material: Material::Shared(Box::new(hmac::Key::new(hash, secret))) })
    }

    /// The PEM of a private key: PKCS #8, or the older forms of RSA and of curves.
    pub fn from_pem(algorithm: Algorithm, text: &[u8]) -> Result<Self, KeyError> {
        let (form, der) = pem::read(text)?;
        let material = match (algorithm.primitive(), form) {
            (Primitive::Rsa { sign, .. }, Form::Pkcs8) => {
                rsa::KeyPair::from_pkcs8(&der).map(|key| Material::Rsa(key, sign))
            }
            (Primitive::Rsa { sign, .. }, Form::RsaPrivate) => {
                rsa::KeyPair::from_der(&der).map(|key| Material::Rsa(key, sign))
            }
            (Primitive::Ecdsa(curve), Form::Pkcs8 | Form::EcPrivate) => {
                EcdsaKeyPair::from_private_key_der(curve.sign, &der).map(Material::Ecdsa)
            }
            (Primitive::Ed25519, Form::Pkcs8) => Ed25519KeyPair::from_pkcs8(&der).map(Material::Ed25519),
            _ => return Err(KeyError::Misfit),
        };
        Ok(Self { algorithm, material: material.map_err(|_| KeyError::Misfit)? })
    }

    /// The algorithm that it signs by.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies what this one signs.
    pub fn verifying(&self) -> Result<VerifyingKey, KeyError> {
        let public = match &self.material {
            Material::Shared(key) => return Ok(VerifyingKey::of_shared(self.algorithm, key.clone())),
            Material::Rsa(pair, _) => pair.public_key().as_ref(),
            Material::Ecdsa(pair) => pair.public_key().as_ref(),
            Material::Ed25519(pair) => pair.public_key().as_ref(),
        };
        VerifyingKey::from_bytes(self.algorithm, public)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.material {
            Material::Shared(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Material::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(|_| KeyError::Sign)?;
                Ok(signature)
            }
            Material::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| KeyError::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
            Material::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(|_| KeyError::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}
