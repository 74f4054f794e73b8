//! Which format of pictures bytes are in, by how they begin.

use super::isobmff;

/// The formats whose metadata is known and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::files) enum Format {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG and APNG.
    Png,
    /// GIF 87a and 89a.
    Gif,
    /// WebP, with and without loss, moving or not.
    WebP,
    /// AV1 in HEIF.
    Avif,
    /// HEVC and whatever else is in HEIF.
    Heic,
}

const ALL: [Format; 6] = [Format::Jpeg, Format::Png, Format::Gif, Format::WebP, Format::Avif, Format::Heic];

impl Format {
    /// The format of a file that begins with `head`; `None` for everything else.
    pub(in crate::files) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => isobmff::picture_brand(head),
        }
    }

    /// Its media type.
    pub(in crate::files) fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
        }
    }

    /// What the names of such files end with.
    pub(in crate::files) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Avif => "avif",
            Self::Heic => "heic",
        }
    }

    /// The format whose files' names end so.
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// The format of this media type, as [`Self::media_type`] writes it.
    pub(in crate::files) fn of_media_type(media_type: &str) -> Option<Self> {
        ALL.into_iter().find(|format| format.media_type() == media_type)
    }

    /// Whether other pictures are made of such ones when somebody asks.
    pub(in crate::files) fn is_changed(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP)
    }
}
