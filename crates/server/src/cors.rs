//! From which pages browsers may call the GraphQL API. A token stands for the caller, never a cookie, so that an
//! open API is as safe as one that is asked without a browser.

use std::time::Duration;

use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long browsers may keep what they were told.
const MAX_AGE: Duration = Duration::from_hours(24);

/// Any origin may call.
pub(crate) fn open() -> CorsLayer {
    layer(AllowOrigin::mirror_request())
}

/// These origins may call; `*` is any, and `https://*.example.com` every host below one.
pub(crate) fn of(origins: Vec<String>) -> CorsLayer {
    if origins.iter().any(|origin| origin == "*") {
        return open();
    }
    layer(AllowOrigin::predicate(move |origin: &HeaderValue, _: &_| {
        origin.to_str().is_ok_and(|origin| origins.iter().any(|pattern| matches(pattern, origin)))
    }))
}

fn layer(origins: AllowOrigin) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(MAX_AGE)
}

fn matches(pattern: &str, origin: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    match pattern.split_once("*.") {
        None => pattern.eq_ignore_ascii_case(origin),
        Some((scheme, domain)) => {
            let host = origin.strip_prefix(scheme).and_then(|host| host.strip_suffix(domain));
            host.and_then(|host| host.strip_suffix('.')).is_some_and(|host| {
                !host.is_empty()
                    && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn origins_are_compared_whole() {
        assert!(matches("https://a.example", "https://a.example"));
        assert!(matches("http://localhost:3000", "http://localhost:3000"));
        assert!(!matches("https://a.example", "https://a.example.evil"));
        assert!(matches("https://*.example.com", "https://x.example.com"));
        assert!(matches("https://*.example.com:8443", "https://x.y.example.com:8443"));
        for origin in [
            "https://example.com",
            "http://x.example.com",
            "https://evil.com/.example.com",
            "https://evil.com#.example.com",
            "https://xexample.com",
        ] {
            assert!(!matches("https://*.example.com", origin), "{origin}");
        }
    }
}
