//! What metadata of Hasura's may ask for and this engine does not do. It is said, so that nobody waits for it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::metadata::Metadata;

/// The form of the document, and where the database is: the program's own configuration says that.
const SAID_ELSEWHERE: &[&str] = &["version", "name", "kind", "configuration"];

/// A sentence for each piece of the metadata that is passed over.
pub(super) fn sentences(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for key in pieces(&metadata.rest).filter(|key| !SAID_ELSEWHERE.contains(key)) {
        found.push(format!("{key}: this engine has none, so it is passed over"));
    }
    for table in &metadata.tables {
        for key in pieces(&table.rest) {
            found.push(format!("{key} of table {}: this engine has none, so it is passed over", table.table));
        }
    }
    found
}

/// The pieces that say something.
fn pieces(rest: &BTreeMap<String, Value>) -> impl Iterator<Item = &str> {
    rest.iter().filter(|(_, value)| says_something(value)).map(|(key, _)| key.as_str())
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => entries.values().any(says_something),
        _ => true,
    }
}
