//! GIF (89a): images, their timing, and how often they repeat. Comments, texts and the extensions of
//! applications (XMP among them) go, and so does what follows the trailer.

use super::super::cursor::Cursor;
use super::super::{Malformed, malformed};

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
const GRAPHIC_CONTROL: u8 = 0xf9;
const PLAIN_TEXT: u8 = 0x01;
const APPLICATION: u8 = 0xff;

/// The picture without its metadata.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let mut kept = Vec::with_capacity(bytes.len());
    let header: [u8; 13] = cursor.array()?;
    if !header.starts_with(b"GIF87a") && !header.starts_with(b"GIF89a") {
        return Err(malformed("a GIF begins with its version"));
    }
    kept.extend_from_slice(&header);
    let [.., flags, _, _] = header;
    kept.extend_from_slice(cursor.take(colour_table_bytes(flags))?);

    // A graphic control belongs to the image, or the text, that follows it.
    let mut control: Option<[u8; 4]> = None;
    let mut images = 0_u32;
    // Some encoders forget the trailer. What came before it is known block by block all the same.
    while images == 0 || !cursor.is_empty() {
        match cursor.u8()? {
            EXTENSION => match cursor.u8()? {
                GRAPHIC_CONTROL => control = control_block(&mut cursor)?,
                PLAIN_TEXT => {
                    skip_blocks(&mut cursor)?;
                    control = None;
                }
                APPLICATION => application(&mut cursor, &mut kept)?,
                _ => skip_blocks(&mut cursor)?,
            },
            IMAGE => {
                if let Some([flags, delay_low, delay_high, transparent]) = control.take() {
                    let content = [flags, delay_low, delay_high, transparent, 0];
                    kept.extend_from_slice(&[EXTENSION, GRAPHIC_CONTROL, 4]);
                    kept.extend_from_slice(&content);
                }
                image(&mut cursor, &mut kept)?;
                images += 1;
            }
            TRAILER if images > 0 => break,
            TRAILER => return Err(malformed("a GIF has no image")),
            _ => return Err(malformed("a GIF's block is not known")),
        }
    }
    kept.push(TRAILER);
    Ok(kept)
}

fn colour_table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The next block of an extension; `None` for the empty one, which ends it.
fn block<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match cursor.u8()? {
        0 => Ok(None),
        length => Ok(Some(cursor.take(usize::from(length))?)),
    }
}

fn skip_blocks(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    while block(cursor)?.is_some() {}
    Ok(())
}

/// The first block of a graphic control.
fn control_block(cursor: &mut Cursor<'_>) -> Result<Option<[u8; 4]>, Malformed> {
    let Some(first) = block(cursor)? else { return Ok(None) };
    skip_blocks(cursor)?;
    Ok(first.try_into().ok())
}

/// Keeps how often an animation repeats: of `NETSCAPE2.0`, the block that begins with 1.
fn application(cursor: &mut Cursor<'_>, kept: &mut Vec<u8>) -> Result<(), Malformed> {
    let Some(name) = block(cursor)? else { return Ok(()) };
    let mut repeats = matches!(name, b"NETSCAPE2.0" | b"ANIMEXTS1.0");
    while let Some(block) = block(cursor)? {
        if let ([1, low, high], true) = (block, repeats) {
            kept.extend_from_slice(&[EXTENSION, APPLICATION, 11]);
            kept.extend_from_slice(name);
            kept.extend_from_slice(&[3, 1, *low, *high, 0]);
            repeats = false;
        }
    }
    Ok(())
}

/// Copies an image: descriptor, colours, and its compressed pixels.
fn image(cursor: &mut Cursor<'_>, kept: &mut Vec<u8>) -> Result<(), Malformed> {
    let descriptor: [u8; 9] = cursor.array()?;
    kept.push(IMAGE);
    kept.extend_from_slice(&descriptor);
    let [.., flags] = descriptor;
    kept.extend_from_slice(cursor.take(colour_table_bytes(flags))?);
    kept.push(cursor.u8()?);
    loop {
        let length = cursor.u8()?;
        kept.push(length);
        if length == 0 {
            return Ok(());
        }
        kept.extend_from_slice(cursor.take(usize::from(length))?);
    }
}
