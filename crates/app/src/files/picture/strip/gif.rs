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
                GRAPHIC_CONTROL => control = blocks(&mut cursor)?.first().and_then(|block| as_control(block)),
                PLAIN_TEXT => {
                    blocks(&mut cursor)?;
                    control = None;
                }
                APPLICATION => push_repetition(&mut kept, &blocks(&mut cursor)?),
                _ => {
                    blocks(&mut cursor)?;
                }
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

/// The blocks of an extension up to the empty one.
fn blocks<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<&'a [u8]>, Malformed> {
    let mut blocks = Vec::new();
    loop {
        match cursor.u8()? {
            0 => return Ok(blocks),
            length => blocks.push(cursor.take(usize::from(length))?),
        }
    }
}

fn as_control(block: &[u8]) -> Option<[u8; 4]> {
    block.try_into().ok()
}

/// Keeps how often an animation repeats: `NETSCAPE2.0`, the block that begins with 1.
fn push_repetition(kept: &mut Vec<u8>, blocks: &[&[u8]]) {
    let Some((name, content)) = blocks.split_first() else {
        return;
    };
    if !matches!(*name, b"NETSCAPE2.0" | b"ANIMEXTS1.0") {
        return;
    }
    for block in content {
        if let [1, low, high] = block {
            kept.extend_from_slice(&[EXTENSION, APPLICATION, 11]);
            kept.extend_from_slice(name);
            kept.extend_from_slice(&[3, 1, *low, *high, 0]);
            return;
        }
    }
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
