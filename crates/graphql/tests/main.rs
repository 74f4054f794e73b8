//! The engine over a real PostgreSQL: what is answered, what is refused, and what wakes.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its ground is missing")]

mod admin;
mod limits;
mod live;
mod mutations;
mod queries;
mod refusals;
mod reloading;
mod served;
mod sql;
mod streams;
mod world;
