//! What holds for all formats: pixels stay, places do not, and no bytes are too strange.

use image::DynamicImage;
use proptest::prelude::*;

use super::super::testing::{
    SECRET, encoded, examine, full_box, holds, iso_box, picture, pixels, riff_chunk, segment, telling_gif,
    telling_heif, telling_jpeg, telling_png, telling_webp, translucent,
};
use super::super::{Format, PictureError, Size, isobmff};
use super::*;

fn opaque(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(picture(width, height))
}

fn telling(format: Format, image: &DynamicImage, orientation: u8) -> Vec<u8> {
    match format {
        Format::Jpeg => telling_jpeg(&image.to_rgb8(), orientation),
        Format::Png => telling_png(image, orientation),
        Format::Gif => telling_gif(image),
        _ => telling_webp(image, orientation),
    }
}

const DECODED: [Format; 4] = [Format::Jpeg, Format::Png, Format::Gif, Format::WebP];

#[test]
fn pixels_stay_and_places_go() {
    for format in DECODED {
        for image in [opaque(37, 23), DynamicImage::ImageRgba8(translucent(16, 9))] {
            for orientation in [1, 6] {
                let before = telling(format, &image, orientation);
                assert!(holds(&before, SECRET));
                let after = strip(format, &before).unwrap();
                assert!(!holds(&after, SECRET), "{format:?}");
                assert_eq!(pixels(&before, format), pixels(&after, format), "{format:?}");
                assert_eq!(strip(format, &after).unwrap(), after, "{format:?}: once is enough");
            }
        }
    }
}

#[test]
fn what_holds_nothing_stays_byte_for_byte() {
    for format in DECODED {
        let plain = encoded(&opaque(20, 10), format);
        assert_eq!(strip(format, &plain).unwrap(), plain, "{format:?}");
    }
}

#[test]
fn the_orientation_stays() {
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        for orientation in 1..=8 {
            let bytes = strip(format, &telling(format, &opaque(30, 20), orientation)).unwrap();
            let size = examine(&bytes).unwrap().unwrap().size;
            let (width, height) = if orientation < 5 { (30, 20) } else { (20, 30) };
            assert_eq!(size, Size { width, height }, "{format:?} {orientation}");
        }
    }
}

#[test]
fn an_animation_moves_as_before() {
    use image::AnimationDecoder as _;
    let frames = |bytes: &[u8]| {
        let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(bytes.to_vec())).unwrap();
        let repeats = holds(bytes, b"NETSCAPE2.0\x03\x01\x03\0\0");
        let frames = decoder.into_frames().collect_frames().unwrap();
        let shown: Vec<_> = frames.iter().map(|frame| (frame.delay(), frame.buffer().clone())).collect();
        (repeats, shown)
    };
    let before = telling_gif(&opaque(20, 10));
    let (repeats, shown) = frames(&before);
    assert!(repeats && shown.len() == 2);
    assert_eq!(frames(&strip(Format::Gif, &before).unwrap()), (repeats, shown));
}

#[test]
fn colours_stay() {
    let profile = [b"ICC_PROFILE\0\x01\x01".as_slice(), b"a profile"].concat();
    let plain = encoded(&opaque(8, 8), Format::Jpeg);
    let bytes = [
        &plain[..2],
        &segment(0xe2, &profile),
        &segment(0xee, b"Adobe\0\x64\0\0\0\0\x01and more"),
        &plain[2..],
    ];
    let stripped = strip(Format::Jpeg, &bytes.concat()).unwrap();
    assert!(holds(&stripped, &profile));
    assert!(holds(&stripped, &segment(0xee, b"Adobe\0\x64\0\0\0\0\x01")));
}

#[test]
fn heif_keeps_its_places_and_loses_its_secrets() {
    let ispe = full_box(*b"ispe", 0, &[0, 0, 16, 0, 0, 0, 12, 0]);
    let udes = full_box(*b"udes", 0, SECRET);
    let irot = iso_box(*b"irot", &[1]);
    let before = telling_heif(*b"heic", *b"hvc1", b"the pixels", &[ispe, udes, irot]);
    assert_eq!(Format::of(&before), Some(Format::Heic));
    let after = strip(Format::Heic, &before).unwrap();
    assert!(!holds(&after, SECRET));
    assert_eq!(after.len(), before.len());
    let place = |bytes: &[u8]| bytes.windows(10).position(|window| window == b"the pixels");
    assert_eq!(place(&after), place(&before));
    assert_eq!(isobmff::size(&after), Ok(Size { width: 3072, height: 4096 }));
    assert_eq!(strip(Format::Heic, &after).unwrap(), after);
}

#[test]
fn an_avif_as_an_encoder_writes_it_stays() {
    let plain = encoded(&opaque(20, 10), Format::Avif);
    assert_eq!(Format::of(&plain), Some(Format::Avif));
    assert_eq!(strip(Format::Avif, &plain).unwrap(), plain);
    assert_eq!(isobmff::size(&plain), Ok(Size { width: 20, height: 10 }));
}

#[test]
fn what_is_cut_short_is_refused() {
    let image = opaque(20, 10);
    for format in [Format::Jpeg, Format::Png, Format::Gif, Format::WebP, Format::Avif] {
        let whole = encoded(&image, format);
        for end in 0..whole.len() {
            let stripped = strip(format, &whole[..end]);
            // A GIF without its last images or its trailer is a shorter one.
            let is_whole =
                format == Format::Gif && stripped.as_ref().is_ok_and(|gif| gif.ends_with(&[0, 0x3b]));
            assert!(stripped.is_err() || is_whole, "{format:?}: {end} of {} bytes", whole.len());
        }
    }
}

#[test]
fn claims_that_are_too_large_are_refused() {
    let mut png = encoded(&opaque(4, 4), Format::Png);
    png.splice(16..24, [0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    assert!(examine(&png).is_err());
    let mut gif = encoded(&opaque(4, 4), Format::Gif);
    gif.splice(6..10, [0xff; 4]);
    assert!(examine(&gif).is_err());
    let jpeg = encoded(&opaque(8, 8), Format::Jpeg);
    let scan = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let (head, scans) = (jpeg[..scan].to_vec(), &jpeg[scan..jpeg.len() - 2]);
    let bytes = [head, scans.repeat(1000), vec![0xff, 0xd9]].concat();
    assert!(strip(Format::Jpeg, &bytes).is_err());
}

/// A WebP that says 20 x 10, of whose chunks the ones in `chunks` are.
fn extended_webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [0b0000_0010, 0, 0, 0, 19, 0, 0, 9, 0, 0];
    let all = [b"WEBP".as_slice(), &riff_chunk(*b"VP8X", &header), &chunks.concat()].concat();
    riff_chunk(*b"RIFF", &all)
}

#[test]
fn a_webp_s_pixels_have_the_size_that_it_says() {
    let bitstream = |bytes: &[u8]| (bytes[12..16].try_into().unwrap(), bytes[20..].to_vec());
    let with_loss = bitstream(&super::super::encode::encode(&opaque(20, 10), Format::WebP, 80).unwrap());
    let without = bitstream(&encoded(&opaque(20, 10), Format::WebP));
    for ((kind, honest), at, huge) in
        [(with_loss, 6, [0xff, 0x3f, 0xff, 0x3f]), (without, 1, [0xff, 0xff, 0xff, 0x0f])]
    {
        let mut claiming = honest.clone();
        claiming.splice(at..at + 4, huge);
        let frame = |pixels: &[u8]| {
            let place = [[0; 6].as_slice(), &[19, 0, 0, 9, 0, 0, 40, 0, 0, 0]].concat();
            riff_chunk(*b"ANMF", &[place, riff_chunk(kind, pixels)].concat())
        };
        for (still, is_honest) in [(&honest, true), (&claiming, false)] {
            let still_or_moving = [
                vec![riff_chunk(kind, still)],
                vec![riff_chunk(*b"ANIM", &[0; 6]), frame(&honest), frame(still)],
                vec![riff_chunk(kind, &honest), riff_chunk(kind, still)],
            ];
            for chunks in still_or_moving {
                let stripped = strip(Format::WebP, &extended_webp(&chunks));
                assert_eq!(stripped.is_ok(), is_honest, "{kind:?}: {} chunks", chunks.len());
            }
        }
    }
}

#[test]
fn a_gif_s_image_may_lie_beyond_its_screen_and_not_far() {
    let gif = |width: u16| {
        let mut gif = encoded(&opaque(4, 4), Format::Gif);
        let image = gif.iter().position(|byte| *byte == 0x2c).unwrap();
        gif.splice(image + 5..image + 7, width.to_le_bytes());
        gif.splice(image + 7..image + 9, width.to_le_bytes());
        examine(&gif).map(|examined| examined.is_some())
    };
    assert_ne!(gif(2000), Err(PictureError::TooLarge));
    assert_eq!(gif(7000), Err(PictureError::TooLarge));
}

/// Every format's telling file.
fn samples() -> Vec<Vec<u8>> {
    let image = opaque(12, 7);
    let mut samples: Vec<_> = DECODED.iter().map(|format| telling(*format, &image, 6)).collect();
    let ispe = full_box(*b"ispe", 0, &[0, 0, 0, 12, 0, 0, 0, 7]);
    samples.push(telling_heif(*b"avif", *b"av01", b"the pixels", &[ispe]));
    samples
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_at_worst(
        start in prop::sample::select(samples()),
        kept in 0..40_usize,
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [&start[..kept.min(start.len())], &rest].concat();
        let _ = examine(&bytes);
    }

    #[test]
    fn what_was_damaged_is_stripped_or_refused(
        start in prop::sample::select(samples()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = start;
        for (place, value) in damage {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(format) = Format::of(&bytes)
            && let Ok(stripped) = strip(format, &bytes)
        {
            prop_assert!(strip(format, &stripped).is_ok(), "what was stripped is whole");
        }
        let _ = examine(&bytes);
    }

    #[test]
    fn pixels_stay_in_pictures_of_any_size(
        width in 1..50_u32,
        height in 1..50_u32,
        orientation in 1..=8_u8,
        format in prop::sample::select(DECODED.to_vec()),
    ) {
        let before = telling(format, &opaque(width, height), orientation);
        let after = strip(format, &before).unwrap();
        prop_assert!(!holds(&after, SECRET));
        prop_assert_eq!(pixels(&before, format), pixels(&after, format));
    }
}
