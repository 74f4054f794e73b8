//! HEIC and AVIF: nothing moves, for places are counted from the file's beginning. Bytes that no picture item
//! refers to are zeroed (EXIF, XMP, whatever lies between), and boxes that pictures do not need become `free`.
//! The orientation is a property of the item (`irot`, `imir`) and stays.

use std::ops::Range;

use super::super::isobmff::{IsoBox, Location, boxes, children, items, locations};
use super::super::{Malformed, malformed};

/// Items that are no pictures: EXIF, XMP and other documents, and the ones of old versions without a type.
const METADATA: [[u8; 4]; 4] = [*b"Exif", *b"mime", *b"uri ", [0; 4]];

/// The boxes in `meta` that pictures need.
const KEPT: [&[u8; 4]; 9] = [b"hdlr", b"dinf", b"pitm", b"iinf", b"iloc", b"iref", b"iprp", b"idat", b"grpl"];

/// The boxes of a film in which nothing but its tables and its samples is.
const FILM: [&[u8; 4]; 3] = [b"trak", b"mdia", b"minf"];

/// Tracks within tracks are no film of anybody's.
const MAX_DEPTH: u8 = 8;

/// The picture without its metadata; as long as it was.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut stripped = bytes.to_vec();
    let top = boxes(bytes, 0..bytes.len())?;
    let mut metas = top.iter().filter(|found| found.kind == *b"meta");
    let (Some(meta), None) = (metas.next(), metas.next()) else {
        return Err(malformed("a HEIF has one list of items"));
    };
    let is_film = top.iter().any(|found| found.kind == *b"moov");
    let ranges = of_items(bytes, meta)?;
    for found in &top {
        match &found.kind {
            b"ftyp" | b"meta" => {}
            b"moov" => strip_film(bytes, &mut stripped, found, 0)?,
            // The samples of a film are not items; what metadata there are is zeroed below.
            b"mdat" if is_film => {}
            b"mdat" => zero_between(&mut stripped, &found.content, &ranges.kept),
            _ => make_free(&mut stripped, found),
        }
    }
    strip_meta(bytes, &mut stripped, meta, &ranges.kept)?;
    for range in ranges.metadata {
        zero(&mut stripped, range);
    }
    Ok(stripped)
}

/// What the items of a file take of it, in order and without overlaps.
struct Ranges {
    kept: Vec<Range<usize>>,
    metadata: Vec<Range<usize>>,
}

fn of_items(file: &[u8], meta: &IsoBox) -> Result<Ranges, Malformed> {
    let in_meta = children(file, meta, 4)?;
    let find = |kind: [u8; 4]| in_meta.iter().find(|found| found.kind == kind);
    let (Some(iinf), Some(iloc)) = (find(*b"iinf"), find(*b"iloc")) else {
        return Err(malformed("a HEIF has items"));
    };
    let mut items = items(file, iinf)?;
    items.sort_unstable_by_key(|item| item.id);
    let whole_file = 0..file.len();
    let nothing = 0..0;
    let idat = find(*b"idat").map_or(&nothing, |idat| &idat.content);
    let (mut kept, mut metadata) = (Vec::new(), Vec::new());
    for location in locations(file, iloc)? {
        let source = match location.method {
            0 => &whole_file,
            1 => idat,
            // Such an item is made of others, which have places of their own.
            _ => continue,
        };
        let is_kept = items
            .binary_search_by_key(&location.id, |item| item.id)
            .ok()
            .and_then(|at| items.get(at))
            .is_some_and(|item| !METADATA.contains(&item.kind));
        add_ranges(&location, source, if is_kept { &mut kept } else { &mut metadata })?;
    }
    if kept.is_empty() {
        return Err(malformed("a HEIF has no picture"));
    }
    Ok(Ranges { kept: merged(kept), metadata: merged(metadata) })
}

fn add_ranges(
    location: &Location,
    source: &Range<usize>,
    ranges: &mut Vec<Range<usize>>,
) -> Result<(), Malformed> {
    for (offset, length) in &location.extents {
        let place = |distance: u64| usize::try_from(distance).ok()?.checked_add(source.start);
        let start = place(*offset);
        let end = if *length == 0 { Some(source.end) } else { place(offset.saturating_add(*length)) };
        match (start, end) {
            (Some(start), Some(end)) if start <= end && end <= source.end => ranges.push(start..end),
            _ => return Err(malformed("an item is beyond the file's end")),
        }
    }
    Ok(())
}

fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Zeroes what of `within` is in none of `kept`.
fn zero_between(file: &mut [u8], within: &Range<usize>, kept: &[Range<usize>]) {
    let mut from = within.start;
    for range in kept {
        let (start, end) = (range.start.min(within.end), range.end.min(within.end));
        if start > from {
            zero(file, from..start);
        }
        from = from.max(end);
    }
    zero(file, from..within.end);
}

fn zero(file: &mut [u8], range: Range<usize>) {
    if let Some(bytes) = file.get_mut(range) {
        bytes.fill(0);
    }
}

/// Makes a box one that readers pass over.
fn make_free(file: &mut [u8], found: &IsoBox) {
    if let Some(kind) = file.get_mut(found.kind_at..found.kind_at + 4) {
        kind.copy_from_slice(b"free");
    }
    zero(file, found.content.clone());
}

fn strip_meta(
    file: &[u8],
    stripped: &mut [u8],
    meta: &IsoBox,
    kept: &[Range<usize>],
) -> Result<(), Malformed> {
    for found in children(file, meta, 4)? {
        match &found.kind {
            b"idat" => zero_between(stripped, &found.content, kept),
            b"iprp" => strip_descriptions(file, stripped, &found)?,
            kind if KEPT.contains(&kind) => {}
            _ => make_free(stripped, &found),
        }
    }
    Ok(())
}

/// Empties what people wrote about items. The box stays: properties are counted.
fn strip_descriptions(file: &[u8], stripped: &mut [u8], iprp: &IsoBox) -> Result<(), Malformed> {
    for ipco in children(file, iprp, 0)?.iter().filter(|found| found.kind == *b"ipco") {
        for property in children(file, ipco, 0)? {
            if matches!(&property.kind, b"udes" | b"uuid" | b"free" | b"skip") {
                zero(stripped, property.content.clone());
            }
        }
    }
    Ok(())
}

/// A film's tables are kept, its user data are not.
fn strip_film(file: &[u8], stripped: &mut [u8], parent: &IsoBox, depth: u8) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(malformed("a film's boxes are too deep"));
    }
    for found in children(file, parent, 0)? {
        match &found.kind {
            b"udta" | b"meta" | b"uuid" | b"free" | b"skip" => make_free(stripped, &found),
            kind if FILM.contains(&kind) => {
                strip_film(file, stripped, &found, depth + 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}
