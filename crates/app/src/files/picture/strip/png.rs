//! PNG (third edition): the chunks that pixels, colours and animation need, up to `IEND`; the orientation gets
//! an `eXIf` of its own. Texts, times, EXIF and chunks that nobody registered go, and so does what follows.

use image::metadata::Orientation;

use super::super::cursor::Cursor;
use super::super::orientation::{minimal_exif, of_exif};
use super::super::{Malformed, malformed};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

const KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

/// The picture without its metadata.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    if cursor.array()? != SIGNATURE {
        return Err(malformed("a PNG begins with its signature"));
    }
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(&SIGNATURE);
    let header = chunk(&mut cursor)?;
    if header.kind != *b"IHDR" {
        return Err(malformed("a PNG's first chunk is its header"));
    }
    kept.extend_from_slice(header.whole);
    let after_header = kept.len();
    let mut orientation = None;
    let mut has_pixels = false;
    loop {
        let chunk = chunk(&mut cursor)?;
        match &chunk.kind {
            b"IHDR" => return Err(malformed("a PNG has two headers")),
            b"eXIf" => orientation = orientation.or_else(|| of_exif(chunk.content)),
            kind if KEPT.contains(&kind) => kept.extend_from_slice(chunk.whole),
            kind if is_critical(*kind) => return Err(malformed("a PNG needs a chunk that is not known")),
            _ => {}
        }
        has_pixels |= chunk.kind == *b"IDAT";
        if chunk.kind == *b"IEND" {
            break;
        }
    }
    if !has_pixels {
        return Err(malformed("a PNG has no pixels"));
    }
    kept.splice(after_header..after_header, exif_chunk(orientation));
    Ok(kept)
}

struct Chunk<'a> {
    kind: [u8; 4],
    content: &'a [u8],
    whole: &'a [u8],
}

fn chunk<'a>(cursor: &mut Cursor<'a>) -> Result<Chunk<'a>, Malformed> {
    let start = cursor.rest();
    let length = usize::try_from(cursor.u32()?).map_err(|_| malformed("a PNG's chunk is too long"))?;
    let kind = cursor.array()?;
    let content = cursor.take(length)?;
    cursor.array::<4>()?;
    let whole = start.get(..length + 12).ok_or_else(|| malformed("it ends too early"))?;
    Ok(Chunk { kind, content, whole })
}

/// A decoder that does not know such a chunk cannot show the picture (section 5.4).
fn is_critical(kind: [u8; 4]) -> bool {
    kind.first().is_some_and(|byte| byte & 0x20 == 0)
}

fn exif_chunk(orientation: Option<Orientation>) -> Vec<u8> {
    let Some(exif) = minimal_exif(orientation) else {
        return Vec::new();
    };
    let named = [b"eXIf".as_slice(), &exif].concat();
    let length = u32::try_from(exif.len()).unwrap_or_default();
    [&length.to_be_bytes(), named.as_slice(), &crc(&named).to_be_bytes()].concat()
}

/// The sum that ends a chunk (annex D); of a few bytes, so it needs no table.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (low * 0xedb8_8320);
        }
    }
    !crc
}
