//! Where links in letters may lead in the end: to the client's address, the addresses that the settings allow,
//! and whatever lies below them. An open redirect would hand refresh tokens to anybody.
//!
//! In an entry `*` stands for anything without `.` and `/`, `**` for anything at all.

use axum::http::header::{LOCATION, REFERER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Auth;
use super::error::AuthError;
use super::fields::RedirectTo;
use super::observe::Outcome;

/// The addresses that are allowed.
#[derive(Debug)]
pub(super) struct Redirects {
    client_url: String,
    allowed: Vec<Place>,
    /// Where this service is itself.
    own: Option<Place>,
}

/// An address that links may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination(String);

/// What of an address decides: `scheme://host[:port]` in lower case without a default port, and the path.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    origin: String,
    path: String,
}

impl Redirects {
    /// The client's address and further ones, and the service's own.
    pub(super) fn new(client_url: &str, further: &[String], own: &str) -> Self {
        let all = std::iter::once(client_url).chain(further.iter().map(String::as_str));
        let allowed = all.filter_map(|entry| Place::read(entry.trim())).collect();
        Self { client_url: client_url.to_owned(), allowed, own: Place::read(own) }
    }

    /// Where the client is.
    pub(super) fn client(&self) -> Destination {
        Destination(self.client_url.clone())
    }

    /// What was asked for, if it is allowed; the client's address where nothing was.
    pub(super) fn choose(&self, wanted: Option<&RedirectTo>) -> Result<Destination, AuthError> {
        let Some(RedirectTo(wanted)) = wanted else { return Ok(self.client()) };
        let place = Place::read(wanted).ok_or(AuthError::RedirectToNotAllowed)?;
        if self.allowed.iter().any(|entry| entry.allows(&place)) {
            Ok(Destination(wanted.clone()))
        } else {
            Err(AuthError::RedirectToNotAllowed)
        }
    }

    /// Whether a browser was sent by a page of the client's, or of our own. Another site can hide where it sends
    /// browsers from, but cannot make them say that it is this one.
    pub(super) fn are_origin_of(&self, headers: &HeaderMap) -> bool {
        let page = headers.get(REFERER).and_then(|value| value.to_str().ok()).and_then(Place::read);
        let origins = self.allowed.iter().chain(&self.own);
        page.is_some_and(|page| origins.into_iter().any(|entry| matches(&entry.origin, &page.origin)))
    }
}

impl Place {
    /// Reads an address. Browsers differ from each other in what they make of a backslash, a user's name
    /// before the host, or `..`: there is none in a place.
    fn read(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
        if !text.bytes().all(plain) {
            return None;
        }
        let text = text.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let is_dots = |part: &str| {
            let part = part.to_ascii_lowercase().replace("%2e", ".");
            part == "." || part == ".."
        };
        if scheme.is_empty() || authority.contains(['@', '%']) || path.split('/').any(is_dots) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut authority = authority.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        if let Some(host) = authority.strip_suffix(default_port).filter(|_| !default_port.is_empty()) {
            authority = host.to_owned();
        }
        Some(Self { origin: format!("{scheme}://{authority}"), path: path.trim_end_matches('/').to_owned() })
    }

    /// Whether `place` is this entry or below it.
    fn allows(&self, place: &Self) -> bool {
        let path_fits = matches(&self.path, &place.path)
            || place.path.match_indices('/').any(|(slash, _)| matches(&self.path, &place.path[..slash]));
        path_fits && matches(&self.origin, &place.origin)
    }
}

/// Whether `text` fits `pattern`. One pass over the text with all the positions in the pattern that it can be
/// at: no pattern makes this slow.
fn matches(pattern: &str, text: &str) -> bool {
    let tokens = tokens(pattern);
    let mut at = vec![false; tokens.len() + 1];
    at[0] = true;
    skip_stars(&tokens, &mut at);
    for byte in text.bytes() {
        let mut next = vec![false; tokens.len() + 1];
        for (position, token) in tokens.iter().enumerate() {
            if !at[position] {
                continue;
            }
            match token {
                Token::Byte(wanted) => next[position + 1] |= *wanted == byte,
                Token::Part => next[position] |= byte != b'.' && byte != b'/',
                Token::Anything => next[position] = true,
            }
        }
        skip_stars(&tokens, &mut next);
        at = next;
    }
    at[tokens.len()]
}

/// A star may stand for nothing.
fn skip_stars(tokens: &[Token], at: &mut [bool]) {
    for (position, token) in tokens.iter().enumerate() {
        if at[position] && !matches!(token, Token::Byte(_)) {
            at[position + 1] = true;
        }
    }
}

enum Token {
    Byte(u8),
    Part,
    Anything,
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    for byte in pattern.bytes() {
        match (byte, tokens.last()) {
            (b'*', Some(Token::Part)) => {
                tokens.pop();
                tokens.push(Token::Anything);
            }
            (b'*', Some(Token::Anything)) => {}
            (b'*', _) => tokens.push(Token::Part),
            (byte, _) => tokens.push(Token::Byte(byte)),
        }
    }
    tokens
}

impl Destination {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Sends the browser there, with these parameters added to the address's query.
    pub(super) fn redirect(&self, parameters: &[(&str, &str)]) -> Response {
        let (address, fragment) = self.0.split_once('#').unwrap_or((&self.0, ""));
        let mut location = address.to_owned();
        for (name, value) in parameters {
            location.push(if location.contains('?') { '&' } else { '?' });
            location.push_str(name);
            location.push('=');
            location.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        if !fragment.is_empty() {
            location.push('#');
            location.push_str(fragment);
        }
        (
            StatusCode::FOUND,
            [(LOCATION, location), (axum::http::header::CACHE_CONTROL, "no-store".to_owned())],
        )
            .into_response()
    }
}

impl Auth {
    /// Sends a browser to a page with the error in the address's query, where the page reads it, and whoever looks
    /// over its shoulder: concealed as in any other answer.
    pub(super) fn lead_on_with(&self, error: &AuthError, destination: &Destination) -> Response {
        error.log();
        let (code, sentence) = error.on_a_page(self.0.options.conceal_errors);
        let mut response = destination.redirect(&[("error", code), ("errorDescription", &sentence)]);
        response.extensions_mut().insert(Outcome(error.code()));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(allowed: &[&str], wanted: &str) -> bool {
        let further: Vec<String> = allowed.iter().map(|entry| (*entry).to_owned()).collect();
        let redirects = Redirects::new("https://app.example.com", &further, "https://api.example.com");
        RedirectTo::try_from(wanted.to_owned()).is_ok_and(|wanted| redirects.choose(Some(&wanted)).is_ok())
    }

    #[test]
    fn the_client_and_what_is_below_it() {
        for good in [
            "https://app.example.com",
            "https://app.example.com/",
            "HTTPS://APP.example.com:443/a/b?x=https://evil.com#y",
            "https://app.example.com?x=1",
        ] {
            assert!(is_allowed(&[], good), "{good}");
        }
        for bad in [
            "http://app.example.com",
            "https://app.example.com.evil.com",
            "https://app.example.com:444",
            "https://evil.com/https://app.example.com",
            "https://app.example.com@evil.com",
            "https://evil.com\\@app.example.com",
            "https://app.example.com%2eevil.com",
            "https://evil.com#https://app.example.com",
            "https://evil.com?https://app.example.com/",
            "javascript://app.example.com/%0aalert(1)",
        ] {
            assert!(!is_allowed(&[], bad), "{bad}");
        }
    }

    #[test]
    fn entries_with_paths_stars_and_other_schemes() {
        assert!(is_allowed(&["https://x.org/app"], "https://x.org/app/deep"));
        assert!(!is_allowed(&["https://x.org/app"], "https://x.org/application"));
        assert!(!is_allowed(&["https://x.org/app"], "https://x.org/app/../admin"));
        assert!(!is_allowed(&["https://x.org/app"], "https://x.org/app/%2E%2e/admin"));
        assert!(is_allowed(&["https://*.x.org"], "https://a.x.org/y"));
        assert!(!is_allowed(&["https://*.x.org"], "https://a.b.x.org"));
        assert!(!is_allowed(&["https://*.x.org"], "https://evil.com/.x.org"));
        assert!(is_allowed(&["https://**.x.org"], "https://a.b.x.org"));
        assert!(is_allowed(&["https://x.org/*/done"], "https://x.org/a/done"));
        assert!(!is_allowed(&["https://x.org/*/done"], "https://x.org/a/b/done"));
        assert!(is_allowed(&["myapp://callback"], "myapp://callback?x=1"));
        assert!(!is_allowed(&["myapp://callback"], "myapp://other"));
    }

    #[test]
    fn parameters_are_added_to_those_that_are_there() {
        let location = |text: &str| {
            let response = Destination(text.to_owned()).redirect(&[("refreshToken", "a"), ("type", "b c")]);
            response.headers()[LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(location("https://a.b/c"), "https://a.b/c?refreshToken=a&type=b%20c");
        assert_eq!(location("https://a.b/?x=1#y"), "https://a.b/?x=1&refreshToken=a&type=b%20c#y");
    }
}
