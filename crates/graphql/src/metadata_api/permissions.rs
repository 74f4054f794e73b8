//! Commands about permissions on tables.

use serde_json::{Map, Value as Json};

use super::draft::success;
use super::tables::{list, shown, table};
use super::{ApiError, Command};
use crate::metadata::Document;

/// Carries out a command about permissions; `None` for a command that is none of them.
pub(super) fn edit(document: &mut Document, command: &Command) -> Option<Result<Json, ApiError>> {
    if command.name() == "set_permission_comment" {
        return Some(comment(document, command));
    }
    let (verb, rest) = command.name().split_once('_')?;
    let kind = rest.strip_suffix("_permission")?;
    if !matches!(kind, "select" | "insert" | "update" | "delete") {
        return None;
    }
    match verb {
        "create" => Some(create(document, command, kind)),
        "drop" => Some(drop(document, command, kind)),
        _ => None,
    }
}

fn create(document: &mut Document, command: &Command, kind: &str) -> Result<Json, ApiError> {
    let role = command.text("role")?.to_owned();
    if role == base::session::ADMIN_ROLE {
        return Err(ApiError::new("not-supported", "permission for the role admin cannot be changed"));
    }
    let (entry, table) = table(document, command)?;
    let permissions = list(entry, &format!("{kind}_permissions"))?;
    if permissions.iter().any(|permission| is_of(permission, &role)) {
        let error =
            format!("{kind} permission already defined on table {:?} with role {role:?}", shown(&table));
        return Err(ApiError::new("already-exists", error));
    }
    let mut permission = Map::new();
    permission.insert("role".to_owned(), Json::from(role));
    permission.insert("permission".to_owned(), command.args.get("permission").cloned().unwrap_or_default());
    if let Some(comment) = command.args.get("comment") {
        permission.insert("comment".to_owned(), comment.clone());
    }
    permissions.push(Json::Object(permission));
    Ok(success())
}

fn drop(document: &mut Document, command: &Command, kind: &str) -> Result<Json, ApiError> {
    let role = command.text("role")?.to_owned();
    let (entry, table) = table(document, command)?;
    let permissions = list(entry, &format!("{kind}_permissions"))?;
    let before = permissions.len();
    permissions.retain(|permission| !is_of(permission, &role));
    if permissions.len() == before {
        return Err(missing(kind, &shown(&table), &role));
    }
    Ok(success())
}

fn comment(document: &mut Document, command: &Command) -> Result<Json, ApiError> {
    let (role, kind) = (command.text("role")?.to_owned(), command.text("type")?.to_owned());
    let (entry, table) = table(document, command)?;
    let permissions = list(entry, &format!("{kind}_permissions"))?;
    let permission = permissions.iter_mut().find(|permission| is_of(permission, &role));
    let Some(permission) = permission.and_then(Json::as_object_mut) else {
        return Err(missing(&kind, &shown(&table), &role));
    };
    match command.args.get("comment").filter(|comment| !comment.is_null()) {
        Some(comment) => permission.insert("comment".to_owned(), comment.clone()),
        None => permission.shift_remove("comment"),
    };
    Ok(success())
}

fn is_of(permission: &Json, role: &str) -> bool {
    permission.get("role").and_then(Json::as_str) == Some(role)
}

fn missing(kind: &str, table: &str, role: &str) -> ApiError {
    ApiError::new(
        "permission-denied",
        format!("{kind} permission on {table:?} for role {role:?} does not exist"),
    )
}
