//! The administrator's API: `/v1/metadata` (Hasura's "Metadata API"), and `run_sql` at `/v2/query`.
//!
//! The way of a command: [`http`] -> the engine's keeper, which obeys one at a time -> [`draft`], a copy of the
//! metadata in which the command is carried out -> the API made of it, put in place of the one before.
//!
//! Must not: write to the metadata folder. What is changed here lasts until the program ends.

mod command;
mod draft;
mod error;
mod functions;
mod http;
mod lists;
mod permissions;
mod relationships;
mod run_sql;
mod tables;

pub(crate) use command::Command;
pub(crate) use draft::Draft;
pub(crate) use error::ApiError;
pub use http::{Mode, router};
