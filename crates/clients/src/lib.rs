//! The services of others that the messenger calls: mailboxes and mail servers for letters ([`mail`]), Google's
//! tokens ([`google`]), those that people sign in with ([`identity`]), keys of access tokens that others keep ([`jwks`]),
//! passwords that thieves know ([`pwned`]), files in a bucket ([`s3`]). All of them but the mail server are called through [`http`].
//!
//! Invariant: knows neither the database nor any rule of the messenger's. Every call has a time limit, every
//! error says whether to try again, and no error and no log line shows a secret, a letter or an address.

mod error;
pub mod google;
pub mod http;
pub mod identity;
pub mod jwks;
pub mod mail;
pub mod pwned;
pub mod s3;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{Again, Error};
