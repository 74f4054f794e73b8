//! What a table's rows and their numbers look like in answers.

use std::collections::BTreeSet;

use super::sdl::{Sdl, is_name, list_arguments};
use crate::catalog::{Column, TypeKind};
use crate::plan::{OF_NUMBERS, OF_ORDERED, function_named};
use crate::schema::{Field, RoleTable};

impl Sdl<'_> {
    /// The types of answers about `table`.
    pub(super) fn outputs(&mut self, table: &RoleTable) {
        let of = &table.type_name;
        if table.select.is_some() {
            let fields: BTreeSet<String> =
                table.fields.iter().filter_map(|(name, field)| self.output(table, name, field)).collect();
            self.define("type", of, &fields);
            let columns: BTreeSet<String> = columns(table).map(|(name, _)| name.to_owned()).collect();
            self.define("enum", &format!("{of}_select_column"), &columns);
        }
        if table.select.as_ref().is_some_and(|rules| rules.aggregations) {
            self.aggregate(table);
        }
        if table.insert.is_some() || table.update.is_some() || table.delete.is_some() {
            let mut fields = BTreeSet::from(["affected_rows: Int!".to_owned()]);
            if table.select.is_some() {
                fields.insert(format!("returning: [{of}!]!"));
            }
            self.define("type", &format!("{of}_mutation_response"), &fields);
        }
    }

    fn output(&mut self, table: &RoleTable, name: &str, field: &Field) -> Option<String> {
        if !is_name(name) {
            return None;
        }
        let target = |to: &crate::schema::Relationship| self.role.table(to.target);
        Some(match field {
            Field::Column(column) => {
                let column = table.table.columns.get(*column)?;
                let ty = self.column_type(column);
                let path = if column.ty.base().kind == TypeKind::Json { "(path: String)" } else { "" };
                format!("{name}{path}: {ty}{}", if column.not_null { "!" } else { "" })
            }
            Field::Object(to) => format!("{name}: {}", target(to)?.type_name),
            Field::Array(to) => {
                let target = target(to)?;
                format!("{name}({}): [{}!]!", list_arguments(target), target.type_name)
            }
            Field::Aggregate(to) => {
                let target = target(to)?;
                format!("{name}({}): {}_aggregate!", list_arguments(target), target.type_name)
            }
        })
    }

    fn aggregate(&mut self, table: &RoleTable) {
        let of = &table.type_name;
        let fields = [format!("aggregate: {of}_aggregate_fields"), format!("nodes: [{of}!]!")];
        self.define("type", &format!("{of}_aggregate"), &BTreeSet::from(fields));
        let columns_argument = if table.has_columns() {
            format!("(columns: [{of}_select_column!] distinct: Boolean)")
        } else {
            String::new()
        };
        let mut numbers = BTreeSet::from([format!("count{columns_argument}: Int!")]);
        for function in OF_NUMBERS.iter().chain(OF_ORDERED) {
            let fields: BTreeSet<String> = columns(table)
                .filter(|(_, column)| function_named(function, &column.ty).is_some())
                .map(|(name, column)| (name.to_owned(), column))
                .map(|(name, column)| format!("{name}: {}", self.aggregated_type(function, column)))
                .collect();
            if !fields.is_empty() {
                self.define("type", &format!("{of}_{function}_fields"), &fields);
                numbers.insert(format!("{function}: {of}_{function}_fields"));
            }
        }
        self.define("type", &format!("{of}_aggregate_fields"), &numbers);
    }

    /// `sum`, `max` and `min` keep their column's type, the others make a float of it.
    fn aggregated_type(&mut self, function: &str, column: &Column) -> String {
        let own = self.column_type(column);
        if matches!(function, "sum" | "max" | "min") { own } else { "Float".to_owned() }
    }
}

/// The columns that the role sees, by their names.
pub(super) fn columns(table: &RoleTable) -> impl Iterator<Item = (&str, &Column)> {
    table.fields.iter().filter_map(|(name, field)| match field {
        Field::Column(column) if is_name(name) => Some((name.as_str(), table.table.columns.get(*column)?)),
        _ => None,
    })
}
