//! The engine over a real PostgreSQL: what is answered, what is refused, and what wakes.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its ground is missing")]

mod admin;
mod computed_fields;
mod enums;
mod hostile;
mod inherited_roles;
mod limits;
mod live;
mod model;
mod mutations;
mod queries;
mod refusals;
mod reloading;
mod rows;
mod served;
mod shared;
mod sql;
mod streams;
mod tape;
mod world;
