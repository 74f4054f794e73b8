//! A tracked table: names, relationships, permissions.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::permission::{
    DeletePermission, InsertPermission, RolePermission, SelectPermission, UpdatePermission,
};
use crate::catalog::QualifiedName;

/// A tracked table or view.
#[derive(Clone, Debug, Deserialize)]
pub struct TableMetadata {
    /// Which one.
    #[serde(deserialize_with = "name_or_qualified")]
    pub table: QualifiedName,
    /// Whether its rows are the values of an enum.
    #[serde(default)]
    pub is_enum: bool,
    /// Its names in the API.
    #[serde(default)]
    pub configuration: TableConfiguration,
    /// Relationships to one row.
    #[serde(default)]
    pub object_relationships: Vec<RelationshipMetadata>,
    /// Relationships to many rows.
    #[serde(default)]
    pub array_relationships: Vec<RelationshipMetadata>,
    /// Fields that functions make of each row.
    #[serde(default)]
    pub computed_fields: Vec<ComputedFieldMetadata>,
    /// Who may read.
    #[serde(default)]
    pub select_permissions: Vec<RolePermission<SelectPermission>>,
    /// Who may insert.
    #[serde(default)]
    pub insert_permissions: Vec<RolePermission<InsertPermission>>,
    /// Who may update.
    #[serde(default)]
    pub update_permissions: Vec<RolePermission<UpdatePermission>>,
    /// Who may delete.
    #[serde(default)]
    pub delete_permissions: Vec<RolePermission<DeletePermission>>,
    /// What else it says.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// The names of a table in the API.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TableConfiguration {
    /// Instead of the table's own name.
    pub custom_name: Option<String>,
    /// Names of single root fields.
    #[serde(default)]
    pub custom_root_fields: CustomRootFields,
    /// Names of columns.
    #[serde(default)]
    pub column_config: BTreeMap<String, ColumnConfig>,
    /// Names of columns, in the older form.
    #[serde(default)]
    pub custom_column_names: BTreeMap<String, String>,
}

/// How a column shows.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ColumnConfig {
    /// Its name in the API.
    pub custom_name: Option<String>,
    /// Its description in the API.
    pub comment: Option<String>,
}

/// The names of root fields, where they differ from the ones made of the table's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the root field that it is named for")]
pub struct CustomRootFields {
    pub select: Option<RootFieldName>,
    pub select_by_pk: Option<RootFieldName>,
    pub select_aggregate: Option<RootFieldName>,
    pub select_stream: Option<RootFieldName>,
    pub insert: Option<RootFieldName>,
    pub insert_one: Option<RootFieldName>,
    pub update: Option<RootFieldName>,
    pub update_by_pk: Option<RootFieldName>,
    pub update_many: Option<RootFieldName>,
    pub delete: Option<RootFieldName>,
    pub delete_by_pk: Option<RootFieldName>,
}

/// A root field's name: plain, or with a comment beside it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum RootFieldName {
    /// The name.
    Plain(String),
    /// The name and a comment.
    Commented {
        /// The name.
        name: Option<String>,
    },
}

impl RootFieldName {
    /// The name, where one is given.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Plain(name) => Some(name),
            Self::Commented { name } => name.as_deref(),
        }
    }
}

/// A field that a function makes of each row.
#[derive(Clone, Debug, Deserialize)]
pub struct ComputedFieldMetadata {
    /// Its name.
    pub name: String,
    /// The function.
    pub definition: ComputedFieldDefinition,
    /// Its description in the API.
    pub comment: Option<String>,
}

/// The function of a computed field.
#[derive(Clone, Debug, Deserialize)]
pub struct ComputedFieldDefinition {
    /// Which one.
    #[serde(deserialize_with = "name_or_qualified")]
    pub function: QualifiedName,
    /// The argument that takes the row; the first where nothing is said.
    pub table_argument: Option<String>,
    /// The argument that takes the session as JSON and does not show.
    pub session_argument: Option<String>,
}

/// A relationship of a table.
#[derive(Clone, Debug, Deserialize)]
pub struct RelationshipMetadata {
    /// Its field's name.
    pub name: String,
    /// What joins the two tables.
    pub using: Using,
}

/// What joins two tables.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Using {
    /// A foreign key: of this table's column or columns, or of another table's.
    ForeignKeyConstraintOn(ForeignKeyOn),
    /// A mapping written down.
    ManualConfiguration(ManualConfiguration),
}

/// Which foreign key.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ForeignKeyOn {
    /// This table's column.
    OwnColumn(String),
    /// This table's columns.
    OwnColumns(Vec<String>),
    /// Another table's column.
    OtherColumn {
        /// That table.
        #[serde(deserialize_with = "name_or_qualified")]
        table: QualifiedName,
        /// Its column.
        column: String,
    },
    /// Another table's columns.
    OtherColumns {
        /// That table.
        #[serde(deserialize_with = "name_or_qualified")]
        table: QualifiedName,
        /// Its columns.
        columns: Vec<String>,
    },
}

/// A mapping of columns.
#[derive(Clone, Debug, Deserialize)]
pub struct ManualConfiguration {
    /// The other table.
    #[serde(deserialize_with = "name_or_qualified")]
    pub remote_table: QualifiedName,
    /// This table's column to the other's.
    pub column_mapping: BTreeMap<String, String>,
}

/// Reads `"name"` (in schema `public`) or `{schema, name}`.
pub(super) fn name_or_qualified<'de, D: Deserializer<'de>>(input: D) -> Result<QualifiedName, D::Error> {
    match Value::deserialize(input)? {
        Value::String(name) => Ok(QualifiedName { schema: "public".to_owned(), name }),
        other => serde_json::from_value(other).map_err(D::Error::custom),
    }
}
