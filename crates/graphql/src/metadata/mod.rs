//! Hasura's metadata (version 3): which tables and functions are tracked, under which names, and who may do
//! what with them. Plain data as the files say it; nothing here knows whether the database agrees.
//!
//! Next: [`crate::schema`] joins it with the catalog.

mod access;
mod document;
mod folder;
mod permission;
mod table;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub use access::{
    AllowedCollection, AllowedScope, ApiLimits, CollectedQuery, CollectionDefinition, IntrospectionMetadata,
    Limit, QueryCollection, RateRule, UniqueParams,
};
pub use document::{DEFAULT_SOURCE, Document, list_in, name_in};
pub use folder::{MetadataError, MetadataFolder};
pub use permission::{
    Columns, DeletePermission, InsertPermission, RolePermission, SelectPermission, SelectRootField,
    UpdatePermission,
};
pub use table::{
    ColumnConfig, ComputedFieldDefinition, ComputedFieldMetadata, CustomRootFields, ForeignKeyOn,
    ManualConfiguration, RelationshipMetadata, RootFieldName, TableConfiguration, TableMetadata, Using,
};

use crate::catalog::QualifiedName;

/// The metadata of one database.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Metadata {
    /// The tracked tables and views.
    #[serde(default)]
    pub tables: Vec<TableMetadata>,
    /// The tracked functions.
    #[serde(default)]
    pub functions: Vec<FunctionMetadata>,
    /// The roles that inherit from others.
    #[serde(default)]
    pub inherited_roles: Vec<InheritedRole>,
    /// Collections of documents.
    #[serde(default)]
    pub query_collections: Vec<QueryCollection>,
    /// The collections that are allowed, where only those are.
    #[serde(default, rename = "allowlist")]
    pub allow_list: Vec<AllowedCollection>,
    /// Limits of requests.
    #[serde(default)]
    pub api_limits: ApiLimits,
    /// For whom introspection is closed.
    #[serde(default, rename = "graphql_schema_introspection")]
    pub introspection: IntrospectionMetadata,
    /// What else it says.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
    /// All of it, as it is exported.
    #[serde(skip)]
    pub document: Document,
}

/// A role that inherits from others.
#[derive(Clone, Debug, Deserialize)]
pub struct InheritedRole {
    /// The role.
    pub role_name: String,
    /// Those from which it inherits.
    pub role_set: Vec<String>,
}

/// A tracked function.
#[derive(Clone, Debug, Deserialize)]
pub struct FunctionMetadata {
    /// Which one.
    #[serde(deserialize_with = "table::name_or_qualified")]
    pub function: QualifiedName,
    /// How it shows.
    #[serde(default)]
    pub configuration: FunctionConfiguration,
    /// The roles that may call it, beside what the permissions of its table give.
    #[serde(default)]
    pub permissions: Vec<FunctionPermission>,
}

/// How a function shows in the API.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FunctionConfiguration {
    /// The argument that takes the session as JSON and does not show.
    pub session_argument: Option<String>,
    /// Where it shows: as a query or as a mutation; by default as its volatility says.
    pub exposed_as: Option<ExposedAs>,
    /// The name of its root field.
    pub custom_name: Option<String>,
}

/// Where a function shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExposedAs {
    /// Among the queries.
    Query,
    /// Among the mutations.
    Mutation,
}

/// A role that may call a function.
#[derive(Clone, Debug, Deserialize)]
pub struct FunctionPermission {
    /// The role.
    pub role: String,
}
