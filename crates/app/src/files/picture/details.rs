//! What is known of an uploaded picture: its size, a blur to show before it is there, a thumbnail, and its bytes
//! without metadata.

use image::DynamicImage;

use super::decode::Source;
use super::encode::{DEFAULT_QUALITY, encode, flattened, is_translucent};
use super::geometry::Plan;
use super::strip::strip;
use super::{Format, MAX_SOURCE_BYTES, PictureError, Size, isobmff};

/// The longer side of a thumbnail, in pixels.
const THUMBNAIL_SIDE: u32 = 320;

/// The longer side of what a blur is made of: it has twelve waves, which need no more.
const BLUR_SIDE: u32 = 64;

/// How many waves a blur has, across and down.
const BLUR_COMPONENTS: (u32, u32) = (4, 3);

/// A small picture, of 320 pixels at the longer side, or less.
#[derive(Clone, Debug)]
pub(in crate::files) struct Thumbnail {
    /// JPEG, or WebP where something shines through.
    pub(in crate::files) format: Format,
    /// The file.
    pub(in crate::files) bytes: Vec<u8>,
}

/// What there is to know of a picture.
#[derive(Clone, Debug)]
pub(in crate::files) struct Examined {
    /// What it is.
    pub(in crate::files) format: Format,
    /// The file without what tells about the photographer; all of it that may be kept.
    pub(in crate::files) bytes: Vec<u8>,
    /// How large it is shown.
    pub(in crate::files) size: Size,
    /// Its blur (blurha.sh, four by three); none of formats that are not decoded.
    pub(in crate::files) blurhash: Option<String>,
    /// A small one; none of formats that are not decoded.
    pub(in crate::files) thumbnail: Option<Thumbnail>,
}

/// What there is to know of the file `bytes`; `None` for what is no picture.
pub(super) fn examine(bytes: &[u8]) -> Result<Option<Examined>, PictureError> {
    if bytes.len() as u64 > MAX_SOURCE_BYTES {
        return Err(PictureError::TooLarge);
    }
    let Some(format) = Format::of(bytes) else {
        return Ok(None);
    };
    let bytes = strip(format, bytes)?;
    if matches!(format, Format::Avif | Format::Heic) {
        let size = isobmff::size(&bytes)?;
        return Ok(Some(Examined { format, bytes, size, blurhash: None, thumbnail: None }));
    }
    let source = Source::open(format, &bytes)?;
    let size = source.size();
    let small = source.make(Plan::within(size, THUMBNAIL_SIDE))?;
    let (blurhash, thumbnail) = (Some(blurhash(&small)?), Some(thumbnail(&small)?));
    Ok(Some(Examined { format, bytes, size, blurhash, thumbnail }))
}

fn thumbnail(small: &DynamicImage) -> Result<Thumbnail, PictureError> {
    let format = if is_translucent(small) { Format::WebP } else { Format::Jpeg };
    let bytes = encode(small, format, DEFAULT_QUALITY)?;
    Ok(Thumbnail { format, bytes })
}

fn blurhash(small: &DynamicImage) -> Result<String, PictureError> {
    let size = Size { width: small.width(), height: small.height() };
    let Size { width, height } = Plan::within(size, BLUR_SIDE).size;
    let tiny = image::imageops::thumbnail(&flattened(small), width, height);
    let pixels = DynamicImage::ImageRgb8(tiny).into_rgba8();
    blurhash::encode(BLUR_COMPONENTS.0, BLUR_COMPONENTS.1, width, height, &pixels)
        .map_err(|error| PictureError::Failed(format!("make a blur: {error}")))
}
