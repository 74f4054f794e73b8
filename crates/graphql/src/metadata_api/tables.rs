//! Commands about tables: which are tracked, and under which names.

use serde_json::{Map, Value as Json, json};

use super::draft::success;
use super::{ApiError, Command};
use crate::catalog::{Catalog, QualifiedName};
use crate::metadata::{Document, list_in, name_in};

/// Tracks a table.
pub(super) fn track(document: &mut Document, catalog: &Catalog, command: &Command) -> Result<Json, ApiError> {
    let name = command.named("table")?;
    if catalog.table_named(&name).is_none() {
        let error = format!("no such table/view exists in source: {:?}", command.source());
        return Err(ApiError::new("not-exists", error));
    }
    let entries = entries(document, command)?;
    if entries.iter().any(|entry| name_in(entry, "table").as_ref() == Some(&name)) {
        let error = format!("view/table already tracked: {:?}", shown(&name));
        return Err(ApiError::new("already-tracked", error));
    }
    let mut entry = Map::new();
    entry.insert("table".to_owned(), json!(name));
    for key in ["configuration", "is_enum"] {
        if let Some(value) = command.args.get(key).filter(|_| command.args.get("table").is_some()) {
            entry.insert(key.to_owned(), value.clone());
        }
    }
    entries.push(Json::Object(entry));
    Ok(success())
}

/// The other commands about tables; `None` for a command that is none of them.
pub(super) fn edit(document: &mut Document, command: &Command) -> Option<Result<Json, ApiError>> {
    Some(match command.name() {
        "untrack_table" => untrack(document, command),
        "set_table_customization" => set(document, command, &[("configuration", "configuration")]),
        "set_table_custom_fields" => set_custom_fields(document, command),
        "set_table_is_enum" => set(document, command, &[("is_enum", "is_enum")]),
        "add_computed_field" => add_computed_field(document, command),
        "drop_computed_field" => command
            .text("name")
            .map(str::to_owned)
            .and_then(|name| drop_from(document, command, "computed_fields", "name", &name)),
        _ => return None,
    })
}

/// The entry of a tracked table, or an error that says that it is none.
pub(super) fn table<'a>(
    document: &'a mut Document,
    command: &Command,
) -> Result<(&'a mut Map<String, Json>, QualifiedName), ApiError> {
    let name = command.named("table")?;
    let source = command.source();
    let missing =
        ApiError::new("not-exists", format!("table {:?} does not exist in source: {source}", shown(&name)));
    Ok((document.table_mut(source, &name).ok_or(missing)?, name))
}

/// The list `key` of an entry.
pub(super) fn list<'a>(entry: &'a mut Map<String, Json>, key: &str) -> Result<&'a mut Vec<Json>, ApiError> {
    list_in(entry, key).ok_or_else(|| ApiError::new("parse-failed", format!("{key:?} is no list")))
}

/// Takes the item whose `key` is `value` away from a list of a table.
pub(super) fn drop_from(
    document: &mut Document,
    command: &Command,
    list_key: &str,
    key: &str,
    value: &str,
) -> Result<Json, ApiError> {
    let (entry, name) = table(document, command)?;
    let items = list(entry, list_key)?;
    let before = items.len();
    items.retain(|item| item.get(key).and_then(Json::as_str) != Some(value));
    if items.len() == before {
        let error =
            format!("{key} {value:?} does not exist among the {list_key} of table {:?}", shown(&name));
        return Err(ApiError::new("not-exists", error));
    }
    Ok(success())
}

/// A name as Hasura shows it: the schema `public` goes without saying.
pub(super) fn shown(name: &QualifiedName) -> String {
    if name.schema == "public" { name.name.clone() } else { name.to_string() }
}

fn entries<'a>(document: &'a mut Document, command: &Command) -> Result<&'a mut Vec<Json>, ApiError> {
    let source = document.source_mut(command.source());
    let source = source.ok_or_else(|| {
        let error = format!("source with name {:?} does not exist", command.source());
        ApiError::new("not-exists", error)
    })?;
    list(source, "tables")
}

fn untrack(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let name = command.named("table")?;
    let entries = entries(document, command)?;
    let before = entries.len();
    entries.retain(|entry| name_in(entry, "table").as_ref() != Some(&name));
    if entries.len() == before {
        let error = format!("view/table already untracked: {:?}", shown(&name));
        return Err(ApiError::new("already-untracked", error));
    }
    Ok(success())
}

/// Sets keys of a table's entry to arguments.
fn set(document: &mut Document, command: &Command, keys: &[(&str, &str)]) -> Result<Json, ApiError> {
    let (entry, _) = table(document, command)?;
    for (key, argument) in keys {
        match command.args.get(argument) {
            Some(value) => entry.insert((*key).to_owned(), value.clone()),
            None => entry.shift_remove(*key),
        };
    }
    Ok(success())
}

/// The older command: its arguments are the table's configuration.
fn set_custom_fields(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let (entry, _) = table(document, command)?;
    let mut configuration = command.object()?.clone();
    configuration.shift_remove("table");
    configuration.shift_remove("source");
    entry.insert("configuration".to_owned(), Json::Object(configuration));
    Ok(success())
}

fn add_computed_field(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let name = command.text("name")?.to_owned();
    let (entry, table) = table(document, command)?;
    let fields = list(entry, "computed_fields")?;
    if fields.iter().any(|field| field.get("name").and_then(Json::as_str) == Some(&name)) {
        let error = format!("computed field {name:?} already exists in table {:?}", shown(&table));
        return Err(ApiError::new("already-exists", error));
    }
    let definition = command.args.get("definition").cloned().unwrap_or_default();
    let mut field = json!({"name": name, "definition": definition});
    if let Some(comment) = command.args.get("comment") {
        field["comment"] = comment.clone();
    }
    fields.push(field);
    Ok(success())
}
