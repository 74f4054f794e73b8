//! The services of others that the messenger calls: mail servers for letters ([`mail`]), keys of access tokens
//! that others keep ([`jwks`]).
//!
//! Invariant: knows neither the database nor any rule of the messenger's. Every call has a time limit, every
//! error says whether to try again, and no error and no log line shows a secret, a letter or an address.

mod error;
pub mod jwks;
pub mod mail;
pub mod pwned;
pub mod web;

pub use error::{Again, Error};
