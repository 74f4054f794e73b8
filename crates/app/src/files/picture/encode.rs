//! From pixels to a file's bytes. What is written has no metadata.

use image::codecs::avif::AvifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder as _, Rgb, RgbImage};

use super::{Format, PictureError};

/// The quality of what says none, of 100.
pub(super) const DEFAULT_QUALITY: u8 = 80;

/// The fastest that the encoder of AVIF can; its slower ways take minutes.
const AVIF_SPEED: u8 = 10;

/// Writes `image` in `format`. `quality` is 1 to 100; PNG has none, for it loses nothing.
pub(super) fn encode(image: &DynamicImage, format: Format, quality: u8) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&flattened(image))?,
        Format::Png => image.write_with_encoder(PngEncoder::new(&mut bytes))?,
        Format::WebP => return webp(image, quality),
        Format::Avif => {
            let encoder = AvifEncoder::new_with_speed_quality(&mut bytes, AVIF_SPEED, quality);
            // One turn of the pool is one core.
            let encoder = encoder.with_num_threads(Some(1));
            encoder.write_image(image.as_bytes(), image.width(), image.height(), image.color().into())?;
        }
        Format::Gif | Format::Heic => return Err(PictureError::NotAnImage),
    }
    Ok(bytes)
}

/// Whether a pixel of `image` lets its ground through.
pub(super) fn is_translucent(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        _ => false,
    }
}

/// The picture on white ground.
pub(super) fn flattened(image: &DynamicImage) -> RgbImage {
    let DynamicImage::ImageRgba8(translucent) = image else {
        return image.to_rgb8();
    };
    let mut opaque = RgbImage::new(image.width(), image.height());
    for (to, from) in opaque.pixels_mut().zip(translucent.pixels()) {
        let [red, green, blue, alpha] = from.0;
        let on_white = |channel: u8| {
            let (channel, alpha) = (u16::from(channel), u16::from(alpha));
            u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([on_white(red), on_white(green), on_white(blue)]);
    }
    opaque
}

fn webp(image: &DynamicImage, quality: u8) -> Result<Vec<u8>, PictureError> {
    let failed = |what: &str| PictureError::Failed(format!("encode WebP: {what}"));
    let (width, height) = (image.width(), image.height());
    let encoder = match image {
        DynamicImage::ImageRgb8(image) => webp::Encoder::from_rgb(image, width, height),
        DynamicImage::ImageRgba8(image) => webp::Encoder::from_rgba(image, width, height),
        _ => return Err(failed("pixels of another kind")),
    };
    let mut config = webp::WebPConfig::new().map_err(|()| failed("no configuration"))?;
    config.quality = f32::from(quality);
    let written = encoder.encode_advanced(&config).map_err(|error| failed(&format!("{error:?}")))?;
    Ok(written.to_vec())
}
