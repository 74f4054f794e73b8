//! The names of types and root fields: made of the table's name as Hasura does, or given by the metadata.

use crate::catalog::QualifiedName;
use crate::metadata::{CustomRootFields, TableConfiguration};

/// The names of one table in the API.
#[derive(Clone, Debug)]
pub(super) struct TableNames {
    /// Its object type.
    pub(super) type_name: String,
    custom: CustomRootFields,
}

impl TableNames {
    pub(super) fn new(table: &QualifiedName, configuration: &TableConfiguration) -> Self {
        let type_name = configuration.custom_name.clone().unwrap_or_else(|| plain_name(table));
        Self { type_name, custom: configuration.custom_root_fields.clone() }
    }

    /// The type whose values are the table's rows.
    pub(super) fn enum_type(&self) -> String {
        format!("{}_enum", self.type_name)
    }

    pub(super) fn select(&self) -> String {
        self.pick(self.custom.select.as_ref(), "", "")
    }

    pub(super) fn select_by_pk(&self) -> String {
        self.pick(self.custom.select_by_pk.as_ref(), "", "_by_pk")
    }

    pub(super) fn select_aggregate(&self) -> String {
        self.pick(self.custom.select_aggregate.as_ref(), "", "_aggregate")
    }

    pub(super) fn select_stream(&self) -> String {
        self.pick(self.custom.select_stream.as_ref(), "", "_stream")
    }

    pub(super) fn insert(&self) -> String {
        self.pick(self.custom.insert.as_ref(), "insert_", "")
    }

    pub(super) fn update(&self) -> String {
        self.pick(self.custom.update.as_ref(), "update_", "")
    }

    pub(super) fn update_many(&self) -> String {
        self.pick(self.custom.update_many.as_ref(), "update_", "_many")
    }

    pub(super) fn delete(&self) -> String {
        self.pick(self.custom.delete.as_ref(), "delete_", "")
    }

    pub(super) fn insert_one(&self) -> String {
        self.pick(self.custom.insert_one.as_ref(), "insert_", "_one")
    }

    pub(super) fn update_by_pk(&self) -> String {
        self.pick(self.custom.update_by_pk.as_ref(), "update_", "_by_pk")
    }

    pub(super) fn delete_by_pk(&self) -> String {
        self.pick(self.custom.delete_by_pk.as_ref(), "delete_", "_by_pk")
    }

    fn pick(&self, custom: Option<&crate::metadata::RootFieldName>, before: &str, after: &str) -> String {
        let custom = custom.and_then(|custom| custom.name());
        custom.map_or_else(|| format!("{before}{}{after}", self.type_name), str::to_owned)
    }
}

/// Tables and functions outside `public` carry their schema's name.
pub(super) fn plain_name(name: &QualifiedName) -> String {
    if name.schema == "public" { name.name.clone() } else { format!("{}_{}", name.schema, name.name) }
}
