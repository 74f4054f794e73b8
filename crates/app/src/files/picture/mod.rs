//! Pictures: what they are, how large they are shown, a small one and a blur of them, changed ones for who asks
//! for `?w=320`, and all of them without what tells where they were taken. Bytes in, bytes out.
//!
//! Everything here works on bytes that strangers sent: each step has a bound in bytes, pixels and rounds. What
//! costs time can be had from a turn of the [`Studio`] alone, which works on threads that no request runs on.

mod cache;
mod cursor;
mod decode;
mod details;
mod encode;
mod error;
mod format;
mod geometry;
mod isobmff;
mod meters;
mod options;
mod orientation;
mod pool;
mod strip;
mod stripped;
mod studio;
mod transform;

#[cfg(test)]
mod testing;

use self::error::{Malformed, malformed};

pub(super) use self::details::Examined;
pub(super) use self::error::PictureError;
pub(super) use self::format::Format;
pub(super) use self::options::Options;
pub use self::studio::{Capacity, Studio};
pub(super) use self::studio::{ReadyContent, Variant};

/// The largest file that is worked on, in bytes.
pub(super) const MAX_SOURCE_BYTES: u64 = 25 << 20;

/// The most pixels that are decoded.
const MAX_PIXELS: u64 = 50_000_000;

/// The longest side of a picture, in pixels: what JPEG and GIF can say. Decoders hold whole rows.
const MAX_SOURCE_SIDE: u32 = 65_535;

/// How large a picture is, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Size {
    /// From left to right.
    pub(super) width: u32,
    /// From top to bottom.
    pub(super) height: u32,
}

impl Size {
    /// How many pixels it has.
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// This size, if a picture may have it.
    fn bounded(self) -> Result<Self, PictureError> {
        if self.pixels() > MAX_PIXELS || self.width.max(self.height) > MAX_SOURCE_SIDE {
            return Err(PictureError::TooLarge);
        }
        if self.pixels() == 0 {
            return Err(PictureError::Malformed("it has no pixels".to_owned()));
        }
        Ok(self)
    }

    /// The size of the picture lying on its side.
    fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }
}
