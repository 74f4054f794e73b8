//! What is in the database: tables, views, columns, types, keys and functions, read from PostgreSQL's own
//! catalogs in one query.
//!
//! Must not: know metadata, roles or GraphQL. Next: [`crate::schema`] joins it with the metadata.

mod enum_tables;
mod load;
mod types;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use enum_tables::EnumTable;
pub use load::{fingerprint, load};
pub use types::{EnumType, EnumValue, PgType, TypeKind};

/// A name with its schema, as `"public"."chats"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QualifiedName {
    /// The schema.
    #[serde(default = "public_schema")]
    pub schema: String,
    /// The name in it.
    pub name: String,
}

fn public_schema() -> String {
    "public".to_owned()
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.schema, self.name)
    }
}

/// Everything that the engine knows of a database's shape.
#[derive(Debug, Default)]
pub struct Catalog {
    tables: Vec<Arc<Table>>,
    by_name: HashMap<QualifiedName, TableId>,
    by_oid: HashMap<u32, TableId>,
    functions: HashMap<QualifiedName, Vec<Arc<Function>>>,
    /// Why tables that were named as enums are none, a sentence each.
    pub refused_enums: Vec<String>,
}

/// A table's place in its [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(usize);

/// A column's place among its table's columns.
pub type ColumnIndex = usize;

/// A table or a view.
#[derive(Debug)]
pub struct Table {
    /// Its place in the catalog.
    pub id: TableId,
    /// PostgreSQL's number for it.
    pub oid: u32,
    /// Its name.
    pub name: QualifiedName,
    /// Its columns, in PostgreSQL's order.
    pub columns: Vec<Column>,
    /// The columns of its primary key; empty where there is none.
    pub primary_key: Vec<ColumnIndex>,
    /// Its primary key and unique constraints, by name.
    pub unique_constraints: Vec<UniqueConstraint>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// The columns whose old values a change of a row carries (PostgreSQL's replica identity).
    pub identity: Vec<ColumnIndex>,
    /// The tables whose changes can change what it shows: itself, or those that a view stands on.
    pub sources: Vec<u32>,
    /// Whether rows can be inserted, updated, deleted.
    pub writable: Writable,
    /// Its comment.
    pub comment: Option<String>,
}

/// What may be done to the rows of a table or view.
#[derive(Clone, Copy, Debug)]
pub struct Writable {
    /// Rows can be inserted.
    pub insert: bool,
    /// Rows can be updated.
    pub update: bool,
    /// Rows can be deleted.
    pub delete: bool,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name in SQL.
    pub name: String,
    /// Its type.
    pub ty: Arc<PgType>,
    /// Whether it can never be null.
    pub not_null: bool,
    /// Whether it is filled when left out.
    pub has_default: bool,
    /// Whether only PostgreSQL itself may write it.
    pub generated: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// A primary key or unique constraint.
#[derive(Debug)]
pub struct UniqueConstraint {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ColumnIndex>,
}

/// A foreign key.
#[derive(Debug)]
pub struct ForeignKey {
    /// The columns that refer.
    pub columns: Vec<ColumnIndex>,
    /// PostgreSQL's number of the table referred to.
    pub target: u32,
    /// The columns referred to, in the same order.
    pub target_columns: Vec<ColumnIndex>,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: QualifiedName,
    /// Its input arguments, in order; empty where it is unfit.
    pub arguments: Vec<FunctionArgument>,
    /// What it returns, one of them where it returns a set.
    pub returns: Arc<PgType>,
    /// PostgreSQL's number of the table whose row type it returns.
    pub returns_table: Option<u32>,
    /// Whether it returns a set of rows.
    pub returns_set: bool,
    /// Whether it has arguments that have no form in the API: variadic ones, or such that go both ways.
    pub unfit: bool,
    /// What its result may depend on.
    pub volatility: Volatility,
    /// Its comment.
    pub comment: Option<String>,
}

/// What a function's result may depend on (PostgreSQL, section 38.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// Its arguments alone.
    Immutable,
    /// What the database holds, too.
    Stable,
    /// Anything, and it may write.
    Volatile,
}

/// An input argument of a function.
#[derive(Debug)]
pub struct FunctionArgument {
    /// Its name; arguments may lack one.
    pub name: Option<String>,
    /// Its type.
    pub ty: Arc<PgType>,
    /// Whether it may be left out.
    pub has_default: bool,
}

impl Table {
    /// The place of the column with this SQL name.
    pub fn column_index(&self, name: &str) -> Option<ColumnIndex> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl Catalog {
    /// The table or view with this name.
    pub fn table_named(&self, name: &QualifiedName) -> Option<&Arc<Table>> {
        self.by_name.get(name).and_then(|id| self.tables.get(id.0))
    }

    /// The table or view with PostgreSQL's number `oid`.
    pub fn table_by_oid(&self, oid: u32) -> Option<&Arc<Table>> {
        self.by_oid.get(&oid).and_then(|id| self.tables.get(id.0))
    }

    /// All tables and views.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.iter()
    }

    /// The functions with this name; overloaded ones cannot be tracked, so callers want exactly one.
    pub fn functions_named(&self, name: &QualifiedName) -> &[Arc<Function>] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// Adds a function.
    pub fn insert_function(&mut self, function: Function) {
        self.functions.entry(function.name.clone()).or_default().push(Arc::new(function));
    }

    /// Adds the table that `table` makes for its place.
    pub fn insert_table(&mut self, table: impl FnOnce(TableId) -> Table) {
        let id = TableId(self.tables.len());
        let table = table(id);
        self.by_name.insert(table.name.clone(), id);
        self.by_oid.insert(table.oid, id);
        self.tables.push(Arc::new(table));
    }
}
