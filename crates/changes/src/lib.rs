//! The change feed: PostgreSQL's own log of commits, read by logical replication, and who is interested in
//! what of it.
//!
//! The way of a change: [`feed`] (connection, watchdog) -> `decode` (pgoutput) -> [`interest`] (who waits for
//! this row) -> a [`Wake`]. Nothing is stored: the slot is temporary, and a new one wakes everybody once.
//!
//! Invariant: a wake is a level, not an edge. It may come without need, and never fails to come.

mod decode;
pub mod feed;
pub mod interest;
mod publication;
mod schema_watch;
mod stream;

pub use feed::{Feed, FeedOptions, FeedState, Targets};
pub use interest::{ANY_RELATION, Interest, Interests, Registration, Wake};

/// What can go wrong with the feed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The publication cannot be made or changed.
    #[error("cannot prepare the publication: {0}")]
    PreparePublication(#[source] db::Error),
    /// The database does not tell where its log stands.
    #[error("cannot read the log's position: {0}")]
    ReadPosition(#[source] db::Error),
    /// The replication connection cannot be made, or broke.
    #[error("the replication connection failed: {0}")]
    Replicate(#[from] pgwire_replication::error::PgWireError),
    /// The server said nothing for too long.
    #[error("the replication connection has been silent for {0} s")]
    Silent(u64),
    /// The server ended the stream.
    #[error("the server ended the replication")]
    Ended,
    /// A message that is none of pgoutput's.
    #[error("cannot decode a change: {0}")]
    Decode(&'static str),
}
