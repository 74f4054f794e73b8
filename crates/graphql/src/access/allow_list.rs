//! The allow list: documents that were collected before, compared by what they ask and not by how they are
//! written.

use std::collections::{HashMap, HashSet};

use crate::metadata::Metadata;
use crate::plan::Document;

/// The documents that may be used.
#[derive(Debug, Default)]
pub(super) struct AllowList {
    /// By everybody.
    all: HashSet<String>,
    /// By single roles.
    by_role: HashMap<String, HashSet<String>>,
}

impl AllowList {
    /// The collections that the metadata allows. A document that does not parse allows nothing.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let mut list = Self::default();
        for allowed in &metadata.allow_list {
            let collections = metadata.query_collections.iter();
            let queries = collections
                .filter(|collection| collection.name == allowed.collection)
                .flat_map(|collection| &collection.definition.queries);
            for query in queries {
                let Ok(document) = Document::parse(&query.query) else {
                    tracing::warn!(query = query.name, "a document of the allow list does not parse");
                    continue;
                };
                let form = document.normal_form();
                if allowed.scope.global {
                    list.all.insert(form);
                } else {
                    for role in &allowed.scope.roles {
                        list.by_role.entry(role.clone()).or_default().insert(form.clone());
                    }
                }
            }
        }
        list
    }

    /// Whether a role may use the document.
    pub(super) fn allows(&self, role: &str, document: &Document) -> bool {
        let form = document.normal_form();
        self.all.contains(&form) || self.by_role.get(role).is_some_and(|forms| forms.contains(&form))
    }
}
