//! What holds of the whole: who may depend on whom, and the rules of the project's own schema.

// A test is a deep nest of futures: of the engine, the pool and the changes.
#![recursion_limit = "256"]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its ground is missing")]

mod binary;
mod boundaries;
mod engine;
mod files;
mod project;
mod storage;
