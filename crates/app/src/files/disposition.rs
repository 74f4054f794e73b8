//! `Content-Disposition`: whether a file is shown in place, and its name in any script (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187 lets stand unencoded beside letters and digits, without the rarer signs.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The header's value for a file called `name`.
pub(super) fn content_disposition(name: &str, in_place: bool) -> String {
    let kind = if in_place { "inline" } else { "attachment" };
    let fallback: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if name.is_empty() {
        return kind.to_owned();
    }
    if name.chars().all(is_plain) {
        return format!("{kind}; filename=\"{name}\"");
    }
    // Clients that know both take the second (RFC 6266, section 4.3).
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTRIBUTE))
}

/// Whether a character means itself in a quoted string, to every client: some undo `%xx` there.
fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%' | '/')
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_all_kinds() {
        let of = |name| content_disposition(name, true);
        assert_eq!(of("cat 1.png"), "inline; filename=\"cat 1.png\"");
        assert_eq!(of(""), "inline");
        assert_eq!(of("a\"b.png"), "inline; filename=\"a_b.png\"; filename*=UTF-8''a%22b.png");
        assert_eq!(of("кот.png"), "inline; filename=\"___.png\"; filename*=UTF-8''%D0%BA%D0%BE%D1%82.png");
        assert_eq!(content_disposition("x.html", false), "attachment; filename=\"x.html\"");
    }

    proptest! {
        #[test]
        fn any_name_is_one_header_value_and_reads_back(name in any::<String>(), in_place in any::<bool>()) {
            let value = content_disposition(&name, in_place);
            prop_assert!(http::HeaderValue::from_str(&value).is_ok());
            prop_assert!(value.bytes().filter(|byte| *byte == b'"').count() <= 2);
            if let Some((_, encoded)) = value.split_once("filename*=UTF-8''") {
                prop_assert_eq!(percent_decode_str(encoded).decode_utf8().unwrap(), name);
            } else if let Some((_, quoted)) = value.split_once("filename=") {
                prop_assert_eq!(quoted.trim_matches('"'), name);
            }
        }
    }
}
