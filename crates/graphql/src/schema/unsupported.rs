//! What metadata of Hasura's may ask for and this engine does not do. It is said, so that nobody waits for it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::metadata::Metadata;

/// Where the database is, and what it is called: the program's own configuration says that.
const SAID_ELSEWHERE: &[&str] = &["name", "kind", "configuration"];

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
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    };
    rest.iter().filter(move |(_, value)| says(value)).map(|(key, _)| key.as_str())
}
