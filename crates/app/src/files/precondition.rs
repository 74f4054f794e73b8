//! Conditional requests (RFC 9110, section 13): what the client has against what there is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName};

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it.
    Send,
    /// The client has it: 304.
    NotModified,
    /// It is not what the client wants to go on with: 412.
    Failed,
}

/// What a file is at the moment: its entity tag, with quotes, and when it changed, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'a> {
    /// The entity tag.
    pub(super) etag: &'a str,
    /// The last change.
    pub(super) changed_at: Option<i64>,
}

impl Validators<'_> {
    /// Judges the conditions in `headers`, in the standard's order (13.2.2).
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        if let Some(tags) = joined(headers, &IF_MATCH) {
            if !self.is_one_of(&tags, Compare::Strong) {
                return Verdict::Failed;
            }
        } else if self.changed_since(headers, &IF_UNMODIFIED_SINCE) == Some(true) {
            return Verdict::Failed;
        }
        if let Some(tags) = joined(headers, &IF_NONE_MATCH) {
            if self.is_one_of(&tags, Compare::Weak) {
                return Verdict::NotModified;
            }
        } else if self.changed_since(headers, &IF_MODIFIED_SINCE) == Some(false) {
            return Verdict::NotModified;
        }
        Verdict::Send
    }

    /// Whether a `Range` counts: `If-Range`, where there is one, must name what there is (13.1.5).
    pub(super) fn range_counts(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = joined(headers, &IF_RANGE) else {
            return true;
        };
        match http_date(&condition) {
            Some(date) => self.changed_at == Some(date),
            None => condition == self.etag && !self.etag.starts_with("W/"),
        }
    }

    fn is_one_of(&self, tags: &str, compare: Compare) -> bool {
        if tags == "*" {
            return true;
        }
        let wanted = compare.shape(self.etag);
        wanted.is_some() && entity_tags(tags).any(|tag| compare.shape(tag) == wanted)
    }

    /// Whether the file changed after the date in `header`; `None` where either is not known.
    fn changed_since(&self, headers: &HeaderMap, header: &HeaderName) -> Option<bool> {
        let date = http_date(&joined(headers, header)?)?;
        Some(self.changed_at? > date)
    }
}

#[derive(Clone, Copy)]
enum Compare {
    Strong,
    Weak,
}

impl Compare {
    /// What of a tag is compared; `None` for a tag that equals nothing this way.
    fn shape(self, tag: &str) -> Option<&str> {
        match (self, tag.strip_prefix("W/")) {
            (Self::Strong, Some(_)) => None,
            (Self::Weak, Some(opaque)) => Some(opaque),
            (_, None) => Some(tag),
        }
    }
}

/// The tags of a list. A comma inside a tag's quotes does not separate.
fn entity_tags(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(str::trim)
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", ").trim().to_owned())
}

fn http_date(text: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// `unix_seconds` as HTTP writes dates.
pub(super) fn format_http_date(unix_seconds: i64) -> Option<String> {
    // The format ends with the year 9999.
    let seconds = u64::try_from(unix_seconds).ok().filter(|seconds| *seconds < 253_402_300_800)?;
    let time: SystemTime = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    Some(httpdate::fmt_http_date(time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHANGED: i64 = 1_700_000_000;
    const SAME: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const LATER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";

    fn judge(pairs: &[(HeaderName, &str)]) -> Verdict {
        validators().judge(&headers(pairs))
    }

    fn validators() -> Validators<'static> {
        Validators { etag: "\"a,b\"", changed_at: Some(CHANGED) }
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn tags_are_compared() {
        for matching in ["*", "\"a,b\"", "\"x\", \"a,b\"", "\"a,b\",\"x\""] {
            assert_eq!(judge(&[(IF_MATCH, matching)]), Verdict::Send, "{matching}");
            assert_eq!(judge(&[(IF_NONE_MATCH, matching)]), Verdict::NotModified, "{matching}");
        }
        for other in ["\"a\"", "\"a", "a,b", "\"A,B\"", ""] {
            assert_eq!(judge(&[(IF_MATCH, other)]), Verdict::Failed, "{other}");
            assert_eq!(judge(&[(IF_NONE_MATCH, other)]), Verdict::Send, "{other}");
        }
        assert_eq!(judge(&[(IF_MATCH, "W/\"a,b\"")]), Verdict::Failed);
        assert_eq!(judge(&[(IF_NONE_MATCH, "W/\"a,b\"")]), Verdict::NotModified);
    }

    #[test]
    fn dates_are_compared() {
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, SAME)]), Verdict::NotModified);
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, LATER)]), Verdict::NotModified);
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, BEFORE)]), Verdict::Send);
        assert_eq!(judge(&[(IF_UNMODIFIED_SINCE, SAME)]), Verdict::Send);
        assert_eq!(judge(&[(IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Failed);
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, "yesterday")]), Verdict::Send);
        assert_eq!(judge(&[(IF_UNMODIFIED_SINCE, "yesterday")]), Verdict::Send);
    }

    #[test]
    fn tags_come_before_dates() {
        assert_eq!(judge(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, LATER)]), Verdict::Send);
        assert_eq!(judge(&[(IF_MATCH, "\"a,b\""), (IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Send);
        assert_eq!(judge(&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "\"a,b\"")]), Verdict::Failed);
    }

    #[test]
    fn a_range_of_something_else_does_not_count() {
        let counts = |value| validators().range_counts(&headers(&[(IF_RANGE, value)]));
        assert!(counts("\"a,b\"") && counts(SAME));
        assert!(!counts("\"x\"") && !counts(BEFORE) && !counts(LATER) && !counts("W/\"a,b\""));
        assert!(validators().range_counts(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn dates_read_back(seconds in 0i64..253_402_300_800) {
            prop_assert_eq!(http_date(&format_http_date(seconds).unwrap()), Some(seconds));
        }

        #[test]
        fn rubbish_is_no_match(text in "[ -~]*") {
            prop_assume!(text.trim() != "*" && !text.contains("\"a,b\""));
            prop_assert_eq!(judge(&[(IF_MATCH, &text)]), Verdict::Failed);
            prop_assert_eq!(judge(&[(IF_NONE_MATCH, &text)]), Verdict::Send);
        }
    }

    #[test]
    fn no_date_lies_beyond_the_format() {
        assert_eq!(format_http_date(-1), None);
        assert_eq!(format_http_date(i64::MAX), None);
    }
}
