//! A bucket at AWS S3 or at a store that speaks its protocol: objects are put, read, removed, restored and
//! signed for; `setup` makes the bucket right, `check` tries it.
//!
//! Knows no file of the messenger's: a key is a text, and what an object is called and what it is, the caller
//! says. No key of an account, no signed address and no answer of the store's reaches a log line or an error.

mod answer;
mod bucket;
pub mod check;
mod fault;
mod get;
mod keys;
mod machine;
mod meters;
mod multipart;
mod objects;
pub mod policy;
mod presign;
mod put;
mod sdk;
mod settings;
pub mod setup;
mod wire;

pub use bucket::Bucket;
pub use get::Object;
pub use multipart::{Completed, Part, UploadedPart};
pub use objects::{Archive, Listed, ObjectState};
pub use presign::{Presigned, PresignedPart};
pub use put::{Content, ObjectHeaders};
pub use settings::{Encryption, Keys, Machine, Settings, WebIdentity};

/// What the keys of all files begin with; setting up gives rights and rules for what is below it alone.
pub const PREFIX: &str = "uploads/";
