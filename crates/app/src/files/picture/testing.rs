//! Pictures for tests, with everything in them that must not survive.

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, RgbaImage};

use super::details::Examined;
use super::stripped::Stripped;
use super::{Format, PictureError};

/// What nobody may find in a picture that was stripped.
pub(super) const SECRET: &[u8] = b"54.8985N 23.9036E";

/// A picture that is another one when it is turned, cut or mirrored.
pub(super) fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let channel = |part: u32, of: u32| u8::try_from(part * 255 / of.max(1)).unwrap();
        Rgb([channel(x, width), channel(y, height), if x < width / 3 && y < height / 4 { 255 } else { 40 }])
    })
}

/// The same with holes.
pub(super) fn translucent(width: u32, height: u32) -> RgbaImage {
    let mut image = DynamicImage::ImageRgb8(picture(width, height)).into_rgba8();
    for (x, _, pixel) in image.enumerate_pixels_mut() {
        pixel.0[3] = if x < width / 2 { 0 } else { 255 };
    }
    image
}

/// `image` as a file.
pub(super) fn encoded(image: &DynamicImage, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&image.to_rgb8()).unwrap(),
        Format::Png => image.write_with_encoder(PngEncoder::new(&mut bytes)).unwrap(),
        Format::WebP => image.write_with_encoder(WebPEncoder::new_lossless(&mut bytes)).unwrap(),
        Format::Gif => {
            let mut encoder = GifEncoder::new(&mut bytes);
            encoder.set_repeat(image::codecs::gif::Repeat::Finite(3)).unwrap();
            encoder.encode_frame(Frame::new(image.to_rgba8())).unwrap();
            encoder.encode_frame(Frame::new(image::imageops::flip_vertical(&image.to_rgba8()))).unwrap();
        }
        Format::Avif => return super::encode::encode(image, Format::Avif, 60).unwrap(),
        Format::Heic => panic!("nothing here makes HEIC"),
    }
    bytes
}

/// All that a turn does with an upload.
pub(super) fn examine(bytes: &[u8]) -> Result<Option<Examined>, PictureError> {
    Stripped::of(bytes.to_vec().into())?.map(Stripped::examined).transpose()
}

/// The pixels of a file as they are stored, without turning them.
pub(super) fn pixels(bytes: &[u8], format: Format) -> DynamicImage {
    let format = match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        _ => ImageFormat::WebP,
    };
    image::load_from_memory_with_format(bytes, format).unwrap()
}

/// Whether `bytes` hold `part`.
pub(super) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// An EXIF block, the smaller byte first, that tells `orientation` and a place, as a camera writes it.
pub(super) fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II\x2a\0\x08\0\0\0".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let mut entry = tag.to_le_bytes().to_vec();
        entry.extend(kind.to_le_bytes());
        entry.extend(count.to_le_bytes());
        entry.extend(value.to_le_bytes());
        entry
    };
    let after = 8 + 2 + 3 * 12 + 4;
    exif.extend(3_u16.to_le_bytes());
    exif.extend(entry(0x010f, 2, u32::try_from(SECRET.len()).unwrap(), after));
    exif.extend(entry(0x0112, 3, 1, u32::from(orientation)));
    exif.extend(entry(0x8825, 4, 1, after + u32::try_from(SECRET.len()).unwrap()));
    exif.extend([0; 4]);
    exif.extend(SECRET);
    exif
}

/// A segment of a JPEG.
pub(super) fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], length.as_slice(), payload].concat()
}

/// A chunk of a PNG.
pub(super) fn png_chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in kind.iter().chain(content) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length, kind.as_slice(), content, &(!crc).to_be_bytes()].concat()
}

/// A chunk of a WebP.
pub(super) fn riff_chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [kind.as_slice(), &length, content, if content.len() % 2 == 1 { &[0] } else { &[] }].concat()
}

/// A JPEG with a place in every segment that has room for one, turned by `orientation`.
pub(super) fn telling_jpeg(image: &RgbImage, orientation: u8) -> Vec<u8> {
    let plain = encoded(&DynamicImage::ImageRgb8(image.clone()), Format::Jpeg);
    let with_secret = |name: &[u8]| [name, SECRET].concat();
    let mut bytes = plain[..2].to_vec();
    bytes.extend(segment(0xe0, &with_secret(b"JFXX\0\x10")));
    bytes.extend(segment(0xe1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat()));
    bytes.extend(segment(0xe1, &with_secret(b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>")));
    bytes.extend(segment(
        0xe1,
        &with_secret(&[b"http://ns.adobe.com/xmp/extension/\0".as_slice(), &[b'0'; 40]].concat()),
    ));
    bytes.extend(segment(0xe2, &with_secret(b"MPF\0")));
    bytes.extend(segment(0xed, &with_secret(b"Photoshop 3.0\08BIM")));
    bytes.extend(segment(0xe5, &with_secret(b"")));
    bytes.extend(segment(0xfe, &with_secret(b"")));
    bytes.extend(&plain[2..]);
    // A film after the picture, and a maker's trailer.
    bytes.extend(b"\0\0\0\x18ftypmp42");
    bytes.extend(SECRET);
    bytes
}

/// A PNG with a place in every chunk that has room for one.
pub(super) fn telling_png(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    let plain = encoded(image, Format::Png);
    let (header, rest) = plain.split_at(8 + 25);
    let (body, end) = rest.split_at(rest.len() - 12);
    let with_secret = |name: &[u8]| [name, SECRET].concat();
    let mut bytes = header.to_vec();
    bytes.extend(png_chunk(*b"eXIf", &exif(orientation)));
    bytes.extend(png_chunk(*b"tEXt", &with_secret(b"Comment\0")));
    bytes.extend(png_chunk(*b"iTXt", &with_secret(b"XML:com.adobe.xmp\0\0\0\0\0")));
    bytes.extend(png_chunk(*b"zTXt", &with_secret(b"Raw profile type exif\0\0")));
    bytes.extend(png_chunk(*b"tIME", &[7, 232, 1, 2, 3, 4, 5]));
    bytes.extend(png_chunk(*b"prVt", SECRET));
    bytes.extend(body);
    bytes.extend(png_chunk(*b"tEXt", &with_secret(b"Location\0")));
    bytes.extend(end);
    bytes.extend(SECRET);
    bytes
}

/// A WebP with EXIF, XMP and a chunk that nobody knows.
pub(super) fn telling_webp(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    let plain = encoded(image, Format::WebP);
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let flags = 0b0000_1100 | if image.color().has_alpha() { 0b0001_0000 } else { 0 };
    let header = [[flags, 0, 0, 0].as_slice(), &side(image.width()), &side(image.height())].concat();
    let chunks = [
        riff_chunk(*b"VP8X", &header),
        plain[12..].to_vec(),
        riff_chunk(*b"EXIF", &[b"Exif\0\0".as_slice(), &exif(orientation)].concat()),
        riff_chunk(*b"XMP ", SECRET),
        riff_chunk(*b"prvt", SECRET),
    ];
    let mut bytes = riff_chunk(*b"RIFF", &[b"WEBP".as_slice(), &chunks.concat()].concat());
    bytes.extend(SECRET);
    bytes
}

/// A GIF of two images with a comment, a text, XMP, and something behind it.
pub(super) fn telling_gif(image: &DynamicImage) -> Vec<u8> {
    let plain = encoded(image, Format::Gif);
    let secret_block = [[u8::try_from(SECRET.len()).unwrap()].as_slice(), SECRET, &[0]].concat();
    let extension = |label: u8, blocks: &[u8]| [[0x21, label].as_slice(), blocks].concat();
    let table = if plain[10] & 0x80 == 0 { 0 } else { 3 << ((plain[10] & 7) + 1) };
    let (header, rest) = plain.split_at(13 + table);
    let (body, trailer) = rest.split_at(rest.len() - 1);
    let mut bytes = header.to_vec();
    bytes.extend(extension(0xfe, &secret_block));
    bytes.extend(extension(0xff, &[b"\x0bXMP DataXMP".as_slice(), &secret_block].concat()));
    bytes.extend(extension(0xf9, &[4, 0, 99, 0, 0, 0]));
    bytes.extend(extension(0x01, &[[12].as_slice(), &[0; 12], &secret_block].concat()));
    bytes.extend(body);
    bytes.extend(extension(0xfe, &secret_block));
    bytes.extend(trailer);
    bytes.extend(SECRET);
    bytes
}

/// A HEIF of `brand` with a grid of one picture item, EXIF, XMP, and bytes that belong to nobody. The picture item is
/// `content`, `properties` are boxes.
pub(super) fn telling_heif(brand: [u8; 4], item: [u8; 4], content: &[u8], properties: &[Vec<u8>]) -> Vec<u8> {
    let items = [(1, item, content), (2, *b"Exif", &exif(6)), (3, *b"mime", SECRET)];
    let meta = |data_at: usize| {
        let infe = |id: u16, kind: [u8; 4]| {
            full_box(*b"infe", 2, &[&id.to_be_bytes(), [0, 0].as_slice(), &kind, b"\0"].concat())
        };
        let infes: Vec<u8> = items.iter().flat_map(|(id, kind, _)| infe(*id, *kind)).collect();
        let mut places = Vec::new();
        let mut at = data_at;
        for (id, _, bytes) in items {
            places.extend(id.to_be_bytes());
            places.extend([0, 0, 0, 1]);
            places.extend(u32::try_from(at).unwrap().to_be_bytes());
            places.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
            at += bytes.len() + SECRET.len();
        }
        let indexes: Vec<u8> = (1..=u8::try_from(properties.len()).unwrap()).collect();
        let association =
            [[0, 0, 0, 1, 0, 1].as_slice(), &[u8::try_from(indexes.len()).unwrap()], &indexes].concat();
        let content = [
            full_box(*b"hdlr", 0, b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            full_box(*b"pitm", 0, &[0, 1]),
            full_box(*b"iinf", 0, &[[0, 3].as_slice(), &infes].concat()),
            full_box(*b"iloc", 0, &[[0x44, 0, 0, 3].as_slice(), &places].concat()),
            iso_box(
                *b"iprp",
                &[iso_box(*b"ipco", &properties.concat()), full_box(*b"ipma", 0, &association)].concat(),
            ),
            iso_box(*b"xml ", SECRET),
        ];
        full_box(*b"meta", 0, &content.concat())
    };
    let file_type = iso_box(*b"ftyp", &[brand.as_slice(), &[0; 4], &brand, b"mif1"].concat());
    let data_at = file_type.len() + meta(0).len() + 8;
    let data: Vec<u8> = items.iter().flat_map(|(_, _, bytes)| [*bytes, SECRET].concat()).collect();
    [file_type, meta(data_at), iso_box(*b"mdat", &data), iso_box(*b"mpvd", SECRET), iso_box(*b"free", SECRET)]
        .concat()
}

/// A box of HEIF.
pub(super) fn iso_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
    [length.as_slice(), &kind, content].concat()
}

/// A box of HEIF with a version.
pub(super) fn full_box(kind: [u8; 4], version: u8, content: &[u8]) -> Vec<u8> {
    iso_box(kind, &[[version, 0, 0, 0].as_slice(), content].concat())
}
