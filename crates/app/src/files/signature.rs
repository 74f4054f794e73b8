//! Signatures of addresses that this server gives out for files on its own disk: who has the address may use it,
//! until a time that stands in it, for what stands in it. In a bucket the store has signatures of its own.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// Separates this use of the key from others.
const PURPOSE: &[u8] = b"addresses of files\n";

/// Signs addresses.
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer under `key`, which may have other uses.
    pub(super) fn new(key: &SecretString) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
        let mut mac = Hmac::new_from_slice(key.expose_secret().as_bytes()).expect("a key of any length");
        mac.update(PURPOSE);
        Self(mac)
    }

    /// The signature of `fields`, in hex.
    pub(super) fn sign(&self, fields: &[&str]) -> String {
        HEXLOWER.encode(&self.mac(fields).finalize().into_bytes())
    }

    /// Whether `signature` is that of `fields`. It takes the same time for each wrong one.
    pub(super) fn is_good(&self, fields: &[&str], signature: &str) -> bool {
        let signature = HEXLOWER.decode(signature.as_bytes()).unwrap_or_default();
        self.mac(fields).verify_slice(&signature).is_ok()
    }

    /// Each field with its length before it: no two lists are the same text.
    fn mac(&self, fields: &[&str]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for field in fields {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_fields_under_the_same_key_fit() {
        let signer = Signer::new(&"key".to_owned().into());
        let signature = signer.sign(&["GET", "a", "b"]);
        assert!(signer.is_good(&["GET", "a", "b"], &signature));
        for other in
            [vec!["GET", "ab"], vec!["GET", "a", "c"], vec!["GET", "a", "b", ""], vec!["GE", "Ta", "b"]]
        {
            assert!(!signer.is_good(&other, &signature), "{other:?}");
        }
        for wrong in ["", "00", "x", &signature[..62], &signature.to_uppercase()] {
            assert!(!signer.is_good(&["GET", "a", "b"], wrong), "{wrong}");
        }
        assert!(!Signer::new(&"other".to_owned().into()).is_good(&["GET", "a", "b"], &signature));
    }
}
