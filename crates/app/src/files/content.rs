//! Bytes on their way into the store: as they were received, or made here.

use std::fmt::Write as _;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::spool::Spooled;

/// The bytes of the hash that an entity tag shows: 128 bits tell any two contents apart.
const ETAG_BYTES: usize = 16;

/// What a file shall contain.
pub(super) enum Content {
    /// As it was received, on the disk.
    Received(Spooled),
    /// Made here, in memory.
    Made(Bytes),
}

impl Content {
    /// How many bytes it has.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Received(spooled) => spooled.size(),
            Self::Made(bytes) => bytes.len() as u64,
        }
    }

    /// Its SHA-256.
    pub(super) fn sha256(&self) -> [u8; 32] {
        match self {
            Self::Received(spooled) => spooled.sha256(),
            Self::Made(bytes) => Sha256::digest(bytes).into(),
        }
    }
}

/// The entity tag of a content with this SHA-256: 128 bits of it in hex, with the quotes.
pub(super) fn etag(sha256: &[u8; 32]) -> String {
    let mut text = String::from("\"");
    for byte in sha256.iter().take(ETAG_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entity_tag_is_the_first_half_of_the_hash() {
        let content = Content::Made(Bytes::from_static(b"abc"));
        assert_eq!(content.size(), 3);
        // SHA-256("abc"): FIPS 180-2, appendix B.1.
        assert_eq!(etag(&content.sha256()), "\"ba7816bf8f01cfea414140de5dae2223\"");
    }
}
