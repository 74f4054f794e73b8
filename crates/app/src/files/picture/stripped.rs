//! A picture's file without its metadata: what everything else is made of. Making one costs little; what it would cost
//! to go on is known then.

use bytes::Bytes;

use super::decode::Source;
use super::geometry::Plan;
use super::strip::strip;
use super::{Format, MAX_SOURCE_BYTES, PictureError, Size, isobmff};

/// What a pixel of the source takes while it is decoded, in bytes, by the dearest way: a JPEG with four channels that
/// are refined scan by scan, a PNG of sixteen bits, a moving WebP with holes.
const DECODED_PIXEL_BYTES: u64 = 16;

/// What a pixel of the picture takes that is made: it is sized, coloured, turned, blurred and encoded.
const MADE_PIXEL_BYTES: u64 = 12;

/// What decoders and encoders take beside pixels.
const SPARE_BYTES: u64 = 16 << 20;

/// A picture's file without its metadata.
pub(super) struct Stripped {
    /// What it is.
    pub(super) format: Format,
    /// The file.
    pub(super) bytes: Vec<u8>,
    /// How large it is shown.
    pub(super) size: Size,
}

impl Stripped {
    /// Of the file `bytes`, which are dropped; `None` for what is no picture.
    pub(super) fn of(bytes: Bytes) -> Result<Option<Self>, PictureError> {
        if bytes.len() as u64 > MAX_SOURCE_BYTES {
            return Err(PictureError::TooLarge);
        }
        let Some(format) = Format::of(&bytes) else {
            return Ok(None);
        };
        let stripped = strip(format, &bytes)?;
        drop(bytes);
        let size = match format {
            Format::Avif | Format::Heic => isobmff::size(&stripped)?.bounded()?,
            _ => Source::open(format, &stripped)?.size(),
        };
        Ok(Some(Self { format, bytes: stripped, size }))
    }

    /// The picture, to be decoded.
    pub(super) fn source(&self) -> Result<Source<'_>, PictureError> {
        Source::open(self.format, &self.bytes)
    }

    /// The bytes of memory that decoding it and making what `plan` says takes at most, beside the file's own.
    pub(super) fn cost(&self, plan: &Plan) -> u64 {
        let (decoded, made) = (self.size.pixels(), plan.size.pixels());
        SPARE_BYTES + decoded * DECODED_PIXEL_BYTES + made * MADE_PIXEL_BYTES
    }
}
