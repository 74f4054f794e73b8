//! Removes from a picture what says where, when and by what it was taken, without touching its pixels: the
//! container is read piece by piece, and only the pieces that pixels need are kept.
//!
//! What is kept beside the pixels: colour profiles, how often an animation repeats, and the orientation.
//! Everything that is not known is dropped. A container that is broken is an error, never a guess: its bytes
//! may still tell a place, and must not be served as a picture.

mod gif;
mod heif;
mod jpeg;
mod png;
mod webp;

#[cfg(test)]
mod tests;

use super::{Format, Malformed};

/// The picture `bytes`, which is of `format`, without what tells about the photographer.
pub(super) fn strip(format: Format, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    match format {
        Format::Jpeg => jpeg::strip(bytes),
        Format::Png => png::strip(bytes),
        Format::Gif => gif::strip(bytes),
        Format::WebP => webp::strip(bytes),
        Format::Avif | Format::Heic => heif::strip(bytes),
    }
}
