//! What a plan is made of: typed trees in which every name has been found and every value has a place.
//!
//! Invariant: nothing here can fail any more for a reason that lies in the request's shape.

use std::sync::Arc;

use db::sql::Word;

use crate::catalog::{ColumnIndex, Table};
use crate::expression::{Call, Cell, Filter, Value, Way};
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
    /// Describes the API: the JSON of the answer.
    Introspection(String),
    /// Reads rows of a table or of a function.
    Select(Box<Select>),
    /// Counts and sums rows.
    Aggregate(Box<Aggregate>),
    /// Reads the rows behind a cursor, batch by batch.
    Stream(Box<Stream>),
    /// Inserts rows, and those that belong to them.
    Insert(Box<Insert>, Answer),
    /// Changes rows.
    Update(Box<Update>, Answer),
    /// Changes rows several times, each time other ones in another way.
    UpdateMany(Vec<Update>, Answer),
    /// Deletes rows.
    Delete(Box<Delete>, Answer),
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
    /// Of rows that are alike in these columns, only the first.
    pub distinct: Vec<Cell>,
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

/// The rows behind a cursor, in the cursor's order, read batch by batch.
///
/// A stream stands behind the last row sent. The row's place is its cursor and, since cursors may be equal, its
/// primary key; at the start there is the cursor alone.
#[derive(Debug)]
pub struct Stream {
    /// A batch: those rows of which [`Source::Position`](crate::value::Source::Position) says that they are next.
    pub rows: Select,
    /// The columns that make a row's place, the cursor first, and which way each is ordered.
    pub cursor: Vec<(Cell, Direction)>,
    /// Where the cursor starts.
    pub start: Value,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum From {
    /// The table itself.
    Table,
    /// A function that returns rows of the table, by itself or for the outer row.
    Function(Arc<Call>),
    /// What the mutation wrote.
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
    /// A value, or the part of a JSON value that the path leads to.
    Cell(CellOutput),
    /// Rows that belong to this one.
    Related(Box<Select>),
    /// Rows that belong to this one, counted and summed.
    Aggregate(Box<Aggregate>),
    /// The name of the row's type.
    Typename(Word),
}

/// A row's value in an answer.
#[derive(Debug)]
pub struct CellOutput {
    /// The value.
    pub cell: Cell,
    /// The way into a JSON value.
    pub path: Option<Value>,
    /// Whether a number is answered as a string.
    pub as_string: bool,
}

/// Rows, counted and summed.
#[derive(Debug)]
pub struct Aggregate {
    /// Which rows; nothing of each. The permission's limit does not count here.
    pub rows: Select,
    /// What is asked of them.
    pub fields: Vec<(Word, AggregateField)>,
}

/// A field of an aggregate's answer.
#[derive(Debug)]
pub enum AggregateField {
    /// The name of its type.
    Typename(Word),
    /// Numbers.
    Numbers(Vec<(Word, AggregateNumber)>),
    /// The rows themselves.
    Nodes(Box<Select>),
}

/// A number made of many rows.
#[derive(Debug)]
pub enum AggregateNumber {
    /// The name of its type.
    Typename(Word),
    /// How many rows; or how many in which the columns are not null, each combination once where `distinct`.
    Count(Count),
    /// A function of single columns.
    Columns(&'static str, Vec<(Word, AggregateColumn)>),
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// In these columns; with none, rows.
    pub columns: Vec<Cell>,
    /// Whether what is alike counts once.
    pub distinct: bool,
}

/// A value in an aggregate function.
#[derive(Debug)]
pub enum AggregateColumn {
    /// The name of the type.
    Typename(Word),
    /// The function of this value.
    Cell {
        /// The value.
        cell: Cell,
        /// Whether a number is answered as a string.
        as_string: bool,
    },
}

/// One key to order by.
#[derive(Clone, Debug)]
pub struct OrderBy {
    /// What is compared.
    pub target: OrderTarget,
    /// Which way.
    pub direction: Direction,
}

/// What is compared when ordering.
#[derive(Clone, Debug)]
pub enum OrderTarget {
    /// A value of the row.
    Cell(Cell),
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
    /// A number made of the rows that belong to it.
    Aggregate {
        /// The other table.
        table: Arc<Table>,
        /// The way to its rows.
        way: Way,
        /// Which rows of it the role may see.
        filter: Filter,
        /// The function, and its value; a count of rows has none.
        function: (&'static str, Option<Cell>),
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

/// What a mutation answers.
#[derive(Debug)]
pub enum Answer {
    /// The one row, or null.
    One(Box<Select>),
    /// How many rows, and which.
    Many(Vec<(Word, ManyOutput)>),
}

/// A field of the answer about many rows.
#[derive(Debug)]
pub enum ManyOutput {
    /// The name of its type.
    Typename(Word),
    /// How many rows were written.
    AffectedRows,
    /// The rows.
    Returning(Box<Select>),
}

/// The insertion of rows into one table.
#[derive(Debug)]
pub struct Insert {
    /// The table.
    pub table: Arc<Table>,
    /// The rows.
    pub rows: Vec<InsertRow>,
    /// What to do with a row that exists already.
    pub conflict: Option<Conflict>,
    /// What must hold of each row.
    pub check: Filter,
    /// Where it stands in the request, for errors.
    pub at: String,
}

/// A row to be inserted, with those that belong to it.
#[derive(Debug)]
pub struct InsertRow {
    /// How many values it takes from the row that it belongs to.
    pub given: usize,
    /// The columns given: by the request, by presets, or by the rows that it belongs to.
    pub columns: Vec<(ColumnIndex, Value)>,
    /// Rows to which this one refers; they come first.
    pub before: Vec<NestedInsert>,
    /// Rows that refer to this one; they come after.
    pub after: Vec<NestedInsert>,
}

/// Rows that are inserted along with another one.
#[derive(Debug)]
pub struct NestedInsert {
    /// Which of the columns of the row that comes first the later one takes.
    pub takes: Vec<ColumnIndex>,
    /// The rows. Where they come later, [`Source::Given`](crate::value::Source::Given) counts the columns taken.
    pub insert: Insert,
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

/// The change of rows.
#[derive(Debug)]
pub struct Update {
    /// The table.
    pub table: Arc<Table>,
    /// New values of columns, by the request or by presets.
    pub set: Vec<(ColumnIndex, Assignment)>,
    /// Which rows: the request's condition and the role's filter.
    pub filter: Filter,
    /// What must hold of each changed row.
    pub check: Filter,
}

/// A column's new value.
#[derive(Debug)]
pub enum Assignment {
    /// This value.
    Set(Value),
    /// Made of the old value and this one.
    Change(Change, Value),
}

/// How a new value is made of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This much more.
    Increment,
    /// With this at the end of the JSON value.
    Append,
    /// With this at the beginning of the JSON value.
    Prepend,
    /// Without this key or element of the JSON value.
    Delete,
    /// Without what this path leads to in the JSON value.
    DeleteAtPath,
}

/// The deletion of rows.
#[derive(Debug)]
pub struct Delete {
    /// The table.
    pub table: Arc<Table>,
    /// Which rows: the request's condition and the role's filter.
    pub filter: Filter,
}

impl Select {
    /// The same rows, with nothing of them.
    #[must_use]
    pub fn same_rows(&self) -> Self {
        Self {
            from: self.from.clone(),
            table: self.table.clone(),
            join: self.join.clone(),
            filter: self.filter.clone(),
            distinct: self.distinct.clone(),
            order: self.order.clone(),
            limit: self.limit.clone(),
            permission_limit: self.permission_limit,
            offset: self.offset.clone(),
            rows: self.rows,
            fields: Vec::new(),
        }
    }

    /// Whether its rows have an order or a number, which needs a query of its own below whatever is made of them.
    pub fn is_ordered_or_bounded(&self) -> bool {
        let bounded = self.limit.is_some() || self.permission_limit.is_some() || self.offset.is_some();
        bounded || !self.order.is_empty() || !self.distinct.is_empty()
    }

    /// Whether it reads more than its own rows.
    pub fn reads_related(&self) -> bool {
        self.fields.iter().any(|(_, output)| match output {
            Output::Related(_) | Output::Aggregate(_) => true,
            Output::Cell(output) => output.cell.reads_more(),
            Output::Typename(_) => false,
        })
    }
}

impl Answer {
    /// Whether it shows other tables than the one written.
    pub fn reads_related(&self) -> bool {
        match self {
            Self::One(select) => select.reads_related(),
            Self::Many(fields) => fields
                .iter()
                .any(|(_, output)| matches!(output, ManyOutput::Returning(select) if select.reads_related())),
        }
    }
}

impl Insert {
    /// Whether other rows are inserted along.
    pub fn is_nested(&self) -> bool {
        self.rows.iter().any(|row| !row.before.is_empty() || !row.after.is_empty())
    }
}
