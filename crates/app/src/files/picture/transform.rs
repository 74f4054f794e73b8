//! A picture as somebody wants it: another size, format or quality, or blurred.

use bytes::Bytes;
use image::{DynamicImage, imageops};

use super::encode::{DEFAULT_QUALITY, encode};
use super::geometry::Plan;
use super::options::{Options, Output};
use super::stripped::Stripped;
use super::{Format, PictureError};

/// The most pixels that AVIF is made of: a core makes a million of them in a second, the others in a tenth of that.
const MAX_AVIF_PIXELS: u64 = 4_000_000;

/// What its encoder takes for each of them beside the picture itself.
const AVIF_PIXEL_BYTES: u64 = 64;

/// The most of which it is made for who takes another format as well.
const MAX_AUTO_AVIF_PIXELS: u64 = 1_000_000;

/// A picture of which another one will be made.
pub(super) struct Change {
    stripped: Stripped,
    plan: Plan,
    output: Format,
    options: Options,
}

impl Change {
    /// Of the file `bytes`, as `options` say. Its metadata are gone, its first picture stands for all.
    pub(super) fn of(bytes: Bytes, options: Options) -> Result<Self, PictureError> {
        let stripped = Stripped::of(bytes)?.filter(|stripped| stripped.format.is_changed());
        let stripped = stripped.ok_or(PictureError::NotAnImage)?;
        let plan = Plan::wished(stripped.size, options.width, options.height)?;
        let pixels = plan.size.pixels();
        let output = match options.output {
            Output::Same => stripped.format,
            Output::Format(Format::Avif) if pixels > MAX_AVIF_PIXELS => return Err(PictureError::TooLarge),
            Output::Format(format) => format,
            Output::Auto(accepted) => accepted.choose(stripped.format, pixels <= MAX_AUTO_AVIF_PIXELS),
        };
        Ok(Self { stripped, plan, output, options })
    }

    /// The bytes of memory that it takes.
    pub(super) fn cost(&self) -> u64 {
        let encoder =
            if self.output == Format::Avif { self.plan.size.pixels() * AVIF_PIXEL_BYTES } else { 0 };
        self.stripped.cost(&self.plan) + encoder
    }

    /// What is made, and its format.
    pub(super) fn make(self) -> Result<(Format, Vec<u8>), PictureError> {
        let Self { stripped, plan, output, options } = self;
        let made = stripped.source()?.make(plan)?;
        drop(stripped);
        let made = blurred(made, options.blur());
        Ok((output, encode(&made, output, options.quality.unwrap_or(DEFAULT_QUALITY))?))
    }
}

fn blurred(image: DynamicImage, sigma: f32) -> DynamicImage {
    if sigma <= 0.0 {
        return image;
    }
    match image {
        DynamicImage::ImageRgb8(image) => DynamicImage::ImageRgb8(imageops::fast_blur(&image, sigma)),
        other => DynamicImage::ImageRgba8(imageops::fast_blur(&other.into_rgba8(), sigma)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::ACCEPT;
    use image::{DynamicImage, Rgb, RgbImage};

    use super::super::Size;
    use super::super::testing::{
        SECRET, encoded, holds, picture, pixels, telling_jpeg, telling_png, telling_webp, translucent,
    };
    use super::*;

    fn transform(bytes: &[u8], options: &Options) -> Result<(Format, Vec<u8>), PictureError> {
        Change::of(bytes.to_vec().into(), *options)?.make()
    }

    fn options(query: &str) -> Options {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, "image/webp, image/jpeg".parse().unwrap());
        Options::read(query, &headers).unwrap().unwrap()
    }

    fn made(bytes: &[u8], query: &str) -> (Format, DynamicImage) {
        let (format, bytes) = transform(bytes, &options(query)).unwrap();
        assert_eq!(Format::of(&bytes), Some(format));
        assert!(!holds(&bytes, SECRET));
        (format, pixels(&bytes, format))
    }

    fn size(of: &DynamicImage) -> (u32, u32) {
        (of.width(), of.height())
    }

    /// The mean difference of two pictures of one size, by channel.
    fn difference(one: &RgbImage, other: &RgbImage) -> f64 {
        assert_eq!(one.dimensions(), other.dimensions());
        let pairs = one.as_raw().iter().zip(other.as_raw());
        let sum: u32 = pairs.map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
        f64::from(sum) / f64::from(u32::try_from(one.as_raw().len()).unwrap())
    }

    #[test]
    fn every_format_becomes_every_format() {
        let image = DynamicImage::ImageRgb8(picture(60, 40));
        for from in [Format::Jpeg, Format::Png, Format::WebP] {
            let source = encoded(&image, from);
            for (query, format, dimensions) in [
                ("w=30", from, (30, 20)),
                ("h=80&f=same", from, (120, 80)),
                ("w=20&h=20&f=png", Format::Png, (20, 20)),
                ("f=jpeg&q=50", Format::Jpeg, (60, 40)),
                ("f=auto&w=10", Format::WebP, (10, 7)),
            ] {
                let (got, shown) = made(&source, query);
                assert_eq!((got, size(&shown)), (format, dimensions), "{from:?} {query}");
            }
            let (format, bytes) = transform(&source, &options("w=20&f=avif")).unwrap();
            assert_eq!((format, Format::of(&bytes)), (Format::Avif, Some(Format::Avif)));
            assert_eq!(super::super::isobmff::size(&bytes), Ok(Size { width: 20, height: 13 }));
        }
    }

    #[test]
    fn pictures_are_made_upright() {
        let image = picture(60, 40);
        for orientation in 1..=8 {
            let mut upright = DynamicImage::ImageRgb8(image.clone());
            upright.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
            let (_, shown) = made(&telling_png(&DynamicImage::ImageRgb8(image.clone()), orientation), "q=90");
            assert_eq!(shown.to_rgb8(), upright.to_rgb8(), "{orientation}");
            let (_, shown) = made(&telling_jpeg(&image, orientation), "q=90");
            assert!(difference(&shown.to_rgb8(), &upright.to_rgb8()) < 4.0, "{orientation}");
            let webp = telling_webp(&DynamicImage::ImageRgb8(image.clone()), orientation);
            let (_, shown) = made(&webp, "q=90&f=png&w=30&h=30");
            let middle =
                if orientation < 5 { upright.crop(10, 0, 40, 40) } else { upright.crop(0, 10, 40, 40) };
            let wanted = middle.resize_exact(30, 30, imageops::FilterType::Lanczos3);
            assert!(difference(&shown.to_rgb8(), &wanted.to_rgb8()) < 2.0, "{orientation}");
        }
    }

    #[test]
    fn quality_makes_smaller_and_blur_makes_smoother() {
        let noise = |x: u32, y: u32| u8::try_from((x * 7919 + y * 104_729) % 251).unwrap();
        let speckled = DynamicImage::ImageRgb8(RgbImage::from_fn(64, 64, |x, y| Rgb([noise(x, y); 3])));
        let source = encoded(&speckled, Format::Png);
        for format in ["jpeg", "webp", "avif"] {
            let bytes = |quality| transform(&source, &options(&format!("f={format}&q={quality}"))).unwrap().1;
            assert!(bytes(10).len() < bytes(95).len(), "{format}");
        }
        let contrast = |sigma: &str| {
            let image = made(&source, &format!("b={sigma}&w=64")).1.to_rgb8();
            difference(&image, &imageops::flip_horizontal(&image))
        };
        assert!(contrast("0") > 2.0 * contrast("1") && contrast("1") > contrast("20"));
        for strange in ["b=250&w=1&h=1", "b=250&w=8192&h=1", "b=0.01&w=3"] {
            made(&source, strange);
        }
    }

    #[test]
    fn what_shines_through_stays_so_or_gets_white_ground() {
        let source = encoded(&DynamicImage::ImageRgba8(translucent(40, 40)), Format::Png);
        for query in ["w=20", "w=20&f=webp"] {
            let shown = made(&source, query).1.to_rgba8();
            assert_eq!((shown.get_pixel(2, 10).0[3], shown.get_pixel(17, 10).0[3]), (0, 255), "{query}");
        }
        let shown = made(&source, "w=20&f=jpeg").1.to_rgb8();
        assert!(shown.get_pixel(2, 10).0.iter().all(|channel| *channel > 245));
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        let image = DynamicImage::ImageRgb8(picture(60, 40));
        let of = |bytes: &[u8], query| transform(bytes, &options(query)).unwrap_err();
        for no_picture in [b"<svg/>".to_vec(), encoded(&image, Format::Gif), encoded(&image, Format::Avif)] {
            assert_eq!(of(&no_picture, "w=10"), PictureError::NotAnImage);
        }
        let png = encoded(&image, Format::Png);
        assert!(matches!(of(&png[..png.len() / 2], "w=10"), PictureError::Malformed(_)));
        assert_eq!(of(&png, "w=3000&h=3000&f=avif"), PictureError::TooLarge);
        assert_eq!(of(&png, "w=8192&h=8192"), PictureError::TooLarge);
        assert_eq!(of(&vec![0; 26 << 20], "w=10"), PictureError::TooLarge);
    }

    #[test]
    fn colours_of_a_profile_become_the_screen_s() {
        use image::ImageEncoder as _;
        let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(profile).unwrap();
        encoder.write_image(&[200, 100, 50].repeat(16), 4, 4, image::ExtendedColorType::Rgb8).unwrap();
        let shown = made(&bytes, "w=2").1.to_rgb8();
        // Display P3 (200, 100, 50) in sRGB (CSS Color 4, sections 10.9 and 17).
        let wanted = [215, 93, 31];
        let got = shown.get_pixel(0, 0).0;
        assert!(got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 2), "{got:?}");
    }
}
