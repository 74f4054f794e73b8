//! The messages of `graphql-transport-ws`, and the codes with which a socket closes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base::project::GraphqlError;
use serde::Deserialize;

use crate::wire::{self, RequestBody};

/// A message from a client.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromClient {
    ConnectionInit {
        #[serde(default)]
        payload: Option<InitPayload>,
    },
    Ping {},
    Pong {},
    Subscribe {
        id: String,
        payload: RequestBody,
    },
    Complete {
        id: String,
    },
}

/// How a client introduces itself: the headers that an HTTP request would carry.
#[derive(Default, Deserialize)]
pub(super) struct InitPayload {
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

/// Why a socket closes: the code and a reason, which has 123 bytes at most (RFC 6455, section 5.5).
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl Close {
    /// The client said good-bye.
    pub(super) const NORMAL: Self = Self::fixed(1000, "");
    /// The server stops; come back.
    pub(super) const GOING_AWAY: Self = Self::fixed(1001, "the server stops");
    /// The token has ended; come back with a new one.
    pub(super) const EXPIRED: Self = Self::fixed(4403, "Could not verify JWT: JWTExpired");
    /// Nobody has introduced themselves yet.
    pub(super) const UNAUTHORIZED: Self = Self::fixed(4401, "Unauthorized");
    /// The client speaks another protocol.
    pub(super) const SUBPROTOCOL: Self = Self::fixed(4406, "Subprotocol not acceptable");
    /// The client did not introduce itself in time.
    pub(super) const INIT_TIMEOUT: Self = Self::fixed(4408, "Connection initialisation timeout");
    /// The client introduced itself twice.
    pub(super) const TOO_MANY_INITS: Self = Self::fixed(4429, "Too many initialisation requests");
    /// The client does not read; come back and read anew.
    pub(super) const TOO_SLOW: Self = Self::fixed(4503, "too slow, connect again");

    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }

    /// The client sent something that is no message.
    pub(super) const fn bad_request(reason: &'static str) -> Self {
        Self::fixed(4400, reason)
    }

    /// The client may not come in.
    pub(super) fn forbidden(reason: &str) -> Self {
        Self { code: 4403, reason: Cow::Owned(short(reason).to_owned()) }
    }

    /// The client named two operations alike.
    pub(super) fn subscriber_exists(id: &str) -> Self {
        let reason = format!("Subscriber for {id} already exists");
        Self { code: 4409, reason: Cow::Owned(short(&reason).to_owned()) }
    }
}

/// The part of a reason that fits a close frame.
fn short(reason: &str) -> &str {
    let end = (0..=reason.len().min(120)).rev().find(|end| reason.is_char_boundary(*end));
    reason.get(..end.unwrap_or(0)).unwrap_or_default()
}

pub(super) fn ack() -> String {
    r#"{"type":"connection_ack"}"#.to_owned()
}

pub(super) fn pong() -> String {
    r#"{"type":"pong"}"#.to_owned()
}

pub(super) fn next(id: &str, data: &[u8]) -> String {
    // PostgreSQL's text is UTF-8: the client's encoding is set so.
    let data = String::from_utf8_lossy(data);
    format!(r#"{{"type":"next","id":{},"payload":{{"data":{data}}}}}"#, quoted(id))
}

pub(super) fn error(id: &str, error: &GraphqlError) -> String {
    format!(r#"{{"type":"error","id":{},"payload":{}}}"#, quoted(id), wire::errors(error))
}

pub(super) fn complete(id: &str) -> String {
    format!(r#"{{"type":"complete","id":{}}}"#, quoted(id))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_quoted_and_reasons_fit() {
        assert_eq!(complete("a\"b"), r#"{"type":"complete","id":"a\"b"}"#);
        let close = Close::subscriber_exists(&"ü".repeat(200));
        assert!(close.reason.len() <= 123);
    }

    #[test]
    fn messages_are_told_apart_by_type() {
        let read = |text: &str| serde_json::from_str::<FromClient>(text);
        assert!(matches!(
            read(r#"{"type":"connection_init"}"#),
            Ok(FromClient::ConnectionInit { payload: None })
        ));
        assert!(matches!(read(r#"{"type":"ping","payload":{"a":1}}"#), Ok(FromClient::Ping {})));
        assert!(matches!(
            read(r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#),
            Ok(FromClient::Subscribe { .. })
        ));
        assert!(read(r#"{"type":"start","id":"1"}"#).is_err());
        assert!(read(r#"{"type":"subscribe","payload":{"query":"{a}"}}"#).is_err());
    }
}
