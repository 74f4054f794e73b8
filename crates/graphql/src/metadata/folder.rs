//! Reads the metadata folder that Hasura's command line writes: `databases/databases.yaml`, from which
//! `"!include file"` strings lead to the rest, and `inherited_roles.yaml`.
//!
//! Invariant: never reads outside the folder, and an include chain ends.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::{Document, Metadata};

/// How deep includes may lead.
const MAX_INCLUDE_DEPTH: usize = 8;

/// The files beside the databases, and the keys of the document under which they stand. A file without a key holds
/// several.
const PARTS: [(&str, &str); 13] = [
    ("remote_schemas.yaml", "remote_schemas"),
    ("query_collections.yaml", "query_collections"),
    ("allow_list.yaml", "allowlist"),
    ("actions.yaml", ""),
    ("cron_triggers.yaml", "cron_triggers"),
    ("rest_endpoints.yaml", "rest_endpoints"),
    ("api_limits.yaml", "api_limits"),
    ("graphql_schema_introspection.yaml", "graphql_schema_introspection"),
    ("inherited_roles.yaml", "inherited_roles"),
    ("network.yaml", "network"),
    ("backend_configs.yaml", "backend_configs"),
    ("metrics_config.yaml", "metrics_config"),
    ("opentelemetry.yaml", "opentelemetry"),
];

/// What is wrong with a metadata folder.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// A file is not there or cannot be read.
    #[error("metadata file {path}: {reason}")]
    ReadFile {
        /// Which file, inside the folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file is no YAML, or not of the form that it must have.
    #[error("metadata file {path}: {reason}")]
    ParseFile {
        /// Which file, inside the folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// A document is not of the form that it must have.
    #[error("metadata: {reason}")]
    ParseDocument {
        /// Why.
        reason: String,
    },
    /// The folder names no PostgreSQL database.
    #[error("metadata: databases/databases.yaml names no database")]
    NoDatabase,
}

/// The files of a metadata folder by their path in it: on disk, or inside the binary.
pub struct MetadataFolder {
    files: BTreeMap<PathBuf, String>,
}

impl MetadataFolder {
    /// A folder of files that are in memory already, as (path, text).
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (PathBuf::from(path), text.to_owned())).collect() }
    }

    /// Reads all `.yaml` files below `root`.
    pub fn read(root: &Path) -> Result<Self, MetadataError> {
        let mut files = BTreeMap::new();
        read_below(root, Path::new(""), &mut files, 0)?;
        Ok(Self { files })
    }

    /// The metadata of the first database in the folder.
    pub fn metadata(&self) -> Result<Metadata, MetadataError> {
        self.document()?.metadata()
    }

    /// The whole folder as one document.
    pub fn document(&self) -> Result<Document, MetadataError> {
        let Value::Array(sources) = self.load(Path::new("databases/databases.yaml"), 0)? else {
            return Err(MetadataError::NoDatabase);
        };
        if sources.is_empty() {
            return Err(MetadataError::NoDatabase);
        }
        let mut document = Map::new();
        document.insert("version".to_owned(), Value::from(3));
        document.insert("sources".to_owned(), Value::Array(sources));
        for (file, key) in PARTS {
            let path = Path::new(file);
            if self.files.contains_key(path) {
                add_part(&mut document, key, self.load(path, 0)?);
            }
        }
        Document::new(Value::Object(document))
    }

    fn load(&self, path: &Path, depth: usize) -> Result<Value, MetadataError> {
        let text = self.files.get(path).ok_or_else(|| read_error(path, "no such file"))?;
        let value: Value = serde_saphyr::from_str(text).map_err(|error| parse_error(path, &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        self.include(value, folder, depth)
    }

    fn include(&self, value: Value, folder: &Path, depth: usize) -> Result<Value, MetadataError> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix("!include ") {
                Some(target) => {
                    let path = normalize(&folder.join(target.trim()));
                    if depth == MAX_INCLUDE_DEPTH {
                        return Err(read_error(&path, "includes lead too deep"));
                    }
                    self.load(&path, depth + 1)?
                }
                None => Value::String(text),
            },
            Value::Array(items) => Value::Array(
                items.into_iter().map(|item| self.include(item, folder, depth)).collect::<Result<_, _>>()?,
            ),
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .map(|(key, item)| Ok((key, self.include(item, folder, depth)?)))
                    .collect::<Result<_, MetadataError>>()?,
            ),
            other => other,
        })
    }
}

/// Adds what a file says, if it says anything.
fn add_part(document: &mut Map<String, Value>, key: &str, value: Value) {
    match value {
        Value::Object(keys) if key.is_empty() => {
            for (key, value) in keys {
                add_part(document, &key, value);
            }
        }
        Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        Value::Object(map) if map.values().all(is_empty) => {}
        value => {
            document.insert(key.to_owned(), value);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn read_below(
    root: &Path,
    inside: &Path,
    files: &mut BTreeMap<PathBuf, String>,
    depth: usize,
) -> Result<(), MetadataError> {
    let entries =
        std::fs::read_dir(root.join(inside)).map_err(|error| read_error(inside, &error.to_string()))?;
    for entry in entries {
        let entry = entry.map_err(|error| read_error(inside, &error.to_string()))?;
        let path = inside.join(entry.file_name());
        if entry.path().is_dir() && depth < MAX_INCLUDE_DEPTH {
            read_below(root, &path, files, depth + 1)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(entry.path())
                .map_err(|error| read_error(&path, &error.to_string()))?;
            files.insert(path, text);
        }
    }
    Ok(())
}

/// The path without `.` and `..`; a `..` beyond the folder leads nowhere.
fn normalize(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name),
            _ => {}
        }
    }
    out
}

fn read_error(path: &Path, reason: &str) -> MetadataError {
    MetadataError::ReadFile { path: path.display().to_string(), reason: reason.to_owned() }
}

fn parse_error(path: &Path, error: &dyn std::fmt::Display) -> MetadataError {
    MetadataError::ParseFile { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_lead_to_tables() {
        let folder = MetadataFolder::from_files([
            (
                "databases/databases.yaml",
                "- name: default\n  tables: \"!include default/tables/tables.yaml\"\n",
            ),
            ("databases/default/tables/tables.yaml", "- \"!include public_chats.yaml\"\n"),
            (
                "databases/default/tables/public_chats.yaml",
                "table:\n  name: chats\n  schema: public\nselect_permissions:\n  - role: user\n    permission:\n      columns: '*'\n      filter: {}\n",
            ),
        ]);
        let metadata = folder.metadata().unwrap();
        assert_eq!(metadata.tables.len(), 1);
        assert_eq!(metadata.tables[0].table.to_string(), "public.chats");
        assert!(metadata.tables[0].select_permissions[0].permission.columns.contains("anything"));
    }

    #[test]
    fn the_files_beside_the_databases_are_read() {
        let folder = MetadataFolder::from_files([
            ("databases/databases.yaml", "- name: default\n  tables: []\n"),
            ("allow_list.yaml", "- collection: c\n  scope:\n    global: false\n    roles: [user]\n"),
            ("api_limits.yaml", "depth_limit:\n  global: 5\n  per_role:\n    user: 3\n"),
            ("graphql_schema_introspection.yaml", "disabled_for_roles: [public]\n"),
            (
                "query_collections.yaml",
                "- name: c\n  definition:\n    queries:\n    - name: q\n      query: '{ a }'\n",
            ),
            ("actions.yaml", "actions: []\ncustom_types:\n  enums: []\n"),
            ("network.yaml", "{}"),
        ]);
        let metadata = folder.metadata().unwrap();
        assert_eq!(metadata.api_limits.depth_limit.as_ref().and_then(|limit| limit.of("user")), Some(3));
        assert_eq!(metadata.api_limits.depth_limit.and_then(|limit| limit.of("public")), Some(5));
        assert_eq!(metadata.introspection.disabled_for_roles, ["public"]);
        assert_eq!(metadata.query_collections[0].definition.queries[0].query, "{ a }");
        assert!(!metadata.allow_list[0].scope.global);
        let json = metadata.document.to_json();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "version",
                "sources",
                "query_collections",
                "allowlist",
                "api_limits",
                "graphql_schema_introspection"
            ]
        );
    }

    #[test]
    fn a_missing_or_endless_include_is_an_error() {
        let missing =
            MetadataFolder::from_files([("databases/databases.yaml", "\"!include ../../etc/passwd\"")]);
        assert!(matches!(missing.metadata(), Err(MetadataError::ReadFile { .. })));
        let endless =
            MetadataFolder::from_files([("databases/databases.yaml", "\"!include databases.yaml\"")]);
        assert!(matches!(endless.metadata(), Err(MetadataError::ReadFile { .. })));
    }
}
