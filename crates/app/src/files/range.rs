//! Which bytes a `Range` header asks for (RFC 9110, section 14). One range is served; several, another unit
//! or a malformed one mean the whole file, as the standard allows.

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// The whole file.
    Whole,
    /// The bytes from `first` to `last`, both included: never the whole file.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// The file has none of the bytes.
    Unsatisfiable,
}

/// What `header` asks for of a file of `size` bytes. A range over the whole file is the whole file.
pub(super) fn span(header: Option<&str>, size: u64) -> Span {
    let Some(bounds) = header.and_then(single_range) else {
        return Span::Whole;
    };
    let asked = match bounds {
        (None, None) => return Span::Whole,
        (None, Some(0)) => return Span::Unsatisfiable,
        (None, Some(suffix)) => (size.saturating_sub(suffix), u64::MAX),
        (Some(first), None) => (first, u64::MAX),
        (Some(first), Some(last)) if last < first => return Span::Whole,
        (Some(first), Some(last)) => (first, last),
    };
    let (first, last) = (asked.0, asked.1.min(size.saturating_sub(1)));
    if first >= size {
        Span::Unsatisfiable
    } else if first == 0 && last + 1 == size {
        Span::Whole
    } else {
        Span::Part { first, last }
    }
}

/// The two numbers of `bytes=a-b`, each of which may be missing.
fn single_range(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, ranges) = header.split_once('=')?;
    let (first, last) = ranges.trim().split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unit.trim().eq_ignore_ascii_case("bytes") || !digits(first) || !digits(last) {
        return None;
    }
    Some((position(first), position(last)))
}

/// The number that `digits` write, if there are any; beyond what can be counted is the end of everything.
fn position(digits: &str) -> Option<u64> {
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u64::MAX)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_a_range() {
        let ten = |header| span(Some(header), 10);
        assert_eq!(ten("bytes=0-0"), Span::Part { first: 0, last: 0 });
        assert_eq!(ten("bytes=2-5"), Span::Part { first: 2, last: 5 });
        assert_eq!(ten("Bytes=9-"), Span::Part { first: 9, last: 9 });
        assert_eq!(ten("bytes=-3"), Span::Part { first: 7, last: 9 });
        assert_eq!(ten("bytes=4-99999999999999999999999"), Span::Part { first: 4, last: 9 });
        for whole in ["bytes=0-", "bytes=0-9", "bytes=0-99", "bytes=-10", "bytes=-99"] {
            assert_eq!(ten(whole), Span::Whole, "{whole}");
        }
        for unsatisfiable in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(ten(unsatisfiable), Span::Unsatisfiable, "{unsatisfiable}");
        }
        for ignored in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "lines=1-2",
            "bytes=1-2,4-5",
            "bytes=+1-2",
        ] {
            assert_eq!(ten(ignored), Span::Whole, "{ignored}");
        }
        assert_eq!(span(None, 10), Span::Whole);
        assert_eq!(span(Some("bytes=0-"), 0), Span::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(header in "bytes=[0-9]{0,20}-[0-9]{0,20}|.*", size in any::<u64>()) {
            if let Span::Part { first, last } = span(Some(&header), size) {
                prop_assert!(first <= last && last < size && (first > 0 || last + 1 < size));
            }
        }

        #[test]
        fn small_ranges_are_what_they_say(first in 0u64..50, last in 0u64..50, size in 1u64..50) {
            let asked: Vec<u64> = (first..=last).filter(|byte| *byte < size).collect();
            let sent: Vec<u64> = match span(Some(&format!("bytes={first}-{last}")), size) {
                Span::Whole => (0..size).collect(),
                Span::Part { first, last } => (first..=last).collect(),
                Span::Unsatisfiable => Vec::new(),
            };
            prop_assert_eq!(sent, if first > last { (0..size).collect() } else { asked });
        }
    }
}
