//! What is known of an uploaded picture: its size, a blur to show before it is there, a thumbnail, and its bytes
//! without metadata.

use image::DynamicImage;

use super::encode::{DEFAULT_QUALITY, encode, flattened, is_translucent};
use super::geometry::Plan;
use super::stripped::Stripped;
use super::{Format, PictureError, Size};

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

impl Stripped {
    /// What it takes to tell all there is to know of it, in bytes of memory.
    pub(super) fn cost_of_examining(&self) -> u64 {
        if self.is_decoded() { self.cost(&Plan::within(self.size, THUMBNAIL_SIDE)) } else { 0 }
    }

    /// What there is to know of it.
    pub(super) fn examined(self) -> Result<Examined, PictureError> {
        let (blurhash, thumbnail) = if self.is_decoded() {
            let small = self.source()?.make(Plan::within(self.size, THUMBNAIL_SIDE))?;
            (Some(blurhash(&small)?), Some(thumbnail(&small)?))
        } else {
            (None, None)
        };
        let Self { format, bytes, size } = self;
        Ok(Examined { format, bytes, size, blurhash, thumbnail })
    }

    fn is_decoded(&self) -> bool {
        !matches!(self.format, Format::Avif | Format::Heic)
    }
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

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage};

    use super::super::testing::{encoded, examine, full_box, picture, pixels, telling_heif, translucent};
    use super::*;

    fn examined(bytes: &[u8]) -> Examined {
        examine(bytes).unwrap().unwrap()
    }

    fn of(image: &DynamicImage, format: Format) -> Examined {
        examined(&encoded(image, format))
    }

    #[test]
    fn a_thumbnail_is_small_and_never_larger_than_the_picture() {
        for (width, height, small) in
            [(640, 480, (320, 240)), (100, 1000, (32, 320)), (50, 20, (50, 20)), (4000, 3, (320, 1))]
        {
            for format in [Format::Jpeg, Format::Png, Format::Gif, Format::WebP] {
                let examined = of(&DynamicImage::ImageRgb8(picture(width, height)), format);
                assert_eq!((examined.format, examined.size), (format, Size { width, height }));
                let thumbnail = examined.thumbnail.unwrap();
                assert_eq!(thumbnail.format, Format::Jpeg, "{format:?}");
                let shown = pixels(&thumbnail.bytes, Format::Jpeg);
                assert_eq!((shown.width(), shown.height()), small, "{format:?}");
            }
        }
    }

    #[test]
    fn what_shines_through_does_so_in_the_thumbnail() {
        let thumbnail = of(&DynamicImage::ImageRgba8(translucent(400, 400)), Format::Png).thumbnail.unwrap();
        assert_eq!(thumbnail.format, Format::WebP);
        let shown = pixels(&thumbnail.bytes, Format::WebP).into_rgba8();
        assert_eq!((shown.get_pixel(10, 10).0[3], shown.get_pixel(310, 10).0[3]), (0, 255));
        let opaque = DynamicImage::ImageRgba8(DynamicImage::ImageRgb8(picture(9, 9)).into_rgba8());
        assert_eq!(of(&opaque, Format::Png).thumbnail.unwrap().format, Format::Jpeg);
    }

    #[test]
    fn a_blur_has_the_picture_s_colours() {
        let red = DynamicImage::ImageRgb8(RgbImage::from_pixel(90, 60, Rgb([250, 10, 10])));
        let blurhash = of(&red, Format::Png).blurhash.unwrap();
        let blurred = blurhash::decode(&blurhash, 4, 3, 1.0).unwrap();
        for pixel in blurred.chunks(4) {
            assert!(pixel[0] > 230 && pixel[1] < 30 && pixel[2] < 30, "{pixel:?}");
        }
    }

    #[test]
    fn other_depths_and_greys_are_pictures_too() {
        let (small, tiny) = (|x| u16::try_from(x).unwrap(), |x| u8::try_from(x).unwrap());
        let deep = ImageBuffer::from_fn(20, 10, |x, y| Rgb([small(x) * 3000, small(y) * 6000, 9]));
        let grey = GrayImage::from_fn(20, 10, |x, _| Luma([tiny(x) * 12]));
        let grey_and_holes = ImageBuffer::from_fn(20, 10, |x, y| LumaA([tiny(x), tiny(y)]));
        for image in [
            DynamicImage::ImageRgb16(deep),
            DynamicImage::ImageLuma8(grey),
            DynamicImage::ImageLumaA8(grey_and_holes),
        ] {
            let examined = of(&image, Format::Png);
            assert_eq!(examined.size, Size { width: 20, height: 10 });
            assert!(examined.thumbnail.is_some() && examined.blurhash.is_some());
        }
    }

    #[test]
    fn what_is_not_decoded_is_measured() {
        let ispe = full_box(*b"ispe", 0, &[0, 0, 1, 0, 0, 0, 0, 200]);
        let examined = examined(&telling_heif(*b"heic", *b"hvc1", b"the pixels", &[ispe]));
        assert_eq!((examined.format, examined.size), (Format::Heic, Size { width: 256, height: 200 }));
        assert!(examined.thumbnail.is_none() && examined.blurhash.is_none());
    }

    #[test]
    fn what_is_not_decoded_has_the_same_bounds() {
        let examine_as = |width: u32, height: u32| {
            let claim = [width.to_be_bytes(), height.to_be_bytes()].concat();
            let ispe = full_box(*b"ispe", 0, &claim);
            examine(&telling_heif(*b"heic", *b"hvc1", b"the pixels", &[ispe]))
                .map(|examined| examined.is_some())
        };
        assert_eq!(examine_as(10_000, 5000), Ok(true));
        for (width, height) in [(u32::MAX, u32::MAX), (1 << 31, 1), (65_536, 1), (10_000, 5001)] {
            assert_eq!(examine_as(width, height), Err(PictureError::TooLarge), "{width}x{height}");
        }
        assert!(matches!(examine_as(0, 1), Err(PictureError::Malformed(_))));
    }

    #[test]
    fn what_is_no_picture_is_none_and_what_is_too_large_is_refused() {
        assert!(examine(b"text").unwrap().is_none());
        assert_eq!(examine(&vec![0xff; 26 << 20]).unwrap_err(), PictureError::TooLarge);
    }
}
