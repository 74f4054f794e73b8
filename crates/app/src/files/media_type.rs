//! What a file is: what its bytes show; or what the client says, where the bytes do not tell otherwise. And which
//! types a browser may show in place instead of saving them.
//!
//! A type that is shown in place is never taken on trust: it comes from the bytes alone.

use super::picture::Format;

/// The type of what cannot be told.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// Longer names are not types.
const MAX_TYPE_BYTES: usize = 127;

/// What a type that is shown in place may say of itself beside its name.
const SHOWN_PARAMETERS: [&str; 2] = ["charset", "codecs"];

/// What a browser shows without running anything. Not in it: HTML, SVG and XML, which can hold scripts, and
/// PDF, whose viewer does not start in the sandbox that every answer asks for.
const SHOWN_IN_PLACE: [&str; 15] = [
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/avif",
    "text/plain",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "audio/webm",
    "audio/wav",
    "audio/aac",
    "audio/flac",
];

/// Types of one container: what is in it decides between them, and that does not show at the beginning. A recorder
/// in a browser says `audio/webm` of what looks like any other film.
const CONTAINERS: [&[&str]; 3] = [
    &["video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska"],
    &["video/mp4", "audio/mp4", "video/quicktime", "video/x-m4v", "audio/x-m4a", "video/3gpp", "audio/3gpp"],
    &["audio/ogg", "video/ogg", "application/ogg", "audio/opus"],
];

/// What the beginning of a file shows.
enum Shown {
    /// A picture, a film, a sound or a PDF.
    Media(&'static str),
    /// Something else with a mark of its own: an archive, a program …
    Marked(&'static str),
    /// Text; markup has a type of its own.
    Text(&'static str),
    /// Nothing that is known.
    Unknown,
}

/// The type of a file that was declared as `declared` and begins with `head`.
pub(super) fn of_upload(declared: Option<&str>, head: &[u8]) -> String {
    let shown = Shown::by(head);
    let declared = declared.map(str::trim).and_then(MediaType::parse);
    match declared.filter(|declared| declared.essence() != UNKNOWN) {
        Some(declared) if shown.agrees_with(&declared.essence()) => declared.as_served(),
        _ => shown.media_type().to_owned(),
    }
}

/// The type under which a file is answered whose row says `media_type`.
pub(super) fn served(media_type: &str) -> String {
    MediaType::parse(media_type).map_or_else(|| UNKNOWN.to_owned(), |parsed| parsed.as_served())
}

impl Shown {
    fn by(head: &[u8]) -> Self {
        if let Some(format) = Format::of(head) {
            return Self::Media(format.media_type());
        }
        // Some marks are words ("BM" is a bitmap's), and text may begin with them.
        let found = infer::get(head).map(|kind| kind.mime_type());
        if is_text(head) {
            return match found {
                Some(pdf @ "application/pdf") => Self::Media(pdf),
                Some(markup) if markup.starts_with("text/") => Self::Text(markup),
                _ => Self::Text("text/plain; charset=utf-8"),
            };
        }
        match (film(head), found.map(with_common_name)) {
            (Some(media), _) => Self::Media(media),
            (None, Some(media)) if is_media(media) => Self::Media(media),
            (None, Some(marked)) => Self::Marked(marked),
            (None, None) => Self::Unknown,
        }
    }

    fn media_type(&self) -> &'static str {
        match self {
            Self::Media(shown) | Self::Marked(shown) | Self::Text(shown) => shown,
            Self::Unknown => UNKNOWN,
        }
    }

    /// Whether a client may be right who says that it is `declared`.
    fn agrees_with(&self, declared: &str) -> bool {
        match self {
            Self::Media(shown) => {
                let both = |types: &&&[&str]| types.contains(shown) && types.contains(&declared);
                declared == *shown || CONTAINERS.iter().any(|types| both(&types))
            }
            Self::Text(_) => declared == "text/plain" || !is_told_by_bytes(declared),
            // The text of other alphabets has no mark, and is not always UTF-8.
            Self::Unknown => !is_told_by_bytes(declared),
            Self::Marked(_) => !is_told_by_bytes(declared) && !declared.starts_with("text/"),
        }
    }
}

/// Whether the bytes of such a file would have shown it.
fn is_told_by_bytes(media_type: &str) -> bool {
    SHOWN_IN_PLACE.contains(&media_type) || media_type == "application/pdf"
}

fn is_media(media_type: &str) -> bool {
    let kind = media_type.split('/').next().unwrap_or_default();
    matches!(kind, "image" | "video" | "audio") || media_type == "application/pdf"
}

/// The type of an MP4 and its relatives, by the brand (ISO/IEC 14496-12, 4.3).
fn film(head: &[u8]) -> Option<&'static str> {
    match (head.get(4..8)?, head.get(8..12)?) {
        (b"ftyp", b"qt  ") => Some("video/quicktime"),
        (b"ftyp", b"M4A " | b"M4B ") => Some("audio/mp4"),
        // A raw photo of a camera.
        (b"ftyp", b"crx ") => Some("image/x-canon-cr3"),
        (b"ftyp", _) => Some("video/mp4"),
        _ => None,
    }
}

/// The name that browsers know.
fn with_common_name(media_type: &'static str) -> &'static str {
    match media_type {
        "audio/x-wav" => "audio/wav",
        "audio/x-flac" => "audio/flac",
        "audio/opus" => "audio/ogg",
        other => other,
    }
}

/// Whether a browser may show a file of this type in place.
pub(super) fn is_shown_in_place(media_type: &str) -> bool {
    SHOWN_IN_PLACE.contains(&essence(media_type).as_str())
}

/// Whether `text` is `type/subtype`, with or without parameters, and safe in a header (RFC 9110, 8.3.1).
pub(super) fn is_type(text: &str) -> bool {
    MediaType::parse(text).is_some()
}

/// A type as it is written, taken apart.
///
/// Nothing that another reader could take apart otherwise is one. Browsers cut `Content-Type` at each comma that
/// is not in quotes, and take the last type of what they get (Fetch, "extract a MIME type").
struct MediaType<'a> {
    name: &'a str,
    /// Each with what stands before it, without the semicolon.
    parameters: Vec<&'a str>,
}

impl<'a> MediaType<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_TYPE_BYTES {
            return None;
        }
        let (name, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let (kind, subtype) = name.trim_matches(' ').split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        while let Some(after) = rest.strip_prefix(';') {
            let parameter = parameter(after)?;
            rest = after.get(parameter.len()..)?;
            parameters.push(parameter);
        }
        rest.is_empty().then_some(Self { name, parameters })
    }

    fn essence(&self) -> String {
        essence(self.name)
    }

    /// As it was written; of a type that is shown in place, without what it need not say.
    fn as_served(&self) -> String {
        let is_shown = is_shown_in_place(self.name);
        let is_kept = |parameter: &&&str| {
            let name = parameter.split('=').next().unwrap_or_default().trim_matches(' ');
            !is_shown || SHOWN_PARAMETERS.iter().any(|kept| name.eq_ignore_ascii_case(kept))
        };
        let kept = self.parameters.iter().filter(is_kept);
        kept.fold(self.name.to_owned(), |served, parameter| served + ";" + parameter)
    }
}

/// The parameter that `text` begins with, `name=token` or `name="text"`, with the spaces on both sides.
fn parameter(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    let value_length = if let Some(quoted) = value.strip_prefix('"') {
        quoted_length(quoted)? + 1
    } else {
        let length = value.bytes().take_while(|byte| is_token_byte(*byte)).count();
        (length > 0).then_some(length)?
    };
    let spaces = value.get(value_length..)?.bytes().take_while(|byte| *byte == b' ').count();
    let length = name.len() + 1 + value_length + spaces;
    is_token(name.trim_start_matches(' ')).then(|| text.get(..length))?
}

/// The bytes of a quoted text up to and with the quote that ends it.
fn quoted_length(quoted: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return Some(at + 1),
            b' '..=b'~' => is_escaped = byte == b'\\' && !is_escaped,
            _ => return None,
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether it is UTF-8 without control characters. The last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}'))
}

#[cfg(test)]
mod tests;
