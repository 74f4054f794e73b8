//! The API as one role sees it: catalog and metadata joined, and cut down to what the role may do. What it
//! may not see is not there.
//!
//! Pure: from a catalog and metadata to plain data. Next: [`crate::plan`] reads requests against it.

mod build;
mod callable;
mod inheritance;
mod names;
mod permission_filter;
mod rules;
mod tracked;
mod unsupported;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

pub use callable::{Callable, ComputedField, ComputedReturn};
pub use tracked::{Tracked, TrackedTable};

use crate::catalog::{ColumnIndex, EnumTable, Table, TableId};
use crate::expression::{Cell, Filter, Value};
use crate::introspection::Introspector;
use crate::metadata::Metadata;

/// What the API looks like, where Hasura leaves a choice.
#[derive(Clone, Copy, Debug)]
pub struct SchemaOptions {
    /// Whether bigint, numeric and float8 are answered as strings (`STRINGIFY_NUMERIC_TYPES`).
    pub stringify_numbers: bool,
    /// Whether a role that may read a table may call the queries that return its rows
    /// (`INFER_FUNCTION_PERMISSIONS`).
    pub infer_function_permissions: bool,
}

impl Default for SchemaOptions {
    fn default() -> Self {
        Self { stringify_numbers: false, infer_function_permissions: true }
    }
}

/// The tables whose rows the metadata takes for the values of a type.
pub fn enum_tables(metadata: &Metadata) -> Vec<EnumTable> {
    let tables = metadata.tables.iter().filter(|table| table.is_enum);
    let enums = tables.map(|table| EnumTable {
        table: table.table.clone(),
        type_name: names::TableNames::new(&table.table, &table.configuration).enum_type(),
    });
    enums.collect()
}

/// The API of one role.
#[derive(Debug)]
pub struct RoleSchema {
    /// The role.
    pub role: String,
    /// The root fields of queries.
    pub queries: HashMap<String, RootField>,
    /// The root fields of subscriptions.
    pub subscriptions: HashMap<String, RootField>,
    /// The root fields of mutations.
    pub mutations: HashMap<String, RootField>,
    /// What the API looks like, where there is a choice.
    pub options: SchemaOptions,
    /// Whether it may be asked about itself.
    pub introspection: bool,
    tables: HashMap<TableId, Arc<RoleTable>>,
    introspector: OnceLock<Result<Introspector, String>>,
}

/// A root field: what it does, and to which table.
#[derive(Clone, Debug)]
pub enum RootField {
    /// Something with a table.
    Table(TableAction, Arc<RoleTable>),
    /// A function's rows.
    Function(Arc<RoleFunction>),
    /// A function's rows, counted and summed.
    FunctionAggregate(Arc<RoleFunction>),
}

/// What a root field does to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableAction {
    /// Reads rows.
    Select,
    /// Reads one row by its primary key.
    SelectByPk,
    /// Counts and sums rows.
    Aggregate,
    /// Reads the rows behind a cursor, batch by batch.
    Stream,
    /// Inserts rows.
    Insert,
    /// Inserts one row.
    InsertOne,
    /// Changes rows.
    Update,
    /// Changes rows several times.
    UpdateMany,
    /// Changes one row by its primary key.
    UpdateByPk,
    /// Deletes rows.
    Delete,
    /// Deletes one row by its primary key.
    DeleteByPk,
}

/// A table as a role sees it.
#[derive(Debug)]
pub struct RoleTable {
    /// The table.
    pub table: Arc<Table>,
    /// The name of its object type.
    pub type_name: String,
    /// What can be selected, filtered and ordered by.
    pub fields: HashMap<String, Field>,
    /// The relationships through which rows can be inserted along, by name.
    pub nested: HashMap<String, (Relationship, Nesting)>,
    /// The API's name of each column, whether the role sees it or not.
    pub column_names: Vec<String>,
    /// What may be read; nothing where there is none.
    pub select: Option<SelectRules>,
    /// What may be inserted.
    pub insert: Option<InsertRules>,
    /// What may be updated.
    pub update: Option<UpdateRules>,
    /// What may be deleted.
    pub delete: Option<DeleteRules>,
}

/// A field of a table's object type.
#[derive(Clone, Debug)]
pub enum Field {
    /// A column, in the rows where the role sees it.
    Column(Cell),
    /// What a function makes of a row; a value is null but in the rows where the role sees it.
    Computed(Arc<ComputedField>, Option<Arc<Filter>>),
    /// A relationship to one row.
    Object(Relationship),
    /// A relationship to many rows.
    Array(Relationship),
    /// The rows of a relationship to many, counted and summed.
    Aggregate(Relationship),
}

/// How many rows a relationship leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One.
    One,
    /// Many.
    Many,
}

/// A way from a row to rows of another table.
#[derive(Clone, Debug)]
pub struct Relationship {
    /// The other table.
    pub target: TableId,
    /// Pairs of this table's column and the other's.
    pub join: Vec<(ColumnIndex, ColumnIndex)>,
    /// Which of the two refers to the other.
    pub refers: Refers,
}

/// Which of two related rows refers to the other, and so must come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refers {
    /// The row that has the relationship.
    This,
    /// The row that it leads to.
    Other,
}

/// What a role may read.
#[derive(Debug)]
pub struct SelectRules {
    /// Which rows.
    pub filter: Filter,
    /// How many of them at most.
    pub limit: Option<u64>,
    /// Whether it may count and sum.
    pub aggregations: bool,
    /// The root fields that queries have of it; `None` is all.
    pub in_queries: Option<Vec<TableAction>>,
    /// The root fields that subscriptions have of it; `None` is all.
    pub in_subscriptions: Option<Vec<TableAction>>,
}

/// What a role may insert.
#[derive(Debug)]
pub struct InsertRules {
    /// The columns that it may give.
    pub columns: BTreeSet<ColumnIndex>,
    /// What must hold of the new row.
    pub check: Filter,
    /// The columns that are set for it.
    pub presets: Vec<(ColumnIndex, Value)>,
    /// Whether only callers with the admin secret may.
    pub trusted_only: bool,
}

/// What a role may update.
#[derive(Debug)]
pub struct UpdateRules {
    /// The columns that it may give.
    pub columns: BTreeSet<ColumnIndex>,
    /// Which rows.
    pub filter: Filter,
    /// What must hold of the changed row.
    pub check: Filter,
    /// The columns that are set for it.
    pub presets: Vec<(ColumnIndex, Value)>,
    /// Whether only callers with the admin secret may.
    pub trusted_only: bool,
}

/// What a role may delete.
#[derive(Debug)]
pub struct DeleteRules {
    /// Which rows.
    pub filter: Filter,
    /// Whether only callers with the admin secret may.
    pub trusted_only: bool,
}

/// A function as a role sees it.
#[derive(Debug)]
pub struct RoleFunction {
    /// The function.
    pub callable: Arc<Callable>,
    /// The table whose rows it returns.
    pub table: Arc<RoleTable>,
}

impl RoleSchema {
    /// The API of `role` over what is tracked.
    pub fn build(tracked: &Tracked, role: &str) -> Self {
        build::role_schema(tracked, role)
    }

    /// All tables as the role sees them.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<RoleTable>> {
        self.tables.values()
    }

    /// The API described in GraphQL's own language; made at the first call. An error is a fault of ours.
    pub(crate) fn introspector(&self) -> Result<&Introspector, &str> {
        self.introspector.get_or_init(|| Introspector::new(self)).as_ref().map_err(String::as_str)
    }

    /// The table as the role sees it, if it sees it at all.
    pub fn table(&self, id: TableId) -> Option<&Arc<RoleTable>> {
        self.tables.get(&id)
    }
}

impl RoleTable {
    /// The place of the column that the API calls `name`.
    pub fn column_named(&self, name: &str) -> Option<ColumnIndex> {
        self.column_names.iter().position(|other| other == name)
    }

    /// Whether the role sees a column.
    pub fn has_columns(&self) -> bool {
        self.fields.values().any(|field| matches!(field, Field::Column(_)))
    }

    /// What the API calls a column.
    pub fn column_name(&self, column: ColumnIndex) -> &str {
        self.column_names.get(column).map_or("", String::as_str)
    }
}
