//! Keys as PEM (RFC 7468): which block of a text is the key, and its DER.

use x509_parser::parse_x509_certificate;

use super::KeyError;

/// How a key is written inside of its PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `SubjectPublicKeyInfo` (RFC 5280), which names its algorithm.
    PublicKeyInfo,
    /// `RSAPublicKey` (RFC 8017).
    RsaPublic,
    /// PKCS #8 (RFC 5958), which names its algorithm.
    Pkcs8,
    /// `RSAPrivateKey` (RFC 8017).
    RsaPrivate,
    /// `ECPrivateKey` (RFC 5915).
    EcPrivate,
}

/// The first key of a text, which may hold other blocks (OpenSSL puts a curve's parameters before its key).
pub(super) fn read(text: &[u8]) -> Result<(Form, Vec<u8>), KeyError> {
    let blocks = ::pem::parse_many(text).map_err(|_| KeyError::ReadPem)?;
    blocks.iter().find_map(|block| key_of(block.tag(), block.contents())).ok_or(KeyError::ReadPem)
}

fn key_of(tag: &str, contents: &[u8]) -> Option<(Form, Vec<u8>)> {
    let form = match tag {
        "PUBLIC KEY" => Form::PublicKeyInfo,
        "RSA PUBLIC KEY" => Form::RsaPublic,
        "PRIVATE KEY" => Form::Pkcs8,
        "RSA PRIVATE KEY" => Form::RsaPrivate,
        "EC PRIVATE KEY" => Form::EcPrivate,
        // Hasura takes certificates for public keys, too. Nobody checks who signed them: the operator gave them.
        "CERTIFICATE" => {
            let (_, certificate) = parse_x509_certificate(contents).ok()?;
            return Some((Form::PublicKeyInfo, certificate.public_key().raw.to_vec()));
        }
        _ => return None,
    };
    Some((form, contents.to_vec()))
}
