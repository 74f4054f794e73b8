//! What a secret says beside its key: whose tokens they are, for whom, where their claims stand, and where requests
//! carry them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{DEFAULT_ISSUER, HASURA_NAMESPACE};
use crate::json_path::{JsonPath, Step};

/// The rules that go with a key.
pub(super) struct Rules {
    /// Who must have signed; `None` is anybody who has the key.
    pub(super) issuer: Option<String>,
    /// For whom it must be, one of these; empty is anybody.
    pub(super) audience: Vec<String>,
    /// How many seconds other clocks may be wrong.
    pub(super) allowed_skew: i64,
    /// Where the claims stand.
    pub(super) namespace: JsonPath,
    /// Whether they stand there as a text that is JSON itself.
    pub(super) stringified: bool,
    /// Where each claim stands in the whole payload, in place of a namespace.
    pub(super) map: Option<BTreeMap<String, Mapped>>,
}

/// Where a mapped claim comes from.
pub(super) enum Mapped {
    /// The same for every token.
    Literal(Value),
    /// From the payload, or else this value.
    Path(JsonPath, Option<Value>),
}

/// Where a request carries its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// `Authorization: Bearer TOKEN`.
    Authorization,
    /// A header of this name, in lower case, that holds the token alone.
    Header(String),
    /// A cookie of this name.
    Cookie(String),
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: Vec::new(),
            allowed_skew: 0,
            namespace: JsonPath::key(HASURA_NAMESPACE),
            stringified: false,
            map: None,
        }
    }
}

impl Rules {
    /// The issuer of tokens that are signed here.
    pub(super) fn own_issuer(&self) -> &str {
        self.issuer.as_deref().unwrap_or(DEFAULT_ISSUER)
    }

    /// Puts claims where these rules look for them. A map of claims is not written: it reads others' tokens.
    pub(super) fn put_claims(&self, payload: &mut Map<String, Value>, claims: &Map<String, Value>) {
        let value = Value::Object(claims.clone());
        let value = if self.stringified { Value::String(value.to_string()) } else { value };
        match (self.namespace.steps(), value) {
            ([], Value::Object(claims)) => payload.extend(claims),
            (steps, value) => {
                let nested = steps.iter().skip(1).rev().fold(value, |value, step| match step {
                    Step::Key(key) => Value::Object(Map::from_iter([(key.clone(), value)])),
                    Step::Index(_) | Step::All => Value::Array(vec![value]),
                });
                if let Some(Step::Key(first)) = steps.first() {
                    payload.insert(first.clone(), nested);
                }
            }
        }
    }
}
