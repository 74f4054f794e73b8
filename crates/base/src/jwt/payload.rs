//! The payload of a token: how it is written so that every SDK can read it, and how one is judged.

use std::fmt::Write;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::TokenError;
use super::claims::{self, AccessClaims};
use super::rules::Rules;

/// A payload whose signature was good.
pub(super) struct Payload(pub(super) Map<String, Value>);

impl Payload {
    /// Who signed.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.get("iss").and_then(Value::as_str)
    }

    /// What it says, if audience and time are right.
    pub(super) fn claims(&self, rules: &Rules, now: i64) -> Result<AccessClaims, TokenError> {
        if !rules.audience.is_empty() && !self.audience().any(|one| rules.audience.iter().any(|ok| ok == one))
        {
            return Err(TokenError::Audience);
        }
        let expires_at = self.seconds("exp").ok_or(TokenError::Invalid)?;
        if expires_at.saturating_add(rules.allowed_skew) <= now {
            return Err(TokenError::Expired);
        }
        let latest = now.saturating_add(rules.allowed_skew);
        if self.seconds("iat").is_some_and(|issued| issued > latest) {
            return Err(TokenError::Invalid);
        }
        if self.seconds("nbf").is_some_and(|begins| begins > latest) {
            return Err(TokenError::NotYetValid);
        }
        let subject = self.0.get("sub").and_then(Value::as_str);
        claims::read(claims::of(&self.0, rules)?, subject, expires_at)
    }

    /// For whom it is: one text or several (RFC 7519, section 4.1.3).
    fn audience(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self.0.get("aud") {
            Some(Value::String(one)) => (Some(one.as_str()), None),
            Some(Value::Array(many)) => (None, Some(many)),
            _ => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten().filter_map(Value::as_str))
    }

    /// A time, which may have a fraction (RFC 7519, section 2).
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted, and the cast saturates")]
    fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }
}

/// The JSON text of a payload, with `\u00XX` for whatever would put a `-` or `_` into its base64url:
/// `@nhost/nhost-js` 4 reads it with `atob`, which knows neither. Such characters stand only inside strings.
pub(super) fn write(payload: &Map<String, Value>) -> Option<Box<RawValue>> {
    let json = serde_json::to_string(payload).ok()?;
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character.is_ascii() && !matches!(character, '>' | '?' | '~' | '\u{7f}') {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    RawValue::from_string(out).ok()
}
