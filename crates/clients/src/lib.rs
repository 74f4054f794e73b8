//! The services of others that the messenger calls: mail servers for letters ([`mail`]).
//!
//! Invariant: knows neither the database nor any rule of the messenger's. Every call has a time limit, every
//! error says whether to try again, and no error and no log line shows a secret, a letter or an address.

mod error;
pub mod mail;

pub use error::{Again, Error};
