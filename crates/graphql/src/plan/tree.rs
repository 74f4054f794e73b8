//! What a plan is made of: typed trees in which every name has been found and every value has a place.
//!
//! Invariant: nothing here can fail any more for a reason that lies in the request's shape.

use std::sync::Arc;

use db::sql::Word;

use crate::catalog::{ColumnIndex, Function, Table};
use crate::expression::{Filter, Value};
use crate::value::variables::Assumption;

/// A document and a role, made ready to run.
#[derive(Debug)]
pub struct Plan {
    /// What kind of operation it is.
    pub operation: Operation,
    /// Its root fields, in the order of the answer.
    pub fields: Vec<RootPlan>,
    /// The variables that it declares; a request with others is refused.
    pub variables: Vec<String>,
    /// What it assumes of the variables.
    pub assumptions: Vec<Assumption>,
}

/// The kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads.
    Query,
    /// Writes, its fields one after another, in one transaction.
    Mutation,
    /// Reads, and again whenever the answer changes.
    Subscription,
}

/// One root field.
#[derive(Debug)]
pub struct RootPlan {
    /// Its key in the answer.
    pub key: Word,
    /// Where it stands in the request, for errors: `$.selectionSet.chats`.
    pub path: String,
    /// What it does.
    pub action: Action,
}

/// What a root field does.
#[derive(Debug)]
pub enum Action {
    /// Names the root type.
    Typename(Word),
    /// Reads rows of a table or of a function.
    Select(Box<Select>),
    /// Inserts a row.
    Insert(Box<Insert>),
    /// Changes a row.
    Update(Box<Update>),
    /// Deletes a row.
    Delete(Box<Delete>),
}

/// The reading of rows.
#[derive(Debug)]
pub struct Select {
    /// Where the rows come from.
    pub from: From,
    /// The table whose rows they are.
    pub table: Arc<Table>,
    /// Pairs of the outer row's column and this one's.
    pub join: Vec<(ColumnIndex, ColumnIndex)>,
    /// Which rows: the role's filter and the request's.
    pub filter: Filter,
    /// In which order.
    pub order: Vec<OrderBy>,
    /// How many at most, by the request.
    pub limit: Option<Value>,
    /// How many at most, by the role's permission.
    pub permission_limit: Option<u64>,
    /// How many to leave out first.
    pub offset: Option<Value>,
    /// Whether the answer is a list or one row.
    pub rows: Rows,
    /// What of each row.
    pub fields: Vec<(Word, Output)>,
}

/// Where rows come from.
#[derive(Debug)]
pub enum From {
    /// The table itself.
    Table,
    /// A function that returns rows of the table: its arguments by place, `None` for a default.
    Function(Arc<Function>, Vec<Option<Value>>),
    /// What the same statement wrote.
    Written,
}

/// A list or one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// A list.
    Many,
    /// One row, or null.
    One,
}

/// A field of a row.
#[derive(Debug)]
pub enum Output {
    /// A column.
    Column(ColumnIndex),
    /// Rows that belong to this one.
    Related(Box<Select>),
    /// The name of the row's type.
    Typename(Word),
}

/// One key to order by.
#[derive(Debug)]
pub struct OrderBy {
    /// What is compared.
    pub target: OrderTarget,
    /// Which way.
    pub direction: Direction,
}

/// What is compared when ordering.
#[derive(Debug)]
pub enum OrderTarget {
    /// A column of the row.
    Column(ColumnIndex),
    /// Something of the one row that belongs to it.
    Related {
        /// The other table.
        table: Arc<Table>,
        /// Pairs of this row's column and the other's.
        join: Vec<(ColumnIndex, ColumnIndex)>,
        /// Which rows of it the role may see.
        filter: Filter,
        /// What is compared there.
        target: Box<OrderTarget>,
    },
}

/// The way of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending, nulls last.
    Asc,
    /// Ascending, nulls first.
    AscNullsFirst,
    /// Descending, nulls first.
    Desc,
    /// Descending, nulls last.
    DescNullsLast,
}

/// The insertion of one row.
#[derive(Debug)]
pub struct Insert {
    /// The table.
    pub table: Arc<Table>,
    /// The columns given, by the request or by presets.
    pub columns: Vec<(ColumnIndex, Value)>,
    /// What to do with a row that exists already.
    pub conflict: Option<Conflict>,
    /// What must hold of the row.
    pub check: Filter,
    /// What to answer of it.
    pub answer: Select,
}

/// What to do with a row that exists already.
#[derive(Debug)]
pub struct Conflict {
    /// The constraint that says that it does.
    pub constraint: String,
    /// The columns that take the new values; with none, nothing happens.
    pub update: Vec<ColumnIndex>,
    /// Columns that are set for the role.
    pub presets: Vec<(ColumnIndex, Value)>,
    /// Which existing rows may be changed.
    pub filter: Filter,
    /// What must hold of the changed row.
    pub check: Filter,
}

/// The change of one row.
#[derive(Debug)]
pub struct Update {
    /// The table.
    pub table: Arc<Table>,
    /// New values of columns, by the request or by presets.
    pub set: Vec<(ColumnIndex, Assignment)>,
    /// Which row: its key and the role's filter.
    pub filter: Filter,
    /// What must hold of the changed row.
    pub check: Filter,
    /// What to answer of it.
    pub answer: Select,
}

/// A column's new value.
#[derive(Debug)]
pub enum Assignment {
    /// This value.
    Set(Value),
    /// The old one and this much more.
    Increment(Value),
}

/// The deletion of one row.
#[derive(Debug)]
pub struct Delete {
    /// The table.
    pub table: Arc<Table>,
    /// Which row: its key and the role's filter.
    pub filter: Filter,
    /// What to answer of it.
    pub answer: Select,
}

impl Select {
    /// Whether it reads other tables than its own.
    pub fn reads_related(&self) -> bool {
        self.fields.iter().any(|(_, output)| matches!(output, Output::Related(_)))
    }
}
