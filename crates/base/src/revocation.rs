//! [`Revocations`]: how whoever holds a connection open for a session hears that the session has ended before its
//! token has.

use futures::future::BoxFuture;

use crate::session::Session;

/// Who knows of sessions that end.
pub trait Revocations: Send + Sync + 'static {
    /// Ends when the session is over: signed out, or its person shut out. Never ends for a session that cannot be.
    fn revoked(&self, session: &Session) -> BoxFuture<'static, ()>;
}
