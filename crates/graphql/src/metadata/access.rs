//! The parts of the metadata that say how much of the API a role may use: limits, the allow list, introspection.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A named collection of documents (`query_collections`).
#[derive(Clone, Debug, Deserialize)]
pub struct QueryCollection {
    /// Its name.
    pub name: String,
    /// Its documents.
    pub definition: CollectionDefinition,
}

/// What a collection holds.
#[derive(Clone, Debug, Deserialize)]
pub struct CollectionDefinition {
    /// The documents.
    #[serde(default)]
    pub queries: Vec<CollectedQuery>,
}

/// A document of a collection.
#[derive(Clone, Debug, Deserialize)]
pub struct CollectedQuery {
    /// What it is called.
    pub name: String,
    /// Its text.
    pub query: String,
}

/// A collection whose documents are allowed (`allow_list`).
#[derive(Clone, Debug, Deserialize)]
pub struct AllowedCollection {
    /// The collection's name.
    pub collection: String,
    /// For whom; for everybody where nothing is said.
    #[serde(default)]
    pub scope: AllowedScope,
}

/// For whom a collection is allowed.
#[derive(Clone, Debug, Deserialize)]
pub struct AllowedScope {
    /// Whether it is for all roles.
    #[serde(default = "yes")]
    pub global: bool,
    /// The roles, where it is not.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Default for AllowedScope {
    fn default() -> Self {
        Self { global: true, roles: Vec::new() }
    }
}

fn yes() -> bool {
    true
}

/// Limits of requests (`api_limits`). They do not hold for the administrator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ApiLimits {
    /// Whether they are switched off.
    pub disabled: bool,
    /// How deep an operation's fields may nest.
    pub depth_limit: Option<Limit<usize>>,
    /// How many fields with a selection of their own an operation may have.
    pub node_limit: Option<Limit<usize>>,
    /// How many requests a batch may hold.
    pub batch_limit: Option<Limit<usize>>,
    /// How long a statement may run, in seconds.
    pub time_limit: Option<Limit<u64>>,
    /// How many requests there may be in a minute.
    pub rate_limit: Option<Limit<RateRule>>,
}

/// A limit for all roles, and what it is for single ones instead.
#[derive(Clone, Debug, Deserialize)]
pub struct Limit<T> {
    /// For all roles that are not named.
    pub global: Option<T>,
    /// For single roles.
    #[serde(default = "BTreeMap::new")]
    pub per_role: BTreeMap<String, T>,
}

impl<T: Clone> Limit<T> {
    /// The limit of a role.
    pub fn of(&self, role: &str) -> Option<T> {
        self.per_role.get(role).or(self.global.as_ref()).cloned()
    }
}

/// How often one may ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RateRule {
    /// The most requests in a minute.
    pub max_reqs_per_min: u32,
    /// Who is counted apart: everybody with other values of these session variables, or another address (`IP`).
    #[serde(default)]
    pub unique_params: Option<UniqueParams>,
}

/// By what callers are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum UniqueParams {
    /// `"IP"`, or one session variable.
    One(String),
    /// Session variables.
    Many(Vec<String>),
}

/// For whom introspection is closed (`graphql_schema_introspection`).
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IntrospectionMetadata {
    /// The roles.
    #[serde(default)]
    pub disabled_for_roles: Vec<String>,
}
