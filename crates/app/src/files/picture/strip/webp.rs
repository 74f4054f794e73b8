//! WebP (RFC 9649): the chunks that pixels, colours and animation need. `VP8X` says which chunks there are, so
//! its flags are written anew; the orientation gets an `EXIF` of its own.

use image::metadata::Orientation;

use super::super::cursor::Cursor;
use super::super::orientation::{minimal_exif, of_exif};
use super::super::{Malformed, Size, malformed};

const HAS_EXIF: u8 = 0b0000_1000;
const HAS_XMP: u8 = 0b0000_0100;

/// A frame's place, size, duration and blending, before its chunks.
const FRAME_HEADER_BYTES: usize = 16;

/// The picture without its metadata.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    if cursor.array()? != *b"RIFF" {
        return Err(malformed("a WebP begins with RIFF"));
    }
    let length = cursor.u32_le()?;
    let mut content = Cursor::new(cursor.take(as_length(length)?)?);
    if content.array()? != *b"WEBP" {
        return Err(malformed("a RIFF file is no WebP"));
    }
    let mut kept = Kept::default();
    while !content.is_empty() {
        let (kind, payload) = chunk(&mut content)?;
        kept.chunk(kind, payload)?;
    }
    kept.finish()
}

fn as_length(length: u32) -> Result<usize, Malformed> {
    usize::try_from(length).map_err(|_| malformed("a WebP's chunk is too long"))
}

fn chunk<'a>(cursor: &mut Cursor<'a>) -> Result<([u8; 4], &'a [u8]), Malformed> {
    let kind = cursor.array()?;
    let length = as_length(cursor.u32_le()?)?;
    let payload = cursor.take(length)?;
    // Chunks begin at even places. The last one's filling is often forgotten.
    if length % 2 == 1 && !cursor.is_empty() {
        cursor.u8()?;
    }
    Ok((kind, payload))
}

#[derive(Default)]
struct Kept {
    chunks: Vec<u8>,
    /// Where the flags of `VP8X` are in `chunks`.
    flags_at: Option<usize>,
    orientation: Option<Orientation>,
    /// What `VP8X` says of the size, and without it the picture.
    canvas: Option<Size>,
    has_pixels: bool,
}

impl Kept {
    fn chunk(&mut self, kind: [u8; 4], payload: &[u8]) -> Result<(), Malformed> {
        match &kind {
            b"VP8X" if self.chunks.is_empty() => {
                self.flags_at = Some(self.chunks.len() + 8);
                let payload = payload.get(..10).ok_or_else(|| malformed("a WebP's header is too short"))?;
                self.canvas = Some(size_less_one(&mut Cursor::new(payload.get(4..).unwrap_or_default()))?);
                push(&mut self.chunks, kind, payload);
            }
            b"VP8 " | b"VP8L" => {
                self.has_pixels = true;
                let size = size_of_pixels(kind, payload)?;
                same_size(*self.canvas.get_or_insert(size), size)?;
                push(&mut self.chunks, kind, payload);
            }
            b"ANMF" => {
                self.has_pixels = true;
                push(&mut self.chunks, kind, &frame(payload)?);
            }
            b"ICCP" | b"ANIM" | b"ALPH" => push(&mut self.chunks, kind, payload),
            b"EXIF" => self.orientation = self.orientation.or_else(|| of_exif(payload)),
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, Malformed> {
        if !self.has_pixels {
            return Err(malformed("a WebP has no pixels"));
        }
        if let Some(flags) = self.flags_at.and_then(|at| self.chunks.get_mut(at)) {
            *flags &= !(HAS_EXIF | HAS_XMP);
            // Without `VP8X` a WebP has no place for EXIF, and nobody looked for it there.
            if let Some(exif) = minimal_exif(self.orientation) {
                *flags |= HAS_EXIF;
                push(&mut self.chunks, *b"EXIF", &exif);
            }
        }
        let mut bytes = Vec::with_capacity(self.chunks.len() + 12);
        let length = u32::try_from(self.chunks.len() + 4).map_err(|_| malformed("a WebP is too long"))?;
        bytes.extend_from_slice(b"RIFF");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(b"WEBP");
        bytes.extend_from_slice(&self.chunks);
        Ok(bytes)
    }
}

/// A frame's own chunks, without those that are not known. That it lies on the canvas, decoders look themselves.
fn frame(payload: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(payload);
    let header = cursor.take(FRAME_HEADER_BYTES)?;
    let size = size_less_one(&mut Cursor::new(header.get(6..).unwrap_or_default()))?;
    let mut kept = header.to_vec();
    while !cursor.is_empty() {
        let (kind, payload) = chunk(&mut cursor)?;
        match &kind {
            b"ALPH" => push(&mut kept, kind, payload),
            b"VP8 " | b"VP8L" => {
                same_size(size, size_of_pixels(kind, payload)?)?;
                push(&mut kept, kind, payload);
            }
            _ => {}
        }
    }
    Ok(kept)
}

/// Decoders make room for what the pixels say, whatever the canvas says.
fn same_size(said: Size, of_pixels: Size) -> Result<(), Malformed> {
    if said == of_pixels { Ok(()) } else { Err(malformed("a WebP's pixels have another size than it says")) }
}

/// Width and height of 24 bits each, less one.
fn size_less_one(cursor: &mut Cursor<'_>) -> Result<Size, Malformed> {
    let mut side = || {
        let [low, middle, high] = cursor.array()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]) + 1)
    };
    Ok(Size { width: side()?, height: side()? })
}

/// The size at the beginning of a bitstream with loss (RFC 6386, 9.1) or without (RFC 9649, 3.4).
fn size_of_pixels(kind: [u8; 4], payload: &[u8]) -> Result<Size, Malformed> {
    let mut cursor = Cursor::new(payload);
    if kind == *b"VP8L" {
        if cursor.u8()? != 0x2f {
            return Err(malformed("a WebP's pixels begin otherwise"));
        }
        let bits = cursor.u32_le()?;
        return Ok(Size { width: (bits & 0x3fff) + 1, height: (bits >> 14 & 0x3fff) + 1 });
    }
    let [is_not_key, ..]: [u8; 3] = cursor.array()?;
    if is_not_key & 1 == 1 || cursor.array()? != [0x9d, 0x01, 0x2a] {
        return Err(malformed("a WebP's pixels begin otherwise"));
    }
    let sides = cursor.u32_le()?;
    Ok(Size { width: sides & 0x3fff, height: sides >> 16 & 0x3fff })
}

fn push(chunks: &mut Vec<u8>, kind: [u8; 4], payload: &[u8]) {
    // A payload came with a length of 32 bits, and no longer one is made.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    chunks.extend_from_slice(&kind);
    chunks.extend_from_slice(&length.to_le_bytes());
    chunks.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        chunks.push(0);
    }
}
