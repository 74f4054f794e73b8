//! A command as it comes: its type, its arguments, and the version of the metadata that it was meant for.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::ApiError;
use crate::catalog::QualifiedName;
use crate::metadata::{DEFAULT_SOURCE, name_in};

/// A command.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Command {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) args: Json,
    #[serde(default = "first_version")]
    pub(super) version: u64,
    #[serde(default)]
    pub(super) resource_version: Option<u64>,
}

fn first_version() -> u64 {
    1
}

impl Command {
    /// The type without the name of the database's kind, which there is one of.
    pub(super) fn name(&self) -> &str {
        let kind = self.kind.as_str();
        kind.strip_prefix("pg_").or_else(|| kind.strip_prefix("postgres_")).unwrap_or(kind)
    }

    /// The arguments as an object.
    pub(super) fn object(&self) -> Result<&Map<String, Json>, ApiError> {
        self.args.as_object().ok_or_else(|| ApiError::new("parse-failed", "expected an object"))
    }

    /// The arguments in a form of their own.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        T::deserialize(&self.args).map_err(|error| ApiError::new("parse-failed", error.to_string()))
    }

    /// A text among the arguments.
    pub(super) fn text(&self, key: &str) -> Result<&str, ApiError> {
        let text = self.object()?.get(key).and_then(Json::as_str);
        text.ok_or_else(|| ApiError::new("parse-failed", format!("key {key:?} not found, or no text")))
    }

    /// Whether a switch among the arguments is on.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.args.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    /// The source that the command is for.
    pub(super) fn source(&self) -> &str {
        self.args.get("source").and_then(Json::as_str).unwrap_or(DEFAULT_SOURCE)
    }

    /// The table, or other thing, that the command is for: under `key`, or the arguments are its name.
    pub(super) fn named(&self, key: &str) -> Result<QualifiedName, ApiError> {
        let wrapped;
        let holder = if self.args.get(key).is_some() {
            &self.args
        } else {
            wrapped = serde_json::json!({ key: self.args });
            &wrapped
        };
        name_in(holder, key)
            .ok_or_else(|| ApiError::new("parse-failed", format!("key {key:?} not found, or no name")))
    }
}
