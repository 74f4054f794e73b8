//! How a picture is turned before it is shown: the one field of EXIF that pixels need.

use image::metadata::Orientation;

/// An EXIF block (TIFF 6.0, the larger byte first) that says `orientation` and nothing else; `None` where
/// there is nothing to turn.
pub(super) fn minimal_exif(orientation: Option<Orientation>) -> Option<[u8; 26]> {
    let orientation = orientation.filter(|orientation| *orientation != Orientation::NoTransforms)?;
    let mut exif = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    if let Some(value) = exif.get_mut(19) {
        *value = orientation.to_exif();
    }
    Some(exif)
}

/// The orientation that an EXIF block tells, with or without the header that JPEG puts before it.
pub(super) fn of_exif(exif: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
}

/// Whether the turned picture's width is the stored one's height.
pub(super) fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for value in 2..=8 {
            let orientation = Orientation::from_exif(value);
            assert_eq!(of_exif(&minimal_exif(orientation).unwrap()), orientation, "{value}");
        }
        assert_eq!(minimal_exif(Some(Orientation::NoTransforms)), None);
        assert_eq!(minimal_exif(None), None);
    }
}
