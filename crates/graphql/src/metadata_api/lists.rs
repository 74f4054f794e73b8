//! Commands about what stands beside the sources: inherited roles, collections of documents, the allow list,
//! limits, introspection.

use serde_json::{Value as Json, json};

use super::draft::success;
use super::{ApiError, Command};
use crate::metadata::{Document, list_in};

/// Carries out a command about one of the lists; `None` for a command that is none of them.
pub(super) fn edit(document: &mut Document, command: &Command) -> Option<Result<Json, ApiError>> {
    Some(match command.name() {
        "add_inherited_role" => {
            add(document, command, "inherited_roles", "role_name", &["role_name", "role_set"])
        }
        "drop_inherited_role" => drop(document, command, "inherited_roles", "role_name", "role_name"),
        "create_query_collection" => {
            add(document, command, "query_collections", "name", &["name", "definition", "comment"])
        }
        "drop_query_collection" => drop_collection(document, command),
        "add_query_to_collection" => add_query(document, command),
        "drop_query_from_collection" => drop_query(document, command),
        "add_collection_to_allowlist" => {
            add(document, command, "allowlist", "collection", &["collection", "scope"])
        }
        "update_scope_of_collection_in_allowlist" => rescope(document, command),
        "drop_collection_from_allowlist" => drop(document, command, "allowlist", "collection", "collection"),
        "set_api_limits" => {
            document.set("api_limits", Some(command.args.clone()));
            Ok(success())
        }
        "remove_api_limits" => {
            document.set("api_limits", None);
            Ok(success())
        }
        "set_graphql_schema_introspection_options" => {
            document.set("graphql_schema_introspection", Some(command.args.clone()));
            Ok(success())
        }
        _ => return None,
    })
}

fn list<'a>(document: &'a mut Document, key: &str) -> Result<&'a mut Vec<Json>, ApiError> {
    document.list_mut(key).ok_or_else(|| ApiError::new("parse-failed", format!("{key:?} is no list")))
}

fn position(items: &[Json], key: &str, name: &str) -> Option<usize> {
    items.iter().position(|item| item.get(key).and_then(Json::as_str) == Some(name))
}

fn missing(what: &str, name: &str) -> ApiError {
    ApiError::new("not-exists", format!("{name:?} does not exist among the {what}"))
}

/// Adds an item made of some of the arguments, known by `key`.
fn add(
    document: &mut Document,
    command: &Command,
    list_key: &str,
    key: &str,
    parts: &[&str],
) -> Result<Json, ApiError> {
    let name = command.text(key)?;
    let items = list(document, list_key)?;
    if position(items, key, name).is_some() {
        return Err(ApiError::new("already-exists", format!("{name:?} already exists among the {list_key}")));
    }
    let parts = parts.iter().filter_map(|part| Some(((*part).to_owned(), command.args.get(*part)?.clone())));
    items.push(Json::Object(parts.collect()));
    Ok(success())
}

fn drop(
    document: &mut Document,
    command: &Command,
    list_key: &str,
    key: &str,
    argument: &str,
) -> Result<Json, ApiError> {
    let name = command.text(argument)?;
    let items = list(document, list_key)?;
    let at = position(items, key, name).ok_or_else(|| missing(list_key, name))?;
    items.remove(at);
    Ok(success())
}

fn drop_collection(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let name = command.text("collection")?;
    let allowed = list(document, "allowlist")?;
    if let Some(at) = position(allowed, "collection", name) {
        if !command.is_on("cascade") {
            let error = format!("query collection {name:?} is in the allowlist, and cannot be dropped");
            return Err(ApiError::new("dependency-error", error));
        }
        allowed.remove(at);
    }
    drop(document, command, "query_collections", "name", "collection")
}

/// The documents of the collection that the command names.
fn queries<'a>(document: &'a mut Document, command: &Command) -> Result<&'a mut Vec<Json>, ApiError> {
    let name = command.text("collection_name")?;
    let collections = list(document, "query_collections")?;
    let at = position(collections, "name", name).ok_or_else(|| missing("query collections", name))?;
    let collection = collections.get_mut(at).and_then(Json::as_object_mut);
    let definition = collection.and_then(|collection| {
        collection.entry("definition").or_insert_with(|| json!({"queries": []})).as_object_mut()
    });
    definition
        .and_then(|definition| list_in(definition, "queries"))
        .ok_or_else(|| ApiError::new("parse-failed", "the collection's definition is no object"))
}

fn add_query(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let (name, query) = (command.text("query_name")?, command.text("query")?);
    let queries = queries(document, command)?;
    if position(queries, "name", name).is_some() {
        return Err(ApiError::new(
            "already-exists",
            format!("query {name:?} already exists in the collection"),
        ));
    }
    queries.push(json!({"name": name, "query": query}));
    Ok(success())
}

fn drop_query(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let name = command.text("query_name")?;
    let queries = queries(document, command)?;
    let at = position(queries, "name", name).ok_or_else(|| missing("queries of the collection", name))?;
    queries.remove(at);
    Ok(success())
}

fn rescope(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let name = command.text("collection")?;
    let allowed = list(document, "allowlist")?;
    let at = position(allowed, "collection", name).ok_or_else(|| missing("allowed collections", name))?;
    if let Some(item) = allowed.get_mut(at).and_then(Json::as_object_mut) {
        item.insert("scope".to_owned(), command.args.get("scope").cloned().unwrap_or_default());
    }
    Ok(success())
}
