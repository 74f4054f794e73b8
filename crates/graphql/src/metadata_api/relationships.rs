//! Commands about relationships.

use serde_json::{Map, Value as Json};

use super::draft::success;
use super::tables::{list, shown, table};
use super::{ApiError, Command};
use crate::metadata::Document;

const LISTS: [&str; 2] = ["object_relationships", "array_relationships"];

/// Carries out a command about relationships; `None` for a command that is none of them.
pub(super) fn edit(document: &mut Document, command: &Command) -> Option<Result<Json, ApiError>> {
    Some(match command.name() {
        "create_object_relationship" => create(document, command, "object_relationships"),
        "create_array_relationship" => create(document, command, "array_relationships"),
        "drop_relationship" => change(document, command, "relationship", |_| Change::Drop),
        "rename_relationship" => rename(document, command),
        "set_relationship_comment" => change(document, command, "name", |item| {
            set_or_take(item, "comment", command.args.get("comment"));
            Change::Keep
        }),
        _ => return None,
    })
}

enum Change {
    Keep,
    Drop,
}

fn create(document: &mut Document, command: &Command, key: &str) -> Result<Json, ApiError> {
    let name = command.text("name")?.to_owned();
    let (entry, table) = table(document, command)?;
    for other in LISTS {
        if list(entry, other)?.iter().any(|item| item.get("name").and_then(Json::as_str) == Some(&name)) {
            let error = format!("field with name {name:?} already exists in table {:?}", shown(&table));
            return Err(ApiError::new("already-exists", error));
        }
    }
    let mut item = Map::new();
    for key in ["name", "using", "comment"] {
        if let Some(value) = command.args.get(key) {
            item.insert(key.to_owned(), value.clone());
        }
    }
    list(entry, key)?.push(Json::Object(item));
    Ok(success())
}

fn rename(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let new = command.text("new_name")?.to_owned();
    change(document, command, "name", |item| {
        item.insert("name".to_owned(), Json::from(new.as_str()));
        Change::Keep
    })
}

/// Changes the relationship that the argument `key` names.
fn change(
    document: &mut Document,
    command: &Command,
    key: &str,
    mut change: impl FnMut(&mut Map<String, Json>) -> Change,
) -> Result<Json, ApiError> {
    let name = command.text(key)?.to_owned();
    let (entry, table) = table(document, command)?;
    for key in LISTS {
        let items = list(entry, key)?;
        let Some(at) = items.iter().position(|item| item.get("name").and_then(Json::as_str) == Some(&name))
        else {
            continue;
        };
        if let Some(Change::Drop) = items.get_mut(at).and_then(Json::as_object_mut).map(&mut change) {
            items.remove(at);
        }
        return Ok(success());
    }
    let error = format!("relationship {name:?} does not exist in table {:?}", shown(&table));
    Err(ApiError::new("not-exists", error))
}

fn set_or_take(item: &mut Map<String, Json>, key: &str, value: Option<&Json>) {
    match value.filter(|value| !value.is_null()) {
        Some(value) => item.insert(key.to_owned(), value.clone()),
        None => item.shift_remove(key),
    };
}
