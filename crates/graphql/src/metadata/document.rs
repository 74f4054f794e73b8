//! The metadata as one JSON document, as Hasura's `export_metadata` writes it (version 3). It keeps what this
//! engine does not read, so that what goes in comes out again; [`Metadata`] is what is read of it.

use serde_json::{Map, Value as Json, json};

use super::{Metadata, MetadataError};
use crate::catalog::QualifiedName;

/// The name of the source where nobody gives another.
pub const DEFAULT_SOURCE: &str = "default";

/// The metadata document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(Map<String, Json>);

impl Default for Document {
    fn default() -> Self {
        let source = json!({"name": DEFAULT_SOURCE, "kind": "postgres", "tables": []});
        let mut map = Map::new();
        map.insert("version".to_owned(), Json::from(3));
        map.insert("sources".to_owned(), Json::Array(vec![source]));
        Self(map)
    }
}

impl Document {
    /// The document in `json`: version 3, or the older form of one source without a name.
    pub fn new(json: Json) -> Result<Self, MetadataError> {
        let Json::Object(mut map) = json else { return Err(wrong("it is no object")) };
        if !map.contains_key("sources") {
            let mut source = Map::new();
            source.insert("name".to_owned(), Json::from(DEFAULT_SOURCE));
            source.insert("kind".to_owned(), Json::from("postgres"));
            for key in ["tables", "functions"] {
                if let Some(list) = map.shift_remove(key) {
                    source.insert(key.to_owned(), list);
                }
            }
            map.insert("version".to_owned(), Json::from(3));
            map.insert("sources".to_owned(), Json::Array(vec![Json::Object(source)]));
        }
        let mut document = Self(map);
        let sources = document.list_mut("sources").ok_or_else(|| wrong("\"sources\" is no list"))?;
        if !sources.iter().all(Json::is_object) {
            return Err(wrong("a source is no object"));
        }
        Ok(document)
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Json {
        Json::Object(self.0.clone())
    }

    /// What the engine reads of it: the first source, and what holds for all.
    pub fn metadata(&self) -> Result<Metadata, MetadataError> {
        let mut all = self.0.clone();
        let source = match all.shift_remove("sources") {
            Some(Json::Array(mut sources)) if !sources.is_empty() => sources.swap_remove(0),
            _ => return Err(MetadataError::NoDatabase),
        };
        let Json::Object(source) = source else { return Err(wrong("a source is no object")) };
        // A list that is there and null is one that is not there.
        all.extend(source.into_iter().filter(|(_, value)| !value.is_null()));
        let mut metadata: Metadata =
            serde_json::from_value(Json::Object(all)).map_err(|error| wrong(&error.to_string()))?;
        metadata.document = self.clone();
        Ok(metadata)
    }

    /// A list at the top, such as `query_collections`; it is made where it is not there. `None` where something
    /// else stands there.
    pub fn list_mut(&mut self, key: &str) -> Option<&mut Vec<Json>> {
        list_in(&mut self.0, key)
    }

    /// Sets a key at the top, or takes it away.
    pub fn set(&mut self, key: &str, value: Option<Json>) {
        match value {
            Some(value) => self.0.insert(key.to_owned(), value),
            None => self.0.shift_remove(key),
        };
    }

    /// The source with this name.
    pub fn source_mut(&mut self, name: &str) -> Option<&mut Map<String, Json>> {
        let sources = self.list_mut("sources")?;
        let source =
            sources.iter_mut().find(|source| source.get("name").and_then(Json::as_str) == Some(name));
        source.and_then(Json::as_object_mut)
    }

    /// The entry of a tracked table of a source.
    pub fn table_mut(&mut self, source: &str, table: &QualifiedName) -> Option<&mut Map<String, Json>> {
        entry(self.source_mut(source)?, "tables", "table", table)
    }

    /// The entry of a tracked function of a source.
    pub fn function_mut(&mut self, source: &str, name: &QualifiedName) -> Option<&mut Map<String, Json>> {
        entry(self.source_mut(source)?, "functions", "function", name)
    }
}

/// A list inside an object, made where it is not there; `None` where something else stands there.
pub fn list_in<'a>(object: &'a mut Map<String, Json>, key: &str) -> Option<&'a mut Vec<Json>> {
    let list = object.entry(key).or_insert_with(|| Json::Array(Vec::new()));
    if list.is_null() {
        *list = Json::Array(Vec::new());
    }
    list.as_array_mut()
}

/// The name under `key` of an entry, in either form.
pub fn name_in(entry: &Json, key: &str) -> Option<QualifiedName> {
    super::table::name_or_qualified(entry.get(key)?).ok()
}

fn entry<'a>(
    source: &'a mut Map<String, Json>,
    list: &str,
    key: &str,
    name: &QualifiedName,
) -> Option<&'a mut Map<String, Json>> {
    let entries = list_in(source, list)?;
    entries.iter_mut().find(|entry| name_in(entry, key).as_ref() == Some(name))?.as_object_mut()
}

fn wrong(reason: &str) -> MetadataError {
    MetadataError::ParseDocument { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let json = json!({"version": 3, "sources": [{"name": "default", "kind": "postgres", "tables": [
            {"table": {"schema": "public", "name": "a"}, "event_triggers": [{"name": "x"}]}]}],
            "cron_triggers": [{"name": "y"}]});
        let document = Document::new(json.clone()).unwrap();
        assert_eq!(document.to_json(), json);
        let metadata = document.metadata().unwrap();
        assert_eq!(metadata.tables.len(), 1);
        assert_eq!(metadata.document.to_json(), json);
    }

    #[test]
    fn the_older_form_becomes_a_source() {
        let mut document = Document::new(json!({"version": 2, "tables": [{"table": "a"}]})).unwrap();
        let name = QualifiedName { schema: "public".to_owned(), name: "a".to_owned() };
        assert!(document.table_mut(DEFAULT_SOURCE, &name).is_some());
        assert_eq!(document.metadata().unwrap().tables.len(), 1);
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for json in [json!([]), json!(null), json!({"sources": {}}), json!({"sources": [1]})] {
            assert!(Document::new(json.clone()).is_err(), "{json}");
        }
        assert!(Document::new(json!({"sources": []})).unwrap().metadata().is_err());
        assert!(Document::new(json!({"tables": [{"table": 5}]})).unwrap().metadata().is_err());
    }
}
