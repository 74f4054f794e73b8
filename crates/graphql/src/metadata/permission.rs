//! Permissions of a role on a table, as the metadata writes them. Filters and checks stay JSON here; the
//! schema reads them against the table's columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A permission, and whose it is.
#[derive(Clone, Debug, Deserialize)]
pub struct RolePermission<P> {
    /// The role.
    pub role: String,
    /// What it may.
    pub permission: P,
}

/// Which columns.
#[derive(Clone, Debug)]
pub enum Columns {
    /// All (`"*"`).
    All,
    /// These.
    Some(Vec<String>),
}

impl Default for Columns {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl PartialEq for Columns {
    /// Their order says nothing.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::Some(one), Self::Some(other)) => {
                one.iter().all(|name| other.contains(name)) && other.iter().all(|name| one.contains(name))
            }
            _ => false,
        }
    }
}

impl Columns {
    /// Whether `name` is among them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|other| other == name),
        }
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Star(String),
            List(Vec<String>),
        }
        Ok(match Form::deserialize(input)? {
            Form::Star(star) if star == "*" => Self::All,
            Form::Star(name) => Self::Some(vec![name]),
            Form::List(names) => Self::Some(names),
        })
    }
}

/// What a role may read.
#[derive(Clone, Debug, Deserialize)]
pub struct SelectPermission {
    /// Which columns.
    #[serde(default)]
    pub columns: Columns,
    /// Which computed values; those that are rows follow their own table's permissions.
    #[serde(default)]
    pub computed_fields: Columns,
    /// Which rows.
    #[serde(default)]
    pub filter: Value,
    /// How many rows at most.
    pub limit: Option<u64>,
    /// Whether it may count and sum.
    #[serde(default)]
    pub allow_aggregations: bool,
    /// Which root fields queries have; all where nothing is said.
    pub query_root_fields: Option<Vec<SelectRootField>>,
    /// Which root fields subscriptions have; all where nothing is said.
    pub subscription_root_fields: Option<Vec<SelectRootField>>,
}

/// A root field that reads a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectRootField {
    /// Rows.
    Select,
    /// One row by its primary key.
    SelectByPk,
    /// Rows, counted and summed.
    SelectAggregate,
    /// The rows behind a cursor.
    SelectStream,
}

/// What a role may insert.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct InsertPermission {
    /// What must hold of the new row.
    #[serde(default)]
    pub check: Value,
    /// Which columns it may give; all where nothing is said.
    #[serde(default = "all_columns")]
    pub columns: Columns,
    /// Columns that are set for it.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// Whether only callers with the admin secret may.
    #[serde(default)]
    pub backend_only: bool,
}

/// What a role may update.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct UpdatePermission {
    /// Which columns.
    #[serde(default)]
    pub columns: Columns,
    /// Which rows.
    #[serde(default)]
    pub filter: Value,
    /// What must hold of the changed row; the filter where nothing is said does not count.
    pub check: Option<Value>,
    /// Columns that are set for it.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// Whether only callers with the admin secret may.
    #[serde(default)]
    pub backend_only: bool,
}

/// What a role may delete.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DeletePermission {
    /// Which rows.
    #[serde(default)]
    pub filter: Value,
    /// Whether only callers with the admin secret may.
    #[serde(default)]
    pub backend_only: bool,
}

fn all_columns() -> Columns {
    Columns::All
}
