//! The boxes of HEIF (ISO/IEC 14496-12 and 23008-12), which HEIC and AVIF are: what items there are, where their
//! bytes lie, and how large the primary one is shown. Nothing is decoded.

use std::ops::Range;

use super::cursor::Cursor;
use super::{Format, Malformed, Size, malformed};

/// The most pieces that the items of a file may lie in: of an entry of a byte, one of sixteen is made. A camera writes
/// one for each tile of a picture, some fifty.
const MAX_EXTENTS: usize = 1 << 16;

const AVIF_BRANDS: [&[u8]; 2] = [b"avif", b"avis"];
const HEIF_BRANDS: [&[u8]; 10] =
    [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"];

/// The picture format that the file type box at the beginning of `head` names, if any.
pub(super) fn picture_brand(head: &[u8]) -> Option<Format> {
    let size = usize::try_from(u32::from_be_bytes(*head.first_chunk()?)).ok()?;
    let brands = head.get(8..size.min(head.len()))?;
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    // Major brand, a version, compatible brands.
    let (named, _) = brands.as_chunks::<4>();
    let any = |known: &[&[u8]]| {
        named.iter().enumerate().any(|(at, brand)| at != 1 && known.contains(&brand.as_slice()))
    };
    if any(&AVIF_BRANDS) { Some(Format::Avif) } else { any(&HEIF_BRANDS).then_some(Format::Heic) }
}

/// A box, by where it is in the file.
#[derive(Clone, Debug)]
pub(super) struct IsoBox {
    /// Its type.
    pub(super) kind: [u8; 4],
    /// Where its type stands.
    pub(super) kind_at: usize,
    /// Its content.
    pub(super) content: Range<usize>,
}

/// The boxes in the part `within` of `file`, which they fill.
pub(super) fn boxes(file: &[u8], within: Range<usize>) -> Result<Vec<IsoBox>, Malformed> {
    let mut boxes = Vec::new();
    let mut start = within.start;
    while start < within.end {
        let available = file.get(start..within.end).ok_or_else(|| malformed("a box ends too late"))?;
        let mut cursor = Cursor::new(available);
        let short = cursor.u32()?;
        let kind = cursor.array()?;
        let length = match short {
            0 => available.len(),
            1 => usize::try_from(u64::from_be_bytes(cursor.array()?))
                .map_err(|_| malformed("a box is too long"))?,
            length => usize::try_from(length).map_err(|_| malformed("a box is too long"))?,
        };
        let header = available.len() - cursor.rest().len();
        if length < header || length > available.len() {
            return Err(malformed("a box's length is wrong"));
        }
        boxes.push(IsoBox { kind, kind_at: start + 4, content: start + header..start + length });
        start += length;
    }
    Ok(boxes)
}

/// The boxes in `parent`, after `skipped` bytes of its content.
pub(super) fn children(file: &[u8], parent: &IsoBox, skipped: usize) -> Result<Vec<IsoBox>, Malformed> {
    let start = parent.content.start.saturating_add(skipped);
    if start > parent.content.end {
        return Err(malformed("a box is too short"));
    }
    boxes(file, start..parent.content.end)
}

fn content<'a>(file: &'a [u8], of: &IsoBox) -> Cursor<'a> {
    Cursor::new(file.get(of.content.clone()).unwrap_or_default())
}

/// An item of a `meta` box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its number.
    pub(super) id: u32,
    /// Its type; four zeroes where it has none.
    pub(super) kind: [u8; 4],
}

/// Where an item's bytes are.
#[derive(Clone, Debug)]
pub(super) struct Location {
    /// The item's number.
    pub(super) id: u32,
    /// What offsets count from: 0 the file, 1 the `idat` box, 2 other items.
    pub(super) method: u8,
    /// Offset and length of each piece; a length of 0 goes to the end.
    pub(super) extents: Vec<(u64, u64)>,
}

/// The version and flags that a full box begins with.
fn full_box(cursor: &mut Cursor<'_>) -> Result<(u8, u32), Malformed> {
    let [version, flags @ ..]: [u8; 4] = cursor.array()?;
    let [high, middle, low] = flags;
    Ok((version, u32::from_be_bytes([0, high, middle, low])))
}

fn id_of_width(cursor: &mut Cursor<'_>, is_wide: bool) -> Result<u32, Malformed> {
    if is_wide { cursor.u32() } else { cursor.u16().map(u32::from) }
}

/// The items that an `iinf` box lists.
pub(super) fn items(file: &[u8], iinf: &IsoBox) -> Result<Vec<Item>, Malformed> {
    let mut cursor = content(file, iinf);
    let (version, _) = full_box(&mut cursor)?;
    let entries = children(file, iinf, if version == 0 { 6 } else { 8 })?;
    entries.iter().filter(|entry| entry.kind == *b"infe").map(|entry| item(file, entry)).collect()
}

fn item(file: &[u8], infe: &IsoBox) -> Result<Item, Malformed> {
    let mut cursor = content(file, infe);
    let (version, _) = full_box(&mut cursor)?;
    let id = id_of_width(&mut cursor, version >= 3)?;
    cursor.u16()?;
    let kind = if version >= 2 { cursor.array()? } else { [0; 4] };
    Ok(Item { id, kind })
}

/// The places that an `iloc` box lists.
pub(super) fn locations(file: &[u8], iloc: &IsoBox) -> Result<Vec<Location>, Malformed> {
    let mut cursor = content(file, iloc);
    let (version, _) = full_box(&mut cursor)?;
    let (sizes, base_sizes) = (cursor.u8()?, cursor.u8()?);
    let index_width = if version == 0 { 0 } else { base_sizes & 0xf };
    let count = id_of_width(&mut cursor, version >= 2)?;
    let mut locations = Vec::new();
    let mut left = MAX_EXTENTS;
    for _ in 0..count {
        let id = id_of_width(&mut cursor, version >= 2)?;
        let [_, method] = if version == 0 { [0, 0] } else { cursor.array()? };
        if cursor.u16()? != 0 {
            return Err(malformed("an item is in another file"));
        }
        let base = cursor.uint(base_sizes >> 4)?;
        let mut extents = Vec::new();
        for _ in 0..cursor.u16()? {
            left = left.checked_sub(1).ok_or_else(|| malformed("items lie in too many pieces"))?;
            cursor.uint(index_width)?;
            let (offset, length) = (cursor.uint(sizes >> 4)?, cursor.uint(sizes & 0xf)?);
            extents.push((base.saturating_add(offset), length));
        }
        locations.push(Location { id, method: method & 0xf, extents });
    }
    Ok(locations)
}

/// How large the primary item is shown, turned and cut as its properties say.
pub(super) fn size(file: &[u8]) -> Result<Size, Malformed> {
    let missing = |what: &'static str| move || malformed(what);
    let top = boxes(file, 0..file.len())?;
    let meta = find(&top, *b"meta").ok_or_else(missing("there is no list of items"))?;
    let in_meta = children(file, meta, 4)?;
    let pitm = find(&in_meta, *b"pitm").ok_or_else(missing("there is no primary item"))?;
    let iprp = find(&in_meta, *b"iprp").ok_or_else(missing("items have no properties"))?;
    let in_iprp = children(file, iprp, 0)?;
    let ipco = find(&in_iprp, *b"ipco").ok_or_else(missing("items have no properties"))?;
    let properties = children(file, ipco, 0)?;

    let mut cursor = content(file, pitm);
    let (version, _) = full_box(&mut cursor)?;
    let primary = id_of_width(&mut cursor, version > 0)?;
    let mut size = None;
    for ipma in in_iprp.iter().filter(|found| found.kind == *b"ipma") {
        for index in associated(file, ipma, primary)? {
            let property = index.checked_sub(1).and_then(|at| properties.get(at));
            let Some(property) = property else { continue };
            size = shown(size, property.kind, content(file, property))?;
        }
    }
    size.filter(|size| size.width > 0 && size.height > 0).ok_or_else(missing("the primary item has no size"))
}

fn find(boxes: &[IsoBox], kind: [u8; 4]) -> Option<&IsoBox> {
    boxes.iter().find(|found| found.kind == kind)
}

/// The numbers, from 1 on, of the properties of the item `wanted`.
fn associated(file: &[u8], ipma: &IsoBox, wanted: u32) -> Result<Vec<usize>, Malformed> {
    let mut cursor = content(file, ipma);
    let (version, flags) = full_box(&mut cursor)?;
    let mut indexes = Vec::new();
    for _ in 0..cursor.u32()? {
        let id = id_of_width(&mut cursor, version >= 1)?;
        for _ in 0..cursor.u8()? {
            let index = if flags & 1 == 1 { cursor.u16()? & 0x7fff } else { u16::from(cursor.u8()? & 0x7f) };
            if id == wanted {
                indexes.push(usize::from(index));
            }
        }
    }
    Ok(indexes)
}

/// What a property makes of a size: `ispe` gives it, `irot` turns it, `clap` cuts it.
fn shown(size: Option<Size>, kind: [u8; 4], mut property: Cursor<'_>) -> Result<Option<Size>, Malformed> {
    match (&kind, size) {
        (b"ispe", _) => {
            full_box(&mut property)?;
            Ok(Some(Size { width: property.u32()?, height: property.u32()? }))
        }
        (b"irot", Some(Size { width, height })) if property.u8()? & 1 == 1 => {
            Ok(Some(Size { width: height, height: width }))
        }
        (b"clap", Some(_)) => {
            let mut ratio = || Ok(property.u32()?.checked_div(property.u32()?).unwrap_or_default());
            Ok(Some(Size { width: ratio()?, height: ratio()? }))
        }
        (_, size) => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::full_box;
    use super::*;

    #[test]
    fn pieces_that_take_no_room_are_counted() {
        // Offsets and lengths have no bytes, indexes one.
        let iloc = |of_each: &[u16]| {
            let mut content = vec![0, 1];
            content.extend(u16::try_from(of_each.len()).unwrap().to_be_bytes());
            for pieces in of_each {
                content.extend([0; 6]);
                content.extend(pieces.to_be_bytes());
                content.extend(vec![0; usize::from(*pieces)]);
            }
            let file = full_box(*b"iloc", 1, &content);
            let found = boxes(&file, 0..file.len()).unwrap();
            locations(&file, &found[0]).map(|locations| locations.len())
        };
        assert_eq!(iloc(&[1, u16::MAX]), Ok(2));
        assert!(iloc(&[2, u16::MAX]).is_err());
        assert!(iloc(&[u16::MAX; 100]).is_err());
    }
}
