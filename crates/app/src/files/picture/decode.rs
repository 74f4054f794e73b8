//! From a file's bytes to pixels: upright, in sRGB, eight bits a channel. Sizes are looked at before anything is
//! decoded, for a few bytes can claim any size.

use std::io::Cursor;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::encode::is_translucent;
use super::geometry::Plan;
use super::orientation::swaps_sides;
use super::{Format, PictureError, Size};

/// What a decoder may take beside the pixels, in bytes: for tables, profiles, and what of a GIF's image lies beyond its
/// screen. Not all of them can be told; what they take by themselves is bounded by [`Size::bounded`].
const MAX_SPARE_BYTES: u64 = 16 << 20;

/// The longest colour profile that counts, in bytes. Those of cameras and screens have a thousandth of it.
const MAX_PROFILE_BYTES: usize = 1 << 20;

/// A file that can be decoded, and what its header says.
pub(super) struct Source<'a> {
    decoder: Box<dyn ImageDecoder + 'a>,
    orientation: Orientation,
}

impl<'a> Source<'a> {
    /// Reads the header of `bytes`, which are of `format` and were stripped: what is left is what decoders need,
    /// and has bounds that they do not set.
    pub(super) fn open(format: Format, bytes: &'a [u8]) -> Result<Self, PictureError> {
        let bytes = Cursor::new(bytes);
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(MAX_SPARE_BYTES);
        let mut decoder: Box<dyn ImageDecoder + 'a> = match format {
            Format::Jpeg => Box::new(JpegDecoder::new(bytes)?),
            Format::Png => Box::new(PngDecoder::with_limits(bytes, limits)?),
            Format::Gif => {
                let mut decoder = GifDecoder::new(bytes)?;
                // An image that does not fill the screen is decoded beside it.
                limits.max_alloc = Some(MAX_SPARE_BYTES.saturating_add(decoder.total_bytes()));
                decoder.set_limits(limits)?;
                Box::new(decoder)
            }
            Format::WebP => Box::new(WebPDecoder::new(bytes)?),
            Format::Avif | Format::Heic => return Err(PictureError::NotAnImage),
        };
        let (width, height) = decoder.dimensions();
        Size { width, height }.bounded()?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        Ok(Self { decoder, orientation })
    }

    /// How large the picture is shown.
    pub(super) fn size(&self) -> Size {
        let (width, height) = self.decoder.dimensions();
        let stored = Size { width, height };
        if swaps_sides(self.orientation) { stored.turned() } else { stored }
    }

    fn profile(&mut self) -> Option<Vec<u8>> {
        let profile = self.decoder.icc_profile().ok().flatten()?;
        (profile.len() <= MAX_PROFILE_BYTES).then_some(profile)
    }

    /// Decodes the (first) picture, and makes of it what `plan` says, upright and in sRGB.
    pub(super) fn make(mut self, plan: Plan) -> Result<DynamicImage, PictureError> {
        let profile = self.profile();
        let pixels = in_eight_bits(DynamicImage::from_decoder(self.decoder)?);
        // Turned and coloured is the small one, which is cheaper.
        let stored_plan = if swaps_sides(self.orientation) { plan.turned() } else { plan };
        let mut made = without_needless_alpha(resized(pixels, stored_plan)?);
        if let Some(profile) = profile {
            made = in_srgb(made, &profile);
        }
        made.apply_orientation(self.orientation);
        Ok(made)
    }
}

/// What shines through nowhere needs no fourth channel from here on.
fn without_needless_alpha(image: DynamicImage) -> DynamicImage {
    if is_translucent(&image) { image } else { DynamicImage::ImageRgb8(image.into_rgb8()) }
}

/// One of the two layouts that everything after this works on.
fn in_eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => image,
        other if other.color().has_alpha() => DynamicImage::ImageRgba8(other.into_rgba8()),
        other => DynamicImage::ImageRgb8(other.into_rgb8()),
    }
}

fn resized(image: DynamicImage, plan: Plan) -> Result<DynamicImage, PictureError> {
    let (width, height) = (image.width(), image.height());
    if (plan.size == Size { width, height }) && plan.left <= 0.0 && plan.top <= 0.0 {
        return Ok(image);
    }
    let failed = |error: &dyn std::fmt::Display| PictureError::Failed(error.to_string());
    let pixel_type = if image.color().has_alpha() { PixelType::U8x4 } else { PixelType::U8x3 };
    let source =
        ImageRef::new(width, height, image.as_bytes(), pixel_type).map_err(|error| failed(&error))?;
    let mut target = Image::new(plan.size.width, plan.size.height, pixel_type);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).crop(
        plan.left,
        plan.top,
        f64::from(width) - 2.0 * plan.left,
        f64::from(height) - 2.0 * plan.top,
    );
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(&error))?;
    let pixels = target.into_vec();
    let Size { width, height } = plan.size;
    let image = match pixel_type {
        PixelType::U8x4 => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8),
        _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
    };
    image.ok_or_else(|| failed(&"the resized picture has another size"))
}

/// The picture's colours as a screen without a profile shows them. A profile that cannot be read, or is not for
/// these channels, is passed over, as browsers do.
fn in_srgb(image: DynamicImage, profile: &[u8]) -> DynamicImage {
    let Some(profile) = ColorProfile::new_from_slice(profile)
        .ok()
        .filter(|profile| profile.color_space == DataColorSpace::Rgb)
    else {
        return image;
    };
    let layout = if image.color().has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default())
    else {
        return image;
    };
    let mut converted = vec![0; image.as_bytes().len()];
    if transform.transform(image.as_bytes(), &mut converted).is_err() {
        return image;
    }
    let (width, height) = (image.width(), image.height());
    let converted = match layout {
        Layout::Rgba => RgbaImage::from_raw(width, height, converted).map(DynamicImage::ImageRgba8),
        _ => RgbImage::from_raw(width, height, converted).map(DynamicImage::ImageRgb8),
    };
    converted.unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use image::ImageEncoder as _;

    use super::*;

    #[test]
    fn a_colour_profile_is_no_bomb() {
        let (read, inflated) = [900 << 10, 2 << 20, 64 << 20]
            .map(|bytes: usize| {
                let mut png = Vec::new();
                let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
                encoder.set_icc_profile(vec![0; bytes]).unwrap();
                encoder.write_image(&[9; 12], 2, 2, image::ExtendedColorType::Rgb8).unwrap();
                assert!(png.len() < bytes / 200);
                let mut source = Source::open(Format::Png, &png).unwrap();
                let inflated = source.decoder.icc_profile().unwrap().map(|profile| profile.len());
                let read = source.profile().is_some();
                assert!(source.make(Plan::within(Size { width: 2, height: 2 }, 2)).is_ok());
                (read, inflated)
            })
            .into_iter()
            .unzip::<bool, Option<usize>, Vec<_>, Vec<_>>();
        assert_eq!(read, [true, false, false]);
        assert_eq!(inflated, [Some(900 << 10), Some(2 << 20), None]);
    }
}
