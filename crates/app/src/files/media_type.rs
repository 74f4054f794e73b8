//! What a file is: the type that a client names, or the one that the content shows; and which types a
//! browser may show in place instead of saving them.

/// The type of what cannot be told.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// Longer names are not types.
const MAX_TYPE_BYTES: usize = 127;

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

/// The type of a file that was declared as `declared` and begins with `head`.
pub(super) fn of_upload(declared: Option<&str>, head: &[u8]) -> String {
    match declared.map(str::trim).filter(|declared| is_type(declared)) {
        Some(declared) if essence(declared) != UNKNOWN => declared.to_owned(),
        _ => of_content(head).to_owned(),
    }
}

/// Whether a browser may show a file of this type in place.
pub(super) fn is_shown_in_place(media_type: &str) -> bool {
    SHOWN_IN_PLACE.contains(&essence(media_type).as_str())
}

/// Whether `text` is `type/subtype`, with or without parameters, and safe in a header (RFC 9110, 8.3.1).
pub(super) fn is_type(text: &str) -> bool {
    let token = |part: &str| !part.is_empty() && part.bytes().all(is_token_byte);
    let essence = text.split(';').next().unwrap_or_default().trim();
    text.len() <= MAX_TYPE_BYTES
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn of_content(head: &[u8]) -> &'static str {
    if let Some(kind) = infer::get(head) {
        return kind.mime_type();
    }
    if is_text(head) { "text/plain; charset=utf-8" } else { UNKNOWN }
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
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn the_declared_type_counts_unless_it_says_nothing() {
        assert_eq!(of_upload(Some("image/x-own"), PNG), "image/x-own");
        assert_eq!(of_upload(Some("text/plain; charset=utf-8"), PNG), "text/plain; charset=utf-8");
        for nothing in
            [None, Some(""), Some("application/octet-stream"), Some("Application/Octet-Stream; x=1")]
        {
            assert_eq!(of_upload(nothing, PNG), "image/png", "{nothing:?}");
        }
        for malformed in ["text", "text/", "/plain", "a b/c", "text/plain\u{7f}", "texт/plain"] {
            assert_eq!(of_upload(Some(malformed), PNG), "image/png", "{malformed}");
        }
    }

    #[test]
    fn the_content_shows_its_type() {
        let shown = |head: &[u8]| of_upload(None, head);
        assert_eq!(shown(b"\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg");
        assert_eq!(shown(b"%PDF-1.7"), "application/pdf");
        assert_eq!(shown("Привет".as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(shown(&"Привет".as_bytes()[..5]), "text/plain; charset=utf-8");
        assert_eq!(shown(b"<html><script>"), "text/html");
        assert_eq!(shown(b"\0\x01\x02"), UNKNOWN);
        assert_eq!(shown(b""), UNKNOWN);
    }

    #[test]
    fn only_what_runs_nothing_is_shown_in_place() {
        for shown in ["image/png", "IMAGE/JPEG", "text/plain; charset=utf-8", "video/mp4"] {
            assert!(is_shown_in_place(shown), "{shown}");
        }
        for saved in
            ["text/html", "image/svg+xml", "application/xml", "application/pdf", "text/xml", "", UNKNOWN]
        {
            assert!(!is_shown_in_place(saved), "{saved}");
        }
    }
}
