//! From a document and a role's schema to a typed tree. Everything that can be wrong with a request's shape is
//! found here, with Hasura's codes, messages and paths; what comes out can be written as SQL without a doubt.
//!
//! Pure: no I/O. Next: [`crate::sql`].

mod aggregate;
mod answer;
mod arguments;
mod condition;
mod document;
mod input;
mod insert;
mod json_path;
mod order;
mod planner;
mod select;
mod selection;
mod stream;
mod tree;
mod update;

pub(crate) use aggregate::{OF_NUMBERS, OF_ORDERED, function_named};
pub use document::Document;
pub(crate) use input::misfit_error;
pub(crate) use order::DIRECTIONS;
pub use planner::plan;
pub use tree::{
    Action, Aggregate, AggregateColumn, AggregateField, AggregateNumber, Answer, Assignment, CellOutput,
    Change, Conflict, Count, Delete, Direction, From, Insert, InsertRow, ManyOutput, NestedInsert, Operation,
    OrderBy, OrderTarget, Output, Plan, RootPlan, Rows, Select, Stream, Update,
};
pub(crate) use update::{OPERATORS as UPDATE_OPERATORS, operand_type as update_operand};
