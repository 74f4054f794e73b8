//! What clients and server say to each other, in either sub-protocol.
//!
//! `graphql-transport-ws` (enisdenjo/graphql-ws, PROTOCOL.md) and the older `graphql-ws`
//! (apollographql/subscriptions-transport-ws, PROTOCOL.md) say the same things with other words. What differs
//! besides the words: the older one reports mistakes by a message where the newer one closes the socket.

use std::collections::BTreeMap;

use base::project::GraphqlError;
use serde::Deserialize;

use super::close::Close;
use crate::wire::{self, RequestBody, Shown};

/// A sub-protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `graphql-transport-ws`.
    Transport,
    /// `graphql-ws`.
    Older,
}

/// A message from a client.
pub(super) enum FromClient {
    Init(InitPayload),
    Ping,
    Pong,
    Subscribe(String, RequestBody),
    Complete(String),
    Terminate,
}

/// How a client introduces itself: the headers that an HTTP request would carry.
#[derive(Default, Deserialize)]
pub(super) struct InitPayload {
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Transport {
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

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Older {
    ConnectionInit {
        #[serde(default)]
        payload: Option<InitPayload>,
    },
    Start {
        id: String,
        payload: RequestBody,
    },
    Stop {
        id: String,
    },
    ConnectionTerminate {},
}

impl Dialect {
    /// The dialect with this name, as `Sec-WebSocket-Protocol` has it.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "graphql-transport-ws" => Some(Self::Transport),
            "graphql-ws" => Some(Self::Older),
            _ => None,
        }
    }

    /// The names of all dialects, the better one first.
    pub(super) const NAMES: [&'static str; 2] = ["graphql-transport-ws", "graphql-ws"];

    /// Reads a message; `None` if it is none.
    pub(super) fn read(self, text: &str) -> Option<FromClient> {
        Some(match self {
            Self::Transport => match serde_json::from_str(text).ok()? {
                Transport::ConnectionInit { payload } => FromClient::Init(payload.unwrap_or_default()),
                Transport::Ping {} => FromClient::Ping,
                Transport::Pong {} => FromClient::Pong,
                Transport::Subscribe { id, payload } => FromClient::Subscribe(id, payload),
                Transport::Complete { id } => FromClient::Complete(id),
            },
            Self::Older => match serde_json::from_str(text).ok()? {
                Older::ConnectionInit { payload } => FromClient::Init(payload.unwrap_or_default()),
                Older::Start { id, payload } => FromClient::Subscribe(id, payload),
                Older::Stop { id } => FromClient::Complete(id),
                Older::ConnectionTerminate {} => FromClient::Terminate,
            },
        })
    }

    /// The client may go on.
    pub(super) fn ack() -> String {
        r#"{"type":"connection_ack"}"#.to_owned()
    }

    /// The answer to a ping, which the newer dialect alone has.
    pub(super) fn pong() -> String {
        r#"{"type":"pong"}"#.to_owned()
    }

    /// A sign of life, where it is a message of the dialect's.
    pub(super) fn keep_alive(self) -> Option<String> {
        (self == Self::Older).then(|| r#"{"type":"ka"}"#.to_owned())
    }

    /// An operation's data.
    pub(super) fn next(self, id: &str, data: &[u8]) -> String {
        // PostgreSQL's text is UTF-8: the client's encoding is set so.
        let data = String::from_utf8_lossy(data);
        let word = if self == Self::Transport { "next" } else { "data" };
        format!(r#"{{"type":"{word}","id":{},"payload":{{"data":{data}}}}}"#, quoted(id))
    }

    /// An operation's error, which ends it.
    pub(super) fn error(self, id: &str, error: &GraphqlError, shown: Shown) -> String {
        let errors = wire::errors(error, shown);
        match self {
            Self::Transport => format!(r#"{{"type":"error","id":{},"payload":{errors}}}"#, quoted(id)),
            Self::Older => {
                format!(
                    r#"{{"type":"data","id":{},"payload":{{"data":null,"errors":{errors}}}}}"#,
                    quoted(id)
                )
            }
        }
    }

    /// An operation has no more to say.
    pub(super) fn complete(id: &str) -> String {
        format!(r#"{{"type":"complete","id":{}}}"#, quoted(id))
    }

    /// What the client hears of a mistake: a message, where the dialect has one for it, or else the socket closes.
    pub(super) fn mistake(self, id: Option<&str>, close: Close) -> Result<String, Close> {
        let reason = quoted(&close.reason);
        match (self, id) {
            (Self::Transport, _) => Err(close),
            (Self::Older, Some(id)) => {
                Ok(format!(r#"{{"type":"error","id":{},"payload":{{"message":{reason}}}}}"#, quoted(id)))
            }
            (Self::Older, None) => {
                Ok(format!(r#"{{"type":"connection_error","payload":{{"message":{reason}}}}}"#))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_quoted() {
        assert_eq!(Dialect::complete("a\"b"), r#"{"type":"complete","id":"a\"b"}"#);
    }

    #[test]
    fn messages_are_told_apart_by_type() {
        let newer = |text: &str| Dialect::Transport.read(text);
        assert!(matches!(newer(r#"{"type":"connection_init"}"#), Some(FromClient::Init(_))));
        assert!(matches!(newer(r#"{"type":"ping","payload":{"a":1}}"#), Some(FromClient::Ping)));
        let subscribe = r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#;
        assert!(matches!(newer(subscribe), Some(FromClient::Subscribe(..))));
        assert!(newer(r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#).is_none());
        assert!(newer(r#"{"type":"subscribe","payload":{"query":"{a}"}}"#).is_none());
        let older = |text: &str| Dialect::Older.read(text);
        assert!(matches!(
            older(r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#),
            Some(FromClient::Subscribe(..))
        ));
        assert!(matches!(older(r#"{"type":"connection_terminate"}"#), Some(FromClient::Terminate)));
        assert!(older(subscribe).is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_a_message_or_none(text in any_message()) {
            for dialect in [Dialect::Transport, Dialect::Older] {
                let _ = dialect.read(&text);
            }
        }

        #[test]
        fn whatever_an_operation_is_called_it_is_told_so(id in any::<String>(), message in any::<String>()) {
            let error = GraphqlError::new("unexpected", id.as_str(), message.as_str());
            for dialect in [Dialect::Transport, Dialect::Older] {
                let said = [
                    dialect.next(&id, b"{}"),
                    dialect.error(&id, &error, Shown::Public),
                    Dialect::complete(&id),
                ];
                for text in said {
                    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(json["id"].as_str(), Some(id.as_str()));
                }
            }
        }
    }

    /// Bytes, and messages with a piece cut out or another put in.
    fn any_message() -> impl Strategy<Value = String> {
        let good = prop::sample::select(vec![
            r#"{"type":"connection_init","payload":{"headers":{"a":"b"}}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"v":[1]},"operationName":null}}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"complete","id":"1"}"#,
        ]);
        let spoilt = (good, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<String>())
            .prop_map(|(good, from, to, other): (&str, prop::sample::Index, prop::sample::Index, String)| {
                let (from, to) = (from.index(good.len()), to.index(good.len()));
                format!("{}{other}{}", &good[..from.min(to)], &good[from.max(to)..])
            });
        prop_oneof![any::<String>(), spoilt]
    }
}
