//! The vocabulary that every other crate shares: who asks ([`session`]), what time it is ([`clock`]),
//! what a client may be told ([`problem`]), which keys sign and verify access tokens ([`jwt`]), and the one
//! interface to the project's data ([`project`]).
//!
//! Invariant: no I/O. Nothing here opens a socket or a file, reads the environment or spawns a task.

pub mod authenticate;
pub mod clock;
pub mod ids;
pub mod json_path;
pub mod jws;
pub mod jwt;
pub mod problem;
pub mod project;
pub mod revocation;
pub mod session;
