//! What an access token says about its bearer: roles and session variables, read from the claims under a namespace
//! or from wherever a map of claims says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::TokenError;
use super::rules::{Mapped, Rules};
use crate::ids::UserId;

const ALLOWED_ROLES: &str = "x-hasura-allowed-roles";
const DEFAULT_ROLE: &str = "x-hasura-default-role";

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whom it is for.
    pub user_id: Option<UserId>,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
    /// The roles that its bearer may act in.
    pub allowed_roles: Vec<String>,
    /// The role when none is asked for.
    pub default_role: String,
    /// The other session variables, by lower-case name (`x-hasura-user-id`).
    pub variables: BTreeMap<String, String>,
}

/// The claims of a payload, by lower-case name.
pub(super) fn of(payload: &Map<String, Value>, rules: &Rules) -> Result<BTreeMap<String, Value>, TokenError> {
    let payload = Value::Object(payload.clone());
    if let Some(map) = &rules.map {
        let mapped = map.iter().filter_map(|(name, from)| Some((name.clone(), from.value(&payload)?)));
        return Ok(mapped.collect());
    }
    let found = rules.namespace.find(&payload).ok_or(TokenError::Claims)?;
    let parsed: Value;
    let found = match found {
        Value::String(text) if rules.stringified => {
            parsed = serde_json::from_str(text).map_err(|_| TokenError::Claims)?;
            &parsed
        }
        found => found,
    };
    let claims = found.as_object().ok_or(TokenError::Claims)?;
    Ok(claims.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect())
}

impl Mapped {
    fn value(&self, payload: &Value) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Path(path, default) => path.find(payload).or(default.as_ref()).cloned(),
        }
    }
}

/// The roles and session variables among claims. What is no text and no list of roles is left out.
pub(super) fn read(
    claims: BTreeMap<String, Value>,
    subject: Option<&str>,
    expires_at: i64,
) -> Result<AccessClaims, TokenError> {
    let mut allowed_roles = Vec::new();
    let mut default_role = None;
    let mut variables = BTreeMap::new();
    for (name, value) in claims {
        match (name.as_str(), value) {
            (ALLOWED_ROLES, Value::Array(roles)) => {
                allowed_roles = roles.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            }
            (DEFAULT_ROLE, Value::String(role)) => default_role = Some(role),
            (name, Value::String(text)) if name.starts_with("x-hasura-") => {
                variables.insert(name.to_owned(), text);
            }
            _ => {}
        }
    }
    let default_role = default_role.ok_or(TokenError::Claims)?;
    if !allowed_roles.contains(&default_role) {
        return Err(TokenError::Claims);
    }
    let user_id = subject.and_then(|text| text.parse().ok());
    Ok(AccessClaims { user_id, expires_at, allowed_roles, default_role, variables })
}
