//! Claims of the project's own in access tokens (`AUTH_JWT_CUSTOM_CLAIMS`): names, and paths from the person's row into
//! the project's data, such as `profile.organisation.id` or `roles[*].role`, read anew for each token.
//!
//! Values as Nhost Auth writes them: text as it is, lists as PostgreSQL's literals, the rest as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::json_path::{JsonPath, Step};
use base::project::{GraphqlRequest, Project, fetch};
use base::session::Session;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::AuthError;

/// What no claim may take the place of.
const RESERVED: [&str; 5] = [
    "x-hasura-allowed-roles",
    "x-hasura-default-role",
    "x-hasura-user-id",
    "x-hasura-user-is-anonymous",
    "x-hasura-refresh-token-id",
];

/// The one column of the person's row that is JSON of any shape.
const METADATA: &str = "metadata";

/// The claims and the query that reads them.
pub(super) struct CustomClaims {
    project: Arc<dyn Project>,
    query: String,
    claims: Vec<(String, JsonPath)>,
}

#[derive(Deserialize)]
struct Answer {
    user: Option<Value>,
}

/// What is asked of an object, by name.
#[derive(Default)]
struct Selection(BTreeMap<String, Selection>);

impl CustomClaims {
    /// Reads the settings, and tries the query: one that the project refuses must not wait for the first sign-in.
    pub(super) async fn start(
        project: Arc<dyn Project>,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, AuthError> {
        let wrong = |name: &str, what: String| AuthError::CustomClaims(format!("{name}: {what}"));
        let mut selection = Selection::default();
        let mut claims = Vec::new();
        for (name, text) in settings {
            let claim = format!("x-hasura-{}", name.to_ascii_lowercase());
            if RESERVED.contains(&claim.as_str()) {
                return Err(wrong(name, "this claim is the server's own".to_owned()));
            }
            let path = JsonPath::parse(text).filter(|path| selection.add(path.steps()));
            let path = path.ok_or_else(|| wrong(name, format!("{text:?} is not a path")))?;
            claims.push((claim, path));
        }
        let query = format!("query claims($id: uuid!) {{ user(id: $id) {{ {} }} }}", selection.text());
        let custom = Self { project, query, claims };
        custom.of(Uuid::nil()).await.map_err(|error| wrong("the project refuses", error.to_string()))?;
        Ok(custom)
    }

    /// A person's claims.
    pub(super) async fn of(&self, user: Uuid) -> Result<BTreeMap<String, String>, AuthError> {
        let request = GraphqlRequest::new(&self.query, json!({ "id": user.to_string() }));
        let answer: Answer = fetch(&*self.project, &Session::admin(), request)
            .await
            .map_err(|error| AuthError::ReadClaims(error.to_string()))?;
        let person = answer.user.unwrap_or_default();
        let value = |path: &JsonPath| {
            let found = path.select(&person);
            if path.is_many() {
                list(&found)
            } else {
                found.first().map_or("null".to_owned(), |one| text(one))
            }
        };
        Ok(self.claims.iter().map(|(name, path)| (name.clone(), value(path))).collect())
    }
}

impl Selection {
    /// Adds a path; false where it is none that GraphQL can be asked by.
    fn add(&mut self, steps: &[Step]) -> bool {
        match steps {
            [] | [Step::Index(_) | Step::All, ..] => false,
            [Step::Key(key), rest @ ..] => {
                let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                    && !key.starts_with(|first: char| first.is_ascii_digit());
                let inner = self.0.entry(key.clone()).or_default();
                // What is in there is no affair of GraphQL's.
                is_name && (key == METADATA || inner.add_inner(rest))
            }
        }
    }

    fn add_inner(&mut self, steps: &[Step]) -> bool {
        match steps {
            [] => true,
            [Step::Index(_) | Step::All, rest @ ..] => self.add_inner(rest),
            steps => self.add(steps),
        }
    }

    fn text(&self) -> String {
        let fields = self.0.iter().map(|(name, inner)| {
            if inner.0.is_empty() { name.clone() } else { format!("{name} {{ {} }}", inner.text()) }
        });
        fields.collect::<Vec<_>>().join(" ")
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => list(&items.iter().collect::<Vec<_>>()),
        other => other.to_string(),
    }
}

/// An array as PostgreSQL reads one: `{"a","b"}`.
fn list(items: &[&Value]) -> String {
    let item = |value: &&Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => Value::from(text.as_str()).to_string(),
        other => Value::from(other.to_string()).to_string(),
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_one_query() {
        let mut selection = Selection::default();
        for path in ["profile.org.id", "profile.name", "roles[*].role", "metadata.a.b", "email"] {
            assert!(selection.add(JsonPath::parse(path).unwrap().steps()), "{path}");
        }
        assert_eq!(selection.text(), "email metadata profile { name org { id } } roles { role }");
        for bad in ["$", "[0]", "a['b) { x']", "['1a']"] {
            assert!(!Selection::default().add(JsonPath::parse(bad).unwrap().steps()), "{bad}");
        }
    }

    #[test]
    fn values_are_written_as_nhost_does() {
        assert_eq!(text(&json!("a")), "a");
        assert_eq!(text(&json!(7)), "7");
        assert_eq!(text(&json!(null)), "null");
        assert_eq!(text(&json!({ "a": 1 })), r#"{"a":1}"#);
        assert_eq!(text(&json!(["a", "b\"c", 1, null])), r#"{"a","b\"c","1",NULL}"#);
    }
}
