//! Refresh tokens: UUIDs that only their bearers know. The database keeps a digest of each.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A refresh token, as its bearer keeps it.
#[derive(Clone, Debug)]
pub(super) struct RefreshToken(SecretString);

impl RefreshToken {
    /// A new one: 122 bits of the system's randomness.
    pub(super) fn generate() -> Self {
        Self(SecretString::from(Uuid::new_v4().to_string()))
    }

    /// Takes any text: one that is no token of ours is simply not found.
    pub(super) fn from_text(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text for its bearer.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the database keeps: `\x` and the SHA-256 of the text in hexadecimal digits, as Nhost Auth does.
    pub(super) fn stored(&self) -> String {
        digest(self.expose())
    }
}

/// `\x` and the SHA-256 of a text in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold("\\x".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_has_nhosts_form() {
        let stored = RefreshToken::from_text("abc".to_owned()).stored();
        assert_eq!(stored, "\\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn tokens_are_distinct_and_do_not_show_themselves() {
        let (one, other) = (RefreshToken::generate(), RefreshToken::generate());
        assert_ne!(one.expose(), other.expose());
        assert!(!format!("{one:?}").contains(one.expose()));
    }
}
