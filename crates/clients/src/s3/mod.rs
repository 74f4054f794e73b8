//! A bucket at AWS S3 or at a store that speaks its protocol: objects are put, read, removed, restored and
//! signed for; `setup` makes the bucket right.
//!
//! Knows no file of the messenger's: a key is a text, and what an object is called and what it is, the caller
//! says. No key of an account, no signed address and no answer of the store's reaches a log line or an error.

pub mod check;
pub mod policy;
mod settings;
pub mod setup;

pub use settings::{Encryption, Keys, Settings};


/// What the keys of all files begin with; setting up gives rights and rules for what is below it alone.
pub const PREFIX: &str = "uploads/";
