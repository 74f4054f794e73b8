//! What a role may do with a table: the permissions of its own, or those that it inherits.
//!
//! An inherited role reads what any of its parents reads. A cell that not every parent may see is seen in the rows of
//! those that do. It writes what its parents agree on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::session::ADMIN_ROLE;
use serde_json::Value as Json;

use super::permission_filter::PermissionReader;
use super::tracked::{Tracked, TrackedTable};
use super::{DeleteRules, InsertRules, SelectRules, TableAction, UpdateRules};
use crate::catalog::{ColumnIndex, Table};
use crate::expression::{Filter, Value};
use crate::metadata::{
    Columns, DeletePermission, InsertPermission, RolePermission, SelectPermission, SelectRootField,
    UpdatePermission,
};

/// In which rows a cell is seen; `None` is in all that the role may read.
type SeenIn = Option<Arc<Filter>>;

/// What a role may do with a table.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The columns that it may read.
    pub(super) columns: BTreeMap<ColumnIndex, SeenIn>,
    /// The computed values that it may read.
    pub(super) computed: BTreeMap<String, SeenIn>,
    pub(super) select: Option<SelectRules>,
    pub(super) insert: Option<InsertRules>,
    pub(super) update: Option<UpdateRules>,
    pub(super) delete: Option<DeleteRules>,
}

impl Rules {
    /// What `role` may do. A permission that cannot be read gives nothing: [`inconsistencies`] names it.
    pub(super) fn of_role(tracked: &Tracked, table: &TrackedTable, role: &str) -> Self {
        if role == ADMIN_ROLE {
            return Self::all(table);
        }
        let reader =
            RoleReader { reader: PermissionReader::new(tracked, table.table.id), tracked, table, role };
        let mut rules = Self {
            insert: reader.insert().and_then(Result::ok),
            update: reader.update().and_then(Result::ok),
            delete: reader.delete().and_then(Result::ok),
            ..Self::default()
        };
        let readable: Vec<_> = reader.select().into_iter().filter_map(Result::ok).collect();
        rules.read(table, &readable);
        rules
    }

    fn all(table: &TrackedTable) -> Self {
        let writable = written_columns(&table.table, &|_| true);
        Self {
            columns: (0..table.table.columns.len()).map(|column| (column, None)).collect(),
            computed: table.computed_fields.keys().map(|name| (name.clone(), None)).collect(),
            select: Some(SelectRules {
                filter: Filter::TRUE,
                limit: None,
                aggregations: true,
                in_queries: None,
                in_subscriptions: None,
            }),
            insert: Some(InsertRules {
                columns: writable.clone(),
                check: Filter::TRUE,
                presets: Vec::new(),
                trusted_only: false,
            }),
            update: Some(UpdateRules {
                columns: writable,
                filter: Filter::TRUE,
                check: Filter::TRUE,
                presets: Vec::new(),
                trusted_only: false,
            }),
            delete: Some(DeleteRules { filter: Filter::TRUE, trusted_only: false }),
        }
    }

    /// Joins what may be read, of one permission or of several.
    fn read(&mut self, table: &TrackedTable, readable: &[(&SelectPermission, Filter)]) {
        let Some((first, _)) = readable.first() else { return };
        let limits: Option<Vec<u64>> = readable.iter().map(|(permission, _)| permission.limit).collect();
        let limit =
            if readable.len() == 1 { first.limit } else { limits.and_then(|all| all.into_iter().max()) };
        self.select = Some(SelectRules {
            filter: any(readable.iter().map(|(_, filter)| filter.clone())),
            limit,
            aggregations: readable.iter().any(|(permission, _)| permission.allow_aggregations),
            in_queries: joined(readable.iter().map(|(permission, _)| permission.query_root_fields.as_ref())),
            in_subscriptions: joined(
                readable.iter().map(|(permission, _)| permission.subscription_root_fields.as_ref()),
            ),
        });
        let seen_in = |sees: &dyn Fn(&SelectPermission) -> bool| {
            let seen: Vec<&Filter> = readable
                .iter()
                .filter(|(permission, _)| sees(permission))
                .map(|(_, filter)| filter)
                .collect();
            if seen.is_empty() {
                return None;
            }
            let everywhere = seen.len() == readable.len() || seen.iter().any(|filter| filter.is_true());
            Some(if everywhere { None } else { Some(Arc::new(any(seen.into_iter().cloned()))) })
        };
        for (at, column) in table.table.columns.iter().enumerate() {
            if let Some(seen) = seen_in(&|permission| permission.columns.contains(&column.name)) {
                self.columns.insert(at, seen);
            }
        }
        for name in table.computed_fields.keys() {
            if let Some(seen) = seen_in(&|permission| permission.computed_fields.contains(name)) {
                self.computed.insert(name.clone(), seen);
            }
        }
    }
}

/// All root fields that one of the permissions gives; `None` is all.
fn joined<'p>(given: impl Iterator<Item = Option<&'p Vec<SelectRootField>>>) -> Option<Vec<TableAction>> {
    let given: Vec<_> = given.collect::<Option<_>>()?;
    let action = |field: &SelectRootField| match field {
        SelectRootField::Select => TableAction::Select,
        SelectRootField::SelectByPk => TableAction::SelectByPk,
        SelectRootField::SelectAggregate => TableAction::Aggregate,
        SelectRootField::SelectStream => TableAction::Stream,
    };
    Some(given.into_iter().flatten().map(action).collect())
}

/// One of the filters at least.
fn any(filters: impl Iterator<Item = Filter>) -> Filter {
    let mut filters: Vec<Filter> = filters.collect();
    if filters.iter().any(Filter::is_true) {
        return Filter::TRUE;
    }
    if filters.len() == 1 { filters.remove(0) } else { Filter::Or(filters) }
}

/// Every permission that cannot be read, a sentence each.
pub(super) fn inconsistencies(tracked: &Tracked) -> Vec<String> {
    let mut found = Vec::new();
    for table in tracked.tables() {
        let metadata = &table.metadata;
        let mut roles: BTreeSet<&str> = tracked.inherited_roles.keys().map(String::as_str).collect();
        roles.extend(metadata.select_permissions.iter().map(|permission| permission.role.as_str()));
        roles.extend(metadata.insert_permissions.iter().map(|permission| permission.role.as_str()));
        roles.extend(metadata.update_permissions.iter().map(|permission| permission.role.as_str()));
        roles.extend(metadata.delete_permissions.iter().map(|permission| permission.role.as_str()));
        for role in roles {
            let reader =
                RoleReader { reader: PermissionReader::new(tracked, table.table.id), tracked, table, role };
            let mut reasons: Vec<String> = reader.select().into_iter().filter_map(Result::err).collect();
            reasons.extend(reader.insert().and_then(Result::err));
            reasons.extend(reader.update().and_then(Result::err));
            reasons.extend(reader.delete().and_then(Result::err));
            for reason in reasons {
                found.push(format!("permission of role {role} on table {}: {reason}", table.table.name));
            }
        }
    }
    found
}

/// Reads one role's permissions on one table; each is `None` where the role has none.
struct RoleReader<'a> {
    reader: PermissionReader<'a>,
    tracked: &'a Tracked,
    table: &'a TrackedTable,
    role: &'a str,
}

impl<'a> RoleReader<'a> {
    fn select(&self) -> Vec<Result<(&'a SelectPermission, Filter), String>> {
        let found = self.tracked.permissions(&self.table.metadata.select_permissions, self.role);
        let read = found.into_iter().map(|permission| {
            if let Columns::Some(names) = &permission.computed_fields {
                let unknown = names.iter().find(|name| !self.table.computed_fields.contains_key(*name));
                if let Some(name) = unknown {
                    return Err(format!("there is no computed field {name}"));
                }
            }
            Ok((permission, self.reader.filter(&permission.filter)?))
        });
        read.collect()
    }

    /// The one permission to write, if the roles that are inherited from agree.
    fn agreed<P: PartialEq>(
        &self,
        permissions: &'a [RolePermission<P>],
        action: &str,
    ) -> Option<Result<&'a P, String>> {
        let found = self.tracked.permissions(permissions, self.role);
        let first = *found.first()?;
        let agree = found.iter().all(|other| *other == first);
        Some(agree.then_some(first).ok_or_else(|| {
            format!("the roles that it inherits from do not agree on what it may {action}, so it may not")
        }))
    }

    fn insert(&self) -> Option<Result<InsertRules, String>> {
        let found = self.agreed(&self.table.metadata.insert_permissions, "insert")?;
        let read = |found: &InsertPermission| {
            let presets = self.presets(&found.set)?;
            Ok(InsertRules {
                columns: self.written(&found.columns, &presets),
                check: self.reader.filter(&found.check)?,
                presets,
                trusted_only: found.backend_only,
            })
        };
        Some(found.and_then(read))
    }

    fn update(&self) -> Option<Result<UpdateRules, String>> {
        let found = self.agreed(&self.table.metadata.update_permissions, "update")?;
        let read = |found: &UpdatePermission| {
            let presets = self.presets(&found.set)?;
            Ok(UpdateRules {
                columns: self.written(&found.columns, &presets),
                filter: self.reader.filter(&found.filter)?,
                check: found.check.as_ref().map_or(Ok(Filter::TRUE), |check| self.reader.filter(check))?,
                presets,
                trusted_only: found.backend_only,
            })
        };
        Some(found.and_then(read))
    }

    fn delete(&self) -> Option<Result<DeleteRules, String>> {
        let found = self.agreed(&self.table.metadata.delete_permissions, "delete")?;
        let read = |found: &DeletePermission| {
            let filter = self.reader.filter(&found.filter)?;
            Ok(DeleteRules { filter, trusted_only: found.backend_only })
        };
        Some(found.and_then(read))
    }

    fn presets(&self, set: &BTreeMap<String, Json>) -> Result<Vec<(ColumnIndex, Value)>, String> {
        set.iter()
            .map(|(name, value)| {
                let column =
                    self.table.table.column_index(name).ok_or_else(|| format!("no column {name}"))?;
                Ok((column, self.reader.preset(column, value)?))
            })
            .collect()
    }

    /// A column that is set for the role is not its to give.
    fn written(&self, columns: &Columns, presets: &[(ColumnIndex, Value)]) -> BTreeSet<ColumnIndex> {
        let mut written = written_columns(&self.table.table, &|name| columns.contains(name));
        for (column, _) in presets {
            written.remove(column);
        }
        written
    }
}

fn written_columns(table: &Table, among: &dyn Fn(&str) -> bool) -> BTreeSet<ColumnIndex> {
    let columns = table.columns.iter().enumerate();
    columns.filter(|(_, column)| !column.generated && among(&column.name)).map(|(at, _)| at).collect()
}
