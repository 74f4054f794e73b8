//! The engine over a real PostgreSQL: what is answered, what is refused, and what wakes.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its ground is missing")]

mod hostile;
mod live;
mod model;
mod mutations;
mod queries;
mod refusals;
mod sql;
mod streams;
mod tape;
mod world;
