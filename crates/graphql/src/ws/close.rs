//! The codes with which a socket closes. Those from 4400 on are `graphql-transport-ws`'s.

use std::borrow::Cow;

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
    /// The client sent something that is no message.
    pub(super) const NO_MESSAGE: Self = Self::fixed(4400, "Invalid message received");
    /// Messages are text.
    pub(super) const BINARY: Self = Self::fixed(4400, "messages are text");
    /// The client began too much at once.
    pub(super) const TOO_MANY_OPERATIONS: Self = Self::fixed(4400, "too many operations on one connection");
    /// Nobody has introduced themselves yet.
    pub(super) const UNAUTHORIZED: Self = Self::fixed(4401, "Unauthorized");
    /// The token has ended; come back with a new one.
    pub(super) const EXPIRED: Self = Self::fixed(4403, "Could not verify JWT: JWTExpired");
    /// The session was ended, here or from another device; sign in anew.
    pub(super) const REVOKED: Self = Self::fixed(4403, "the session has ended");
    /// The client speaks another protocol.
    pub(super) const SUBPROTOCOL: Self = Self::fixed(4406, "Subprotocol not acceptable");
    /// The client did not introduce itself in time.
    pub(super) const INIT_TIMEOUT: Self = Self::fixed(4408, "Connection initialisation timeout");
    /// The client introduced itself twice.
    pub(super) const TOO_MANY_INITS: Self = Self::fixed(4429, "Too many initialisation requests");
    /// There are as many sockets as there may be, in all or of this person; come back later.
    pub(super) const TOO_MANY_SOCKETS: Self = Self::fixed(4429, "too many connections");
    /// The client does not read; come back and read anew.
    pub(super) const TOO_SLOW: Self = Self::fixed(4503, "too slow, connect again");

    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
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

#[cfg(test)]
mod tests {
    use super::Close;

    #[test]
    fn reasons_fit_their_frame() {
        assert!(Close::subscriber_exists(&"ü".repeat(200)).reason.len() <= 123);
    }
}
