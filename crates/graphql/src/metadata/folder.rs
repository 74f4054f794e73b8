//! Reads the metadata folder that Hasura's command line writes: `databases/databases.yaml`, from which
//! `"!include file"` strings lead to the rest, and `inherited_roles.yaml`.
//!
//! Invariant: never reads outside the folder, and an include chain ends.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::Metadata;

/// How deep includes may lead.
const MAX_INCLUDE_DEPTH: usize = 8;

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
        let path = Path::new("databases/databases.yaml");
        let databases = self.load(path, 0)?;
        let Value::Array(mut databases) = databases else { return Err(MetadataError::NoDatabase) };
        if databases.is_empty() {
            return Err(MetadataError::NoDatabase);
        }
        let mut metadata: Metadata =
            serde_json::from_value(databases.swap_remove(0)).map_err(|error| parse_error(path, &error))?;
        let roles = Path::new("inherited_roles.yaml");
        if self.files.contains_key(roles) {
            let read = self.load(roles, 0)?;
            let read: Option<_> = serde_json::from_value(read).map_err(|error| parse_error(roles, &error))?;
            metadata.inherited_roles = read.unwrap_or_default();
        }
        Ok(metadata)
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
    fn a_missing_or_endless_include_is_an_error() {
        let missing =
            MetadataFolder::from_files([("databases/databases.yaml", "\"!include ../../etc/passwd\"")]);
        assert!(matches!(missing.metadata(), Err(MetadataError::ReadFile { .. })));
        let endless =
            MetadataFolder::from_files([("databases/databases.yaml", "\"!include databases.yaml\"")]);
        assert!(matches!(endless.metadata(), Err(MetadataError::ReadFile { .. })));
    }
}
