//! The messenger's features. They reach the project's data through `base::project::Project` alone and know no
//! engine; only [`auth`], which exists where the program stands alone, uses the database itself.

pub mod auth;
pub mod endings;
pub mod files;
