//! Everything between the program and PostgreSQL: the server that the program runs for itself ([`local`]),
//! how a database is reached ([`connect`]), the pool ([`pool`]), the typed SQL writer ([`sql`]),
//! migrations ([`migrate`]), the schemas that Nhost would bring ([`platform`]) and databases for tests (`testing`).
//!
//! Invariant: knows no table of the messenger's and no GraphQL. It reads neither the environment nor the
//! clock: paths, addresses and times are handed in.

pub mod connect;
mod error;
mod hex;
pub mod local;
pub mod migrate;
pub mod platform;
pub mod pool;
pub mod sql;
#[cfg(feature = "testing")]
pub mod testing;

pub use connect::Address;
pub use error::Error;
pub use pool::{Pool, PoolOptions, RawJson, Text, Transaction, WireValue};
pub use tokio_postgres;
