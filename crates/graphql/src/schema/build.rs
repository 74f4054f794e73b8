//! Cuts what is tracked down to one role.

use std::collections::HashMap;
use std::sync::Arc;

use base::session::ADMIN_ROLE;

use super::rules::Rules;
use super::tracked::{Tracked, TrackedFunction, TrackedTable};
use super::{
    ComputedReturn, Field, Nesting, Relationship, RoleFunction, RoleSchema, RoleTable, RootField,
    SelectRules, TableAction,
};
use crate::catalog::TableId;
use crate::expression::{Cell, CellOf};
use crate::metadata::ExposedAs;

/// The API of `role`.
pub(super) fn role_schema(tracked: &Tracked, role: &str) -> RoleSchema {
    let rules: HashMap<TableId, Rules> =
        tracked.tables().map(|table| (table.table.id, Rules::of_role(tracked, table, role))).collect();
    // A relationship to a table that the role cannot read does not exist for it.
    let reads = |target: TableId| rules.get(&target).and_then(|rules| rules.select.as_ref());
    let inserts = |target: TableId| {
        let writable = tracked.table(target).is_some_and(|table| table.table.writable.insert);
        writable && rules.get(&target).is_some_and(|rules| rules.insert.is_some())
    };
    let mut fields: HashMap<TableId, _> = HashMap::new();
    for table in tracked.tables() {
        let id = table.table.id;
        if let Some(own) = rules.get(&id) {
            fields.insert(id, (output_fields(table, own, &reads), nested(table, &inserts)));
        }
    }
    let mut tables = HashMap::new();
    for (id, rules) in rules {
        let (Some(table), Some((fields, nested))) = (tracked.table(id), fields.remove(&id)) else { continue };
        let role_table = RoleTable {
            table: table.table.clone(),
            type_name: table.names.type_name.clone(),
            fields,
            nested,
            column_names: table.column_names.clone(),
            select: rules.select,
            insert: rules.insert,
            update: rules.update,
            delete: rules.delete,
        };
        tables.insert(id, Arc::new(role_table));
    }
    let mut schema = RoleSchema {
        role: role.to_owned(),
        queries: HashMap::new(),
        subscriptions: HashMap::new(),
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

/// What can be selected.
fn output_fields<'r>(
    table: &TrackedTable,
    rules: &Rules,
    reads: &dyn Fn(TableId) -> Option<&'r SelectRules>,
) -> HashMap<String, Field> {
    let mut fields = HashMap::new();
    if rules.select.is_none() {
        return fields;
    }
    for (column, seen_in) in &rules.columns {
        if let Some(name) = table.column_names.get(*column) {
            let cell = Cell { of: CellOf::Column(*column), seen_in: seen_in.clone() };
            fields.insert(name.clone(), Field::Column(cell));
        }
    }
    for (name, field) in &table.computed_fields {
        match field.returns {
            ComputedReturn::Scalar => {
                let Some(seen_in) = rules.computed.get(name) else { continue };
                fields.insert(name.clone(), Field::Computed(field.clone(), seen_in.clone()));
            }
            ComputedReturn::Rows(target) if reads(target).is_some() => {
                fields.insert(name.clone(), Field::Computed(field.clone(), None));
            }
            ComputedReturn::Rows(_) => {}
        }
    }
    for (name, to) in &table.object_relationships {
        if reads(to.target).is_some() {
            fields.insert(name.clone(), Field::Object(to.clone()));
        }
    }
    for (name, to) in &table.array_relationships {
        let Some(rules) = reads(to.target) else { continue };
        fields.insert(name.clone(), Field::Array(to.clone()));
        if rules.aggregations {
            fields.insert(format!("{name}_aggregate"), Field::Aggregate(to.clone()));
        }
    }
    fields
}

/// The relationships to tables into which the role may insert.
fn nested(
    table: &TrackedTable,
    inserts: &dyn Fn(TableId) -> bool,
) -> HashMap<String, (Relationship, Nesting)> {
    let one = table.object_relationships.iter().map(|(name, to)| (name, to, Nesting::One));
    let many = table.array_relationships.iter().map(|(name, to)| (name, to, Nesting::Many));
    let all = one.chain(many).filter(|(_, to, _)| inserts(to.target));
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
    if let Some(rules) = &table.select {
        let fields = [
            (true, names.select(), TableAction::Select),
            (key_is_readable, names.select_by_pk(), TableAction::SelectByPk),
            (rules.aggregations, names.select_aggregate(), TableAction::Aggregate),
            (table.has_columns(), names.select_stream(), TableAction::Stream),
        ];
        for (_, name, action) in fields.into_iter().filter(|(there, ..)| *there) {
            let is_among =
                |among: &Option<Vec<TableAction>>| among.as_ref().is_none_or(|among| among.contains(&action));
            let field = RootField::Table(action, table.clone());
            if action != TableAction::Stream && is_among(&rules.in_queries) {
                schema.queries.insert(name.clone(), field.clone());
            }
            if is_among(&rules.in_subscriptions) {
                schema.subscriptions.insert(name, field);
            }
        }
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
        || tracked.is_granted(&function.roles, role)
        || (function.exposed_as == ExposedAs::Query && tracked.options.infer_function_permissions);
    if !granted {
        return;
    }
    let aggregated = table.select.as_ref().is_some_and(|rules| rules.aggregations);
    let returns_set = function.callable.function.returns_set;
    let known = Arc::new(RoleFunction { callable: function.callable.clone(), table: table.clone() });
    let roots = match function.exposed_as {
        ExposedAs::Query => vec![&mut schema.queries, &mut schema.subscriptions],
        ExposedAs::Mutation => vec![&mut schema.mutations],
    };
    for fields in roots {
        if aggregated && returns_set {
            let name = format!("{}_aggregate", function.field_name);
            fields.insert(name, RootField::FunctionAggregate(known.clone()));
        }
        fields.insert(function.field_name.clone(), RootField::Function(known.clone()));
    }
}
