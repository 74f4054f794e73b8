//! The crate against real PostgreSQL servers.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod folder;
mod local;
mod local_faults;
mod migrate;
mod platform;
mod pool;
mod pool_faults;
mod tls;
mod transaction;
