//! Commands about functions.

use serde_json::{Map, Value as Json, json};

use super::draft::success;
use super::tables::{list, shown};
use super::{ApiError, Command};
use crate::catalog::{Catalog, QualifiedName};
use crate::metadata::{Document, name_in};

/// Tracks a function.
pub(super) fn track(document: &mut Document, catalog: &Catalog, command: &Command) -> Result<Json, ApiError> {
    let name = command.named("function")?;
    if catalog.functions_named(&name).is_empty() {
        let error = format!("no such function exists in source: {:?}", command.source());
        return Err(ApiError::new("not-exists", error));
    }
    if document.function_mut(command.source(), &name).is_some() {
        let error = format!("function already tracked: {:?}", shown(&name));
        return Err(ApiError::new("already-tracked", error));
    }
    let mut entry = Map::new();
    entry.insert("function".to_owned(), json!(name));
    for key in ["configuration", "permissions", "comment"] {
        if let Some(value) = command.args.get(key) {
            entry.insert(key.to_owned(), value.clone());
        }
    }
    let source = document.source_mut(command.source()).ok_or_else(|| {
        ApiError::new("not-exists", format!("source with name {:?} does not exist", command.source()))
    })?;
    list(source, "functions")?.push(Json::Object(entry));
    Ok(success())
}

/// The other commands about functions; `None` for a command that is none of them.
pub(super) fn edit(document: &mut Document, command: &Command) -> Option<Result<Json, ApiError>> {
    Some(match command.name() {
        "untrack_function" => untrack(document, command),
        "set_function_customization" => function(document, command).map(|(entry, _)| {
            let configuration = command.args.get("configuration").cloned().unwrap_or_default();
            entry.insert("configuration".to_owned(), configuration);
            success()
        }),
        "create_function_permission" => permit(document, command),
        "drop_function_permission" => forbid(document, command),
        _ => return None,
    })
}

fn function<'a>(
    document: &'a mut Document,
    command: &Command,
) -> Result<(&'a mut Map<String, Json>, QualifiedName), ApiError> {
    let name = command.named("function")?;
    let error = format!("function {:?} does not exist in source: {}", shown(&name), command.source());
    let entry = document.function_mut(command.source(), &name);
    Ok((entry.ok_or_else(|| ApiError::new("not-exists", error))?, name))
}

fn untrack(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let (_, name) = function(document, command)?;
    if let Some(source) = document.source_mut(command.source()) {
        list(source, "functions")?.retain(|entry| name_in(entry, "function").as_ref() != Some(&name));
    }
    Ok(success())
}

fn permit(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let role = command.text("role")?;
    let (entry, name) = function(document, command)?;
    let permissions = list(entry, "permissions")?;
    if permissions.iter().any(|permission| permission.get("role").and_then(Json::as_str) == Some(role)) {
        let error = format!("permission of role {role:?} already exists for function {:?}", shown(&name));
        return Err(ApiError::new("already-exists", error));
    }
    permissions.push(json!({"role": role}));
    Ok(success())
}

fn forbid(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let role = command.text("role")?;
    let (entry, name) = function(document, command)?;
    let permissions = list(entry, "permissions")?;
    let before = permissions.len();
    permissions.retain(|permission| permission.get("role").and_then(Json::as_str) != Some(role));
    if permissions.len() == before {
        let error = format!("permission of role {role:?} does not exist for function {:?}", shown(&name));
        return Err(ApiError::new("not-exists", error));
    }
    Ok(success())
}
