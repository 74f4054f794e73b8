//! JPEG (ITU-T T.81, annex B): segments up to the first end of image. Kept are tables, frames and scans, the
//! colour profile, Adobe's colour transform, and JFIF without its thumbnail; the orientation gets an EXIF of
//! its own. What follows the image (a film, a maker's trailer, further pictures) is cut.

use image::metadata::Orientation;

use super::super::cursor::Cursor;
use super::super::orientation::{minimal_exif, of_exif};
use super::super::{Malformed, malformed};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

/// More scans than any encoder writes: each costs a walk over the whole picture.
const MAX_SCANS: usize = 64;

/// The picture without its metadata.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    if cursor.array()? != [0xff, SOI] {
        return Err(malformed("a JPEG begins with SOI"));
    }
    let mut kept = Kept { bytes: Vec::with_capacity(bytes.len()), orientation: None, jfif: None };
    let mut scans = 0;
    loop {
        match next_marker(&mut cursor)? {
            EOI if scans > 0 => break,
            marker @ (SOI | EOI | 0x00 | 0x01 | 0xd0..=0xd7) => return Err(out_of_place(marker)),
            marker => {
                let length = usize::from(cursor.u16()?);
                let payload =
                    cursor.take(length.checked_sub(2).ok_or_else(|| malformed("a segment is too short"))?)?;
                kept.segment(marker, payload);
                if marker == SOS {
                    scans += 1;
                    kept.bytes.extend_from_slice(scan(&mut cursor)?);
                }
            }
        }
        if scans > MAX_SCANS {
            return Err(malformed("a JPEG has too many scans"));
        }
    }
    Ok(kept.finish())
}

fn out_of_place(marker: u8) -> Malformed {
    match marker {
        EOI => malformed("a JPEG ends before its first scan"),
        _ => malformed("a JPEG's marker is out of place"),
    }
}

/// The next marker; it may be preceded by any number of fill bytes (B.1.1.2).
fn next_marker(cursor: &mut Cursor<'_>) -> Result<u8, Malformed> {
    if cursor.u8()? != 0xff {
        return Err(malformed("a JPEG's segment begins with no marker"));
    }
    loop {
        match cursor.u8()? {
            0xff => {}
            marker => return Ok(marker),
        }
    }
}

/// The entropy-coded data after a scan's header, up to a marker that does not belong to it.
fn scan<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let rest = cursor.rest();
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == 0xff)) {
        let at = from + found;
        match rest.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => from = at + 2,
            Some(_) => return cursor.take(at),
            None => break,
        }
    }
    Err(malformed("a JPEG's scan does not end"))
}

struct Kept {
    /// The segments and scans that stay, without what `finish` puts before them.
    bytes: Vec<u8>,
    orientation: Option<Orientation>,
    /// JFIF's version, unit and density.
    jfif: Option<[u8; 7]>,
}

impl Kept {
    fn segment(&mut self, marker: u8, payload: &[u8]) {
        match marker {
            APP0 => self.jfif = self.jfif.or_else(|| payload.strip_prefix(b"JFIF\0")?.first_chunk().copied()),
            APP1 if payload.starts_with(b"Exif\0\0") => {
                self.orientation = self.orientation.or_else(|| of_exif(payload));
            }
            APP2 if payload.starts_with(b"ICC_PROFILE\0") => self.push(marker, payload),
            APP14 if payload.starts_with(b"Adobe") && payload.len() >= 12 => {
                // The transform is the twelfth byte; what a longer segment holds is not known.
                self.push(marker, payload.get(..12).unwrap_or(payload));
            }
            // Frames (without 0xc8, which is nobody's), Huffman and arithmetic tables, quantisation, scans,
            // number of lines, restart interval.
            0xc0..=0xc7 | 0xc9..=0xcf | SOS | 0xdb..=0xdd => self.push(marker, payload),
            _ => {}
        }
    }

    fn push(&mut self, marker: u8, payload: &[u8]) {
        // A payload came with a length of 16 bits, and no longer one is made.
        let length = u16::try_from(payload.len() + 2).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&[0xff, marker]);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(payload);
    }

    /// JFIF comes first, as it must, then EXIF (JFIF 1.02; EXIF 2.3, 4.5.4).
    fn finish(mut self) -> Vec<u8> {
        let body = std::mem::take(&mut self.bytes);
        self.bytes.reserve(body.len() + 64);
        self.bytes.extend_from_slice(&[0xff, SOI]);
        if let Some(jfif) = self.jfif {
            let thumbnail_size = [0, 0];
            self.push(APP0, &[b"JFIF\0".as_slice(), &jfif, &thumbnail_size].concat());
        }
        if let Some(exif) = minimal_exif(self.orientation) {
            self.push(APP1, &[b"Exif\0\0".as_slice(), &exif].concat());
        }
        self.bytes.extend_from_slice(&body);
        self.bytes.extend_from_slice(&[0xff, EOI]);
        self.bytes
    }
}
