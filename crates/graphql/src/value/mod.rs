//! Values on their way from a request into a statement: where they come from ([`Source`]), how a JSON value
//! becomes the text that PostgreSQL reads ([`text`]), and a request's variables ([`variables`]).

pub mod text;
pub mod variables;

use serde_json::Value as Json;

pub use variables::{VariablePath, Variables};

use crate::catalog::{PgType, TypeKind};
use std::sync::Arc;

/// Where a value comes from when a plan is run.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// It stands in the document or in the metadata, as text for PostgreSQL; `None` is null.
    Constant(Option<String>),
    /// A session variable, by its lower-case name.
    Session(String),
    /// The whole session, as a JSON object.
    WholeSession,
    /// A part of a variable of the request.
    Variable {
        /// Which part.
        path: VariablePath,
        /// Where it stands in the request, for errors.
        at: String,
    },
    /// The transactions that woke a live query, as a list of `xid8`.
    WokenBy,
    /// Where a stream stands: the value of its cursor column in the last row sent, or that of a column that orders
    /// rows whose cursors are equal.
    Position(usize),
    /// The rows that were written, as a list of PostgreSQL's composite values.
    WrittenRows,
    /// How many rows were written.
    WrittenCount,
    /// A value of a row that was inserted before this one.
    Given(usize),
    /// A list whose elements come from different places.
    List(Vec<Source>),
    /// A JSON value with variables inside.
    Json(Template),
}

/// A JSON value with holes.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// A value without holes.
    Fixed(Json),
    /// What a variable holds.
    Hole(VariablePath),
    /// A list.
    List(Vec<Template>),
    /// An object.
    Object(Vec<(String, Template)>),
}

impl Template {
    /// The value with the holes filled; a variable that is not there is null.
    pub fn fill(&self, variables: &Variables) -> Json {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Hole(path) => variables.get(path).cloned().unwrap_or(Json::Null),
            Self::List(items) => items.iter().map(|item| item.fill(variables)).collect(),
            Self::Object(entries) => {
                entries.iter().map(|(key, item)| (key.clone(), item.fill(variables))).collect()
            }
        }
    }
}

/// The input type with what can be asked of values of type `ty`.
pub fn comparison_name(ty: &Arc<PgType>) -> String {
    match &ty.kind {
        TypeKind::Array(element) => format!("{}_array_comparison_exp", element.graphql_name()),
        _ => format!("{}_comparison_exp", ty.graphql_name()),
    }
}

/// What a client is told of a value: its type's name as GraphQL spells it, with `[…!]` for a list.
pub fn type_name(ty: &Arc<PgType>, list: bool) -> String {
    let element = match &ty.kind {
        TypeKind::Array(element) => format!("[{}!]", element.graphql_name()),
        _ => ty.graphql_name().to_owned(),
    };
    if list { format!("[{element}!]") } else { element }
}
