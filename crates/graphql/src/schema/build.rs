//! Cuts what is tracked down to one role.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base::session::ADMIN_ROLE;

use super::permission_filter::PermissionReader;
use super::tracked::{Tracked, TrackedFunction, TrackedTable};
use super::{
    DeleteRules, Field, InsertRules, Nesting, Relationship, RoleFunction, RoleSchema, RoleTable, RootField,
    SelectRules, TableAction, UpdateRules,
};
use crate::catalog::{ColumnIndex, Table, TableId};
use crate::expression::{Filter, Value};
use crate::metadata::{Columns, ExposedAs, RolePermission};

/// The API of `role`.
pub(super) fn role_schema(tracked: &Tracked, role: &str) -> RoleSchema {
    let mut tables = HashMap::new();
    for table in tracked.tables() {
        tables.insert(table.table.id, Arc::new(role_table(tracked, table, role)));
    }
    let mut schema = RoleSchema {
        role: role.to_owned(),
        queries: HashMap::new(),
        streams: HashMap::new(),
        mutations: HashMap::new(),
        options: tracked.options,
        introspection: true,
        tables,
        introspector: std::sync::OnceLock::new(),
    };
    for table in tracked.tables() {
        add_root_fields(&mut schema, table);
    }
    for function in &tracked.functions {
        add_function(&mut schema, tracked, function, role);
    }
    schema
}

fn role_table(tracked: &Tracked, table: &TrackedTable, role: &str) -> RoleTable {
    let rules = if role == ADMIN_ROLE { Rules::all(table) } else { Rules::of_role(tracked, table, role) };
    let fields =
        if rules.select.is_some() { fields(tracked, table, role, &rules.readable) } else { HashMap::new() };
    RoleTable {
        table: table.table.clone(),
        type_name: table.names.type_name.clone(),
        fields,
        nested: nested(tracked, table, role),
        column_names: table.column_names.clone(),
        select: rules.select,
        insert: rules.insert,
        update: rules.update,
        delete: rules.delete,
    }
}

/// What can be selected. A relationship to a table that the role cannot read does not exist for it.
fn fields(
    tracked: &Tracked,
    table: &TrackedTable,
    role: &str,
    readable: &BTreeSet<ColumnIndex>,
) -> HashMap<String, Field> {
    let mut fields = HashMap::new();
    for column in readable {
        if let Some(name) = table.column_names.get(*column) {
            fields.insert(name.clone(), Field::Column(*column));
        }
    }
    for (name, to) in &table.object_relationships {
        if readable_target(tracked, to.target, role).is_some() {
            fields.insert(name.clone(), Field::Object(to.clone()));
        }
    }
    for (name, to) in &table.array_relationships {
        let Some(aggregations) = readable_target(tracked, to.target, role) else { continue };
        fields.insert(name.clone(), Field::Array(to.clone()));
        if aggregations {
            fields.insert(format!("{name}_aggregate"), Field::Aggregate(to.clone()));
        }
    }
    fields
}

/// Whether the role may count and sum the rows of a table; `None` where it cannot read it.
fn readable_target(tracked: &Tracked, target: TableId, role: &str) -> Option<bool> {
    let table = tracked.table(target)?;
    if role == ADMIN_ROLE {
        return Some(true);
    }
    permission(&table.metadata.select_permissions, role).map(|select| select.allow_aggregations)
}

/// The relationships to tables into which the role may insert.
fn nested(tracked: &Tracked, table: &TrackedTable, role: &str) -> HashMap<String, (Relationship, Nesting)> {
    let insertable = |to: &Relationship| {
        tracked.table(to.target).is_some_and(|target| {
            let granted =
                role == ADMIN_ROLE || permission(&target.metadata.insert_permissions, role).is_some();
            granted && target.table.writable.insert
        })
    };
    let one = table.object_relationships.iter().map(|(name, to)| (name, to, Nesting::One));
    let many = table.array_relationships.iter().map(|(name, to)| (name, to, Nesting::Many));
    let all = one.chain(many).filter(|(_, to, _)| insertable(to));
    all.map(|(name, to, nesting)| (name.clone(), (to.clone(), nesting))).collect()
}

fn add_root_fields(schema: &mut RoleSchema, tracked: &TrackedTable) {
    let Some(table) = schema.tables.get(&tracked.table.id).cloned() else { return };
    let names = &tracked.names;
    let key = &table.table.primary_key;
    let key_is_readable = !key.is_empty()
        && key
            .iter()
            .all(|column| matches!(table.fields.get(table.column_name(*column)), Some(Field::Column(_))));
    let readable = table.select.is_some();
    let aggregated = table.select.as_ref().is_some_and(|rules| rules.aggregations);
    let queries = [
        (readable, names.select(), TableAction::Select),
        (key_is_readable, names.select_by_pk(), TableAction::SelectByPk),
        (aggregated, names.select_aggregate(), TableAction::Aggregate),
    ];
    for (there, name, action) in queries {
        if there {
            schema.queries.insert(name, RootField::Table(action, table.clone()));
        }
    }
    if readable && table.has_columns() {
        let stream = RootField::Table(TableAction::Stream, table.clone());
        schema.streams.insert(names.select_stream(), stream);
    }
    let writable = table.table.writable;
    let inserted = table.insert.is_some() && writable.insert;
    let updated = table.update.is_some() && writable.update;
    let deleted = table.delete.is_some() && writable.delete;
    // The fields for one row give the row back, so they exist for those who can read it.
    let mutations = [
        (inserted, names.insert(), TableAction::Insert),
        (inserted && readable, names.insert_one(), TableAction::InsertOne),
        (updated, names.update(), TableAction::Update),
        (updated, names.update_many(), TableAction::UpdateMany),
        (updated && key_is_readable, names.update_by_pk(), TableAction::UpdateByPk),
        (deleted, names.delete(), TableAction::Delete),
        (deleted && key_is_readable, names.delete_by_pk(), TableAction::DeleteByPk),
    ];
    for (there, name, action) in mutations {
        if there {
            schema.mutations.insert(name, RootField::Table(action, table.clone()));
        }
    }
}

fn add_function(schema: &mut RoleSchema, tracked: &Tracked, function: &TrackedFunction, role: &str) {
    let Some(table) = schema.tables.get(&function.table).filter(|table| table.select.is_some()) else {
        return;
    };
    // Queries follow the permissions of their table; what writes must be granted by name.
    let granted = role == ADMIN_ROLE
        || function.roles.iter().any(|other| other == role)
        || (function.exposed_as == ExposedAs::Query && tracked.options.infer_function_permissions);
    if !granted {
        return;
    }
    let aggregated = table.select.as_ref().is_some_and(|rules| rules.aggregations);
    let known = Arc::new(RoleFunction {
        function: function.function.clone(),
        table: table.clone(),
        session_argument: function.session_argument,
        field_name: function.field_name.clone(),
    });
    let fields = match function.exposed_as {
        ExposedAs::Query => &mut schema.queries,
        ExposedAs::Mutation => &mut schema.mutations,
    };
    if aggregated && function.function.returns_set {
        fields.insert(
            format!("{}_aggregate", function.field_name),
            RootField::FunctionAggregate(known.clone()),
        );
    }
    fields.insert(function.field_name.clone(), RootField::Function(known));
}

/// What a role may do with a table.
#[derive(Default)]
struct Rules {
    readable: BTreeSet<ColumnIndex>,
    select: Option<SelectRules>,
    insert: Option<InsertRules>,
    update: Option<UpdateRules>,
    delete: Option<DeleteRules>,
}

impl Rules {
    fn all(table: &TrackedTable) -> Self {
        let every = |_: &str| true;
        let writable = written_columns(&table.table, &every);
        Self {
            readable: (0..table.table.columns.len()).collect(),
            select: Some(SelectRules { filter: Filter::TRUE, limit: None, aggregations: true }),
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

    /// A permission that cannot be read gives nothing: [`inconsistencies`] names it.
    fn of_role(tracked: &Tracked, table: &TrackedTable, role: &str) -> Self {
        let reader = RoleReader { reader: PermissionReader::new(tracked, table.table.id), table, role };
        Self {
            readable: reader.readable(),
            select: reader.select().and_then(Result::ok),
            insert: reader.insert().and_then(Result::ok),
            update: reader.update().and_then(Result::ok),
            delete: reader.delete().and_then(Result::ok),
        }
    }
}

/// Every permission that cannot be read, a sentence each.
pub(super) fn inconsistencies(tracked: &Tracked) -> Vec<String> {
    let mut found = Vec::new();
    for table in tracked.tables() {
        let metadata = &table.metadata;
        let mut roles = BTreeSet::new();
        roles.extend(metadata.select_permissions.iter().map(|permission| permission.role.as_str()));
        roles.extend(metadata.insert_permissions.iter().map(|permission| permission.role.as_str()));
        roles.extend(metadata.update_permissions.iter().map(|permission| permission.role.as_str()));
        roles.extend(metadata.delete_permissions.iter().map(|permission| permission.role.as_str()));
        for role in roles {
            let reader = RoleReader { reader: PermissionReader::new(tracked, table.table.id), table, role };
            let reasons = [
                reader.select().and_then(Result::err),
                reader.insert().and_then(Result::err),
                reader.update().and_then(Result::err),
                reader.delete().and_then(Result::err),
            ];
            for reason in reasons.into_iter().flatten() {
                found.push(format!("permission of role {role} on table {}: {reason}", table.table.name));
            }
        }
    }
    found
}

/// Reads one role's permissions on one table; each is `None` where the role has none.
struct RoleReader<'a> {
    reader: PermissionReader<'a>,
    table: &'a TrackedTable,
    role: &'a str,
}

impl RoleReader<'_> {
    fn readable(&self) -> BTreeSet<ColumnIndex> {
        let Some(select) = permission(&self.table.metadata.select_permissions, self.role) else {
            return BTreeSet::new();
        };
        let columns = self.table.table.columns.iter().enumerate();
        columns.filter(|(_, column)| select.columns.contains(&column.name)).map(|(at, _)| at).collect()
    }

    fn select(&self) -> Option<Result<SelectRules, String>> {
        let found = permission(&self.table.metadata.select_permissions, self.role)?;
        Some(self.reader.filter(&found.filter).map(|filter| SelectRules {
            filter,
            limit: found.limit,
            aggregations: found.allow_aggregations,
        }))
    }

    fn insert(&self) -> Option<Result<InsertRules, String>> {
        let found = permission(&self.table.metadata.insert_permissions, self.role)?;
        let read = || {
            let presets = self.presets(&found.set)?;
            Ok(InsertRules {
                columns: self.written(&found.columns, &presets),
                check: self.reader.filter(&found.check)?,
                presets,
                trusted_only: found.backend_only,
            })
        };
        Some(read())
    }

    fn update(&self) -> Option<Result<UpdateRules, String>> {
        let found = permission(&self.table.metadata.update_permissions, self.role)?;
        let read = || {
            let presets = self.presets(&found.set)?;
            Ok(UpdateRules {
                columns: self.written(&found.columns, &presets),
                filter: self.reader.filter(&found.filter)?,
                check: found.check.as_ref().map_or(Ok(Filter::TRUE), |check| self.reader.filter(check))?,
                presets,
                trusted_only: found.backend_only,
            })
        };
        Some(read())
    }

    fn delete(&self) -> Option<Result<DeleteRules, String>> {
        let found = permission(&self.table.metadata.delete_permissions, self.role)?;
        let filter = self.reader.filter(&found.filter);
        Some(filter.map(|filter| DeleteRules { filter, trusted_only: found.backend_only }))
    }

    fn presets(
        &self,
        set: &std::collections::BTreeMap<String, serde_json::Value>,
    ) -> Result<Vec<(ColumnIndex, Value)>, String> {
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

fn permission<'a, P>(permissions: &'a [RolePermission<P>], role: &str) -> Option<&'a P> {
    permissions.iter().find(|permission| permission.role == role).map(|permission| &permission.permission)
}
