//! The binary itself with its private PostgreSQL, and files in a folder or in a bucket, while it is treated badly.

mod check;
mod keys;
mod kills;
mod ledger;
mod load;
mod server;
mod token_keys;

/// What the test's own environment says.
fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test hands on what the binary needs")]
    std::env::var(name).ok()
}
