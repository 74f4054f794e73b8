//! For tests: a store of objects in this process that checks what the real one checks ([`Store`]), and a
//! network before it that fails ([`Network`]).
//!
//! Never part of the product.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test ends where something unexpected happens"
)]

mod network;
mod request;
mod shelf;
mod store;

pub use network::{Mishap, Network};
pub use store::{Store, StoreOptions};
