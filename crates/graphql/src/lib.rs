//! The GraphQL engine: an API generated from a PostgreSQL schema and Hasura's metadata, each document answered
//! by one SQL statement, live queries woken by commits.
//!
//! The way of a request: [`http`] or [`ws`] -> [`Engine`] -> [`plan`] (cached) -> [`sql`] (cached) ->
//! [`execute`] -> bytes. `catalog`, `metadata` and `schema` are read once and joined; `plan` and `sql` are pure.
//!
//! Invariant: knows no table of the messenger's, and no filter is applied after the database has answered.

mod access;
pub mod catalog;
mod endpoint;
mod engine;
mod error;
mod execute;
pub mod expression;
pub mod http;
mod introspection;
mod live;
pub mod metadata;
pub mod metadata_api;
pub mod plan;
mod plan_cache;
pub mod rows;
pub mod schema;
mod sockets;
pub mod sql;
pub mod value;
mod wire;
pub mod ws;

pub use access::LimitOptions;
pub use endpoint::EndpointOptions;
pub use engine::{Engine, EngineHealth, EngineOptions};
pub use error::EngineError;
