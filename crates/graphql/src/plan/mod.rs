//! From a document and a role's schema to a typed tree. Everything that can be wrong with a request's shape is
//! found here, with Hasura's codes, messages and paths; what comes out can be written as SQL without a doubt.
//!
//! Pure: no I/O. Next: [`crate::sql`].

mod arguments;
mod condition;
mod document;
mod input;
mod planner;
mod select;
mod selection;
mod tree;
mod write;

pub use document::Document;
pub(crate) use input::misfit_error;
pub use planner::plan;
pub use tree::{
    Action, Assignment, Conflict, Delete, Direction, From, Insert, Operation, OrderBy, OrderTarget, Output,
    Plan, RootPlan, Rows, Select, Update,
};
