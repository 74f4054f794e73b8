//! What a table's rows and their numbers look like in answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sdl::{Sdl, is_name, list_arguments, parenthesised};
use crate::catalog::{Column, PgType, TypeKind};
use crate::plan::{OF_NUMBERS, OF_ORDERED, function_named};
use crate::schema::{ComputedField, ComputedReturn, Field, RoleTable};

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
            Field::Column(cell) => {
                let column = table.table.columns.get(cell.as_column()?)?;
                let ty = self.column_type(column);
                let path = if column.ty.base().kind == TypeKind::Json { "(path: String)" } else { "" };
                let never_null = column.not_null && cell.seen_in.is_none();
                format!("{name}{path}: {ty}{}", if never_null { "!" } else { "" })
            }
            Field::Computed(field, _) => self.computed(name, field)?,
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

    fn computed(&mut self, name: &str, field: &ComputedField) -> Option<String> {
        let args = self.function_arguments(&field.callable);
        Some(match field.returns {
            ComputedReturn::Scalar => {
                let returns = &field.callable.function.returns;
                let path = if returns.base().kind == TypeKind::Json { "path: String" } else { "" };
                let ty = self.named(returns);
                format!("{name}{}: {ty}", parenthesised(&[args, path.to_owned()]))
            }
            ComputedReturn::Rows(target) => {
                let target = self.role.table(target)?;
                format!("{name}{}: [{}!]", parenthesised(&[args, list_arguments(target)]), target.type_name)
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
            let mut fields: BTreeSet<String> = columns(table)
                .filter(|(_, column)| function_named(function, &column.ty).is_some())
                .map(|(name, column)| format!("{name}: {}", self.aggregated_type(function, &column.ty)))
                .collect();
            for (name, field) in computed(table) {
                let returns = &field.callable.function.returns;
                if function_named(function, returns).is_some() {
                    let args = parenthesised(&[self.function_arguments(&field.callable)]);
                    fields.insert(format!("{name}{args}: {}", self.aggregated_type(function, returns)));
                }
            }
            if !fields.is_empty() {
                self.define("type", &format!("{of}_{function}_fields"), &fields);
                numbers.insert(format!("{function}: {of}_{function}_fields"));
            }
        }
        self.define("type", &format!("{of}_aggregate_fields"), &numbers);
    }

    /// `sum`, `max` and `min` keep their column's type, the others make a float of it.
    fn aggregated_type(&mut self, function: &str, ty: &Arc<PgType>) -> String {
        let own = self.named(ty);
        if matches!(function, "sum" | "max" | "min") { own } else { "Float".to_owned() }
    }
}

/// The computed values that the role sees, by their names.
pub(super) fn computed(table: &RoleTable) -> impl Iterator<Item = (&str, &ComputedField)> {
    table.fields.iter().filter_map(|(name, field)| match field {
        Field::Computed(field, _) if is_name(name) && field.returns == ComputedReturn::Scalar => {
            Some((name.as_str(), &**field))
        }
        _ => None,
    })
}

/// The columns that the role sees, by their names.
pub(super) fn columns(table: &RoleTable) -> impl Iterator<Item = (&str, &Column)> {
    table.fields.iter().filter_map(|(name, field)| match field {
        Field::Column(cell) if is_name(name) => {
            Some((name.as_str(), table.table.columns.get(cell.as_column()?)?))
        }
        _ => None,
    })
}
