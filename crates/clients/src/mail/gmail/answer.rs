//! Reads Gmail's answers: the reason inside decides, not the status alone, for some limits come as 403.
//!
//! Source: "Resolve errors" and "Usage limits" of the Gmail API's documentation.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fault::Fault;
use crate::http::Response;

/// Nothing that Google asks for makes a letter wait longer.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    error: Refusal,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// What an answer says about the letter.
pub(super) fn read(answer: &Response, now: i64) -> Result<(), Fault> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let Answer { error } = serde_json::from_slice(answer.body()).unwrap_or_default();
    let reason = error.errors.first().map(|first| first.reason.as_str()).unwrap_or_default();
    let wait = || wait_of(answer, &error.message, now);
    Err(match (status, reason) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN, "dailyLimitExceeded" | "quotaExceeded") => {
            Fault::DaySpent
        }
        (StatusCode::TOO_MANY_REQUESTS, _)
        | (StatusCode::FORBIDDEN, "userRateLimitExceeded" | "rateLimitExceeded") => {
            Fault::RateLimited(wait())
        }
        (StatusCode::UNAUTHORIZED, _) => Fault::Unauthorized,
        (StatusCode::FORBIDDEN, _) => Fault::Forbidden,
        (StatusCode::NOT_FOUND, _) => Fault::MailboxMissing,
        (StatusCode::BAD_REQUEST, "failedPrecondition") => Fault::NotConfigured,
        (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE, _) => Fault::LetterRefused,
        // A gateway that lost the answer does not know what Gmail did.
        (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _) => Fault::Broken,
        (status, _) if status.is_server_error() => Fault::Unavailable(status.as_u16()),
        (status, _) => Fault::Unexpected(status.as_u16()),
    })
}

/// How long Google asks to wait: by the header, or at the end of its sentence (`… Retry after 2026-11-23T13:00:00.000Z`).
fn wait_of(answer: &Response, message: &str, now: i64) -> Option<Duration> {
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let by_header = header.and_then(|text| text.trim().parse::<u64>().ok());
    let by_sentence = || {
        let (_, after) = message.split_once("Retry after ")?;
        let text = after.split([' ', '(']).next()?.trim_end_matches('.');
        let until = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp();
        u64::try_from(until - now).ok()
    };
    let seconds = by_header.or_else(by_sentence)?;
    Some(Duration::from_secs(seconds.max(1)).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn fault(status: u16, reason: &str, message: &str) -> Fault {
        let body = serde_json::json!({ "error": {
            "code": status, "message": message, "errors": [{ "domain": "usageLimits", "reason": reason }]
        }});
        let mut answer = Response::new(body.to_string().into_bytes());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        read(&answer, NOW).unwrap_err()
    }

    #[test]
    fn the_reason_decides() {
        for reason in ["userRateLimitExceeded", "rateLimitExceeded"] {
            assert_eq!(fault(403, reason, ""), Fault::RateLimited(None), "{reason}");
        }
        assert_eq!(fault(403, "dailyLimitExceeded", ""), Fault::DaySpent);
        for reason in ["insufficientPermissions", "forbidden", "domainPolicy", "accessNotConfigured"] {
            assert_eq!(fault(403, reason, ""), Fault::Forbidden, "{reason}");
        }
        assert_eq!(fault(400, "invalidArgument", "Recipient address required"), Fault::LetterRefused);
        assert_eq!(fault(400, "failedPrecondition", ""), Fault::NotConfigured);
        assert_eq!(fault(401, "authError", ""), Fault::Unauthorized);
        assert_eq!(fault(404, "notFound", ""), Fault::MailboxMissing);
        assert_eq!(fault(503, "backendError", ""), Fault::Unavailable(503));
        assert_eq!([fault(502, "", ""), fault(504, "", "")], [Fault::Broken, Fault::Broken]);
        assert_eq!(fault(302, "", ""), Fault::Unexpected(302));
    }

    #[test]
    fn the_wait_is_in_the_header_or_in_the_sentence() {
        let sentence = "User-rate limit exceeded.  Retry after 2023-11-14T22:13:50.000Z";
        assert_eq!(
            fault(429, "rateLimitExceeded", sentence),
            Fault::RateLimited(Some(Duration::from_secs(30)))
        );
        assert_eq!(fault(429, "rateLimitExceeded", "Retry after soon"), Fault::RateLimited(None));
        let mut answer = Response::new(Vec::new());
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("7"));
        assert_eq!(read(&answer, NOW), Err(Fault::RateLimited(Some(Duration::from_secs(7)))));
        answer.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("999999"));
        assert_eq!(read(&answer, NOW), Err(Fault::RateLimited(Some(LONGEST_WAIT))));
    }
}
