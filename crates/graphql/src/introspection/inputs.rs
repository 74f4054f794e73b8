//! What can be asked of a table, and what can be written to it.

use std::collections::BTreeSet;

use super::outputs::columns;
use super::sdl::{Sdl, has_fields, is_name};
use crate::catalog::ColumnIndex;
use crate::plan::{OF_NUMBERS, OF_ORDERED, UPDATE_OPERATORS, function_named, update_operand};
use crate::schema::{ComputedReturn, Field, Nesting, RoleTable};
use crate::value::type_name;

impl Sdl<'_> {
    /// The types of arguments about `table`.
    pub(super) fn inputs(&mut self, table: &RoleTable) {
        let of = table.type_name.as_str();
        if table.select.is_some() || table.update.is_some() || table.delete.is_some() {
            self.conditions(table);
        }
        if table.select.is_some() {
            let order: BTreeSet<String> =
                table.fields.iter().filter_map(|(name, field)| self.order(name, field)).collect();
            self.define("input", &format!("{of}_order_by"), &order);
            self.aggregate_inputs(table);
            self.stream_inputs(table);
        }
        if let Some(rules) = &table.insert {
            self.insert_inputs(table, &rules.columns);
        }
        if table.update.is_some() {
            self.update_inputs(table);
        }
    }

    fn conditions(&mut self, table: &RoleTable) {
        let of = &table.type_name;
        let mut fields = BTreeSet::from([
            format!("_and: [{of}_bool_exp!]"),
            format!("_or: [{of}_bool_exp!]"),
            format!("_not: {of}_bool_exp"),
        ]);
        for (name, field) in table.fields.iter().filter(|(name, _)| is_name(name)) {
            let ty = match field {
                Field::Column(cell) => {
                    let Some(ty) = cell.ty(&table.table) else { continue };
                    self.compared(ty)
                }
                Field::Computed(field, _) if field.callable.call().is_none() => continue,
                Field::Computed(field, _) => match field.returns {
                    ComputedReturn::Scalar => self.compared(&field.callable.function.returns),
                    ComputedReturn::Rows(target) => match self.role.table(target) {
                        Some(target) => format!("{}_bool_exp", target.type_name),
                        None => continue,
                    },
                },
                Field::Object(to) | Field::Array(to) => match self.role.table(to.target) {
                    Some(target) => format!("{}_bool_exp", target.type_name),
                    None => continue,
                },
                Field::Aggregate(to) => match self.role.table(to.target) {
                    Some(target) => format!("{}_aggregate_bool_exp", target.type_name),
                    None => continue,
                },
            };
            fields.insert(format!("{name}: {ty}"));
        }
        self.define("input", &format!("{of}_bool_exp"), &fields);
    }

    fn order(&self, name: &str, field: &Field) -> Option<String> {
        if !is_name(name) {
            return None;
        }
        match field {
            Field::Column(_) => Some(format!("{name}: order_by")),
            Field::Array(_) => None,
            Field::Computed(field, _) => {
                field.callable.call()?;
                match field.returns {
                    ComputedReturn::Scalar => Some(format!("{name}: order_by")),
                    ComputedReturn::Rows(target) => {
                        let target = self.role.table(target)?;
                        let counted = target.select.as_ref().is_some_and(|rules| rules.aggregations);
                        counted.then(|| format!("{name}_aggregate: {}_aggregate_order_by", target.type_name))
                    }
                }
            }
            Field::Object(to) => {
                let target = self.role.table(to.target).filter(|target| has_fields(target))?;
                Some(format!("{name}: {}_order_by", target.type_name))
            }
            Field::Aggregate(to) => {
                Some(format!("{name}: {}_aggregate_order_by", self.role.table(to.target)?.type_name))
            }
        }
    }

    fn stream_inputs(&mut self, table: &RoleTable) {
        let of = &table.type_name;
        let columns: Vec<_> = columns(table).collect();
        let columns =
            columns.into_iter().map(|(name, column)| format!("{name}: {}", self.column_type(column)));
        let columns: BTreeSet<String> = columns.collect();
        if columns.is_empty() {
            return;
        }
        self.define("input", &format!("{of}_stream_cursor_value_input"), &columns);
        let fields = [
            format!("initial_value: {of}_stream_cursor_value_input!"),
            "ordering: cursor_ordering".to_owned(),
        ];
        self.define("input", &format!("{of}_stream_cursor_input"), &BTreeSet::from(fields));
    }

    fn aggregate_inputs(&mut self, table: &RoleTable) {
        if !table.select.as_ref().is_some_and(|rules| rules.aggregations) {
            return;
        }
        let of = &table.type_name;
        let mut order = BTreeSet::from(["count: order_by".to_owned()]);
        for function in OF_NUMBERS.iter().chain(OF_ORDERED) {
            let fields: BTreeSet<String> = columns(table)
                .filter(|(_, column)| function_named(function, &column.ty).is_some())
                .map(|(name, _)| format!("{name}: order_by"))
                .collect();
            if !fields.is_empty() {
                self.define("input", &format!("{of}_{function}_order_by"), &fields);
                order.insert(format!("{function}: {of}_{function}_order_by"));
            }
        }
        self.define("input", &format!("{of}_aggregate_order_by"), &order);
        let mut conditions = BTreeSet::new();
        for (name, operand, list) in
            [("count", "Int", true), ("bool_and", "Boolean", false), ("bool_or", "Boolean", false)]
        {
            if !list && !table.has_columns() {
                continue;
            }
            let own_type = format!("{of}_aggregate_bool_exp_{name}");
            let mut fields = BTreeSet::from([
                "distinct: Boolean".to_owned(),
                format!("filter: {of}_bool_exp"),
                format!("predicate: {operand}_comparison_exp!"),
            ]);
            if table.has_columns() {
                let columns = format!("{of}_select_column!");
                fields.insert(if list {
                    format!("arguments: [{columns}]")
                } else {
                    format!("arguments: {columns}")
                });
            }
            self.define("input", &own_type, &fields);
            conditions.insert(format!("{name}: {own_type}"));
        }
        self.define("input", &format!("{of}_aggregate_bool_exp"), &conditions);
    }

    fn insert_inputs(&mut self, table: &RoleTable, allowed: &BTreeSet<ColumnIndex>) {
        let of = &table.type_name;
        let mut fields = BTreeSet::new();
        for column in allowed {
            let name = table.column_name(*column);
            if let Some(column) = table.table.columns.get(*column).filter(|_| is_name(name)) {
                let ty = self.column_type(column);
                fields.insert(format!("{name}: {ty}"));
            }
        }
        for (name, (to, nesting)) in table.nested.iter().filter(|(name, _)| is_name(name)) {
            if let Some(target) = self.role.table(to.target) {
                let kind = if *nesting == Nesting::One { "obj" } else { "arr" };
                fields.insert(format!("{name}: {}_{kind}_rel_insert_input", target.type_name));
            }
        }
        if fields.is_empty() {
            // An input without fields is none in GraphQL.
            fields.insert("_PLACEHOLDER: Boolean".to_owned());
        }
        let own_type = format!("{of}_insert_input");
        self.define("input", &own_type, &fields);
        let constraints: BTreeSet<String> = table
            .table
            .unique_constraints
            .iter()
            .map(|key| key.name.clone())
            .filter(|name| is_name(name))
            .collect();
        let conflict =
            if constraints.is_empty() { String::new() } else { format!("on_conflict: {of}_on_conflict") };
        for (kind, data) in [("obj", format!("data: {own_type}!")), ("arr", format!("data: [{own_type}!]!"))]
        {
            let fields = [data, conflict.clone()].into_iter().filter(|field| !field.is_empty()).collect();
            self.define("input", &format!("{of}_{kind}_rel_insert_input"), &fields);
        }
        if constraints.is_empty() {
            return;
        }
        self.define("enum", &format!("{of}_constraint"), &constraints);
        let updated = table.update.as_ref().map(|rules| &rules.columns);
        let updated = updated.into_iter().flatten().map(|column| table.column_name(*column).to_owned());
        let mut updated: BTreeSet<String> = updated.filter(|name| is_name(name)).collect();
        if updated.is_empty() {
            updated.insert("_PLACEHOLDER".to_owned());
        }
        self.define("enum", &format!("{of}_update_column"), &updated);
        let mut fields = BTreeSet::from([
            format!("constraint: {of}_constraint!"),
            format!("update_columns: [{of}_update_column!]! = []"),
        ]);
        if table.select.is_some() || table.update.is_some() || table.delete.is_some() {
            fields.insert(format!("where: {of}_bool_exp"));
        }
        self.define("input", &format!("{of}_on_conflict"), &fields);
    }

    fn update_inputs(&mut self, table: &RoleTable) {
        let of = &table.type_name;
        let mut updates = BTreeSet::from([format!("where: {of}_bool_exp!")]);
        for (name, suffix, columns) in update_operators(table) {
            let fields = columns.iter().map(|(column, ty)| format!("{column}: {ty}")).collect();
            for column in table.update.iter().flat_map(|rules| &rules.columns) {
                if let Some(column) = table.table.columns.get(*column) {
                    self.column_type(column);
                }
            }
            self.define("input", &format!("{of}{suffix}"), &fields);
            updates.insert(format!("{name}: {of}{suffix}"));
        }
        self.define("input", &format!("{of}_updates"), &updates);
        let mut key = BTreeSet::new();
        for column in &table.table.primary_key {
            let name = table.column_name(*column);
            if let Some(column) = table.table.columns.get(*column).filter(|_| is_name(name)) {
                let ty = self.column_type(column);
                key.insert(format!("{name}: {ty}!"));
            }
        }
        self.define("input", &format!("{of}_pk_columns_input"), &key);
    }
}

/// An operator's name, the end of its input type's name, and its columns with what each takes.
type OperatorColumns = (&'static str, &'static str, Vec<(String, String)>);

/// The operators that have columns to work on.
pub(super) fn update_operators(table: &RoleTable) -> Vec<OperatorColumns> {
    let allowed: Vec<ColumnIndex> =
        table.update.iter().flat_map(|rules| rules.columns.iter().copied()).collect();
    let operators = UPDATE_OPERATORS.iter().map(|operator| {
        let columns = allowed.iter().filter_map(|column| {
            let name = table.column_name(*column);
            let (ty, list) = update_operand(operator, &table.table.columns.get(*column)?.ty)?;
            is_name(name).then(|| (name.to_owned(), type_name(&ty, list)))
        });
        (operator.name, operator.suffix, columns.collect::<Vec<_>>())
    });
    operators.filter(|(_, _, columns)| !columns.is_empty()).collect()
}
