//! The engine over a real PostgreSQL: what is answered, what is refused, and what wakes.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its ground is missing")]

mod computed_fields;
mod enums;
mod inherited_roles;
mod live;
mod mutations;
mod queries;
mod refusals;
mod sql;
mod streams;
mod world;
