//! Changing and deleting rows: by a condition, by primary key, or several times.

use std::collections::BTreeSet;

use base::project::GraphqlError;

use super::arguments::Arguments;
use super::input::Input;
use super::planner::{Planner, invalid};
use super::select::key_columns;
use super::selection::Selected;
use super::tree::{Action, Assignment, Change, Delete, Update};
use crate::catalog::{ColumnIndex, PgType, TypeKind};
use crate::expression::Filter;
use crate::schema::{DeleteRules, RoleTable, UpdateRules};
use crate::value::type_name;
use std::sync::Arc;

/// An operator of updates: its argument, the end of its input type's name, and what it does.
pub(crate) struct UpdateOperator {
    pub(crate) name: &'static str,
    pub(crate) suffix: &'static str,
    change: Option<Change>,
}

/// All operators of updates.
pub(crate) const OPERATORS: &[UpdateOperator] = &[
    UpdateOperator { name: "_set", suffix: "_set_input", change: None },
    UpdateOperator { name: "_inc", suffix: "_inc_input", change: Some(Change::Increment) },
    UpdateOperator { name: "_append", suffix: "_append_input", change: Some(Change::Append) },
    UpdateOperator { name: "_prepend", suffix: "_prepend_input", change: Some(Change::Prepend) },
    UpdateOperator { name: "_delete_key", suffix: "_delete_key_input", change: Some(Change::Delete) },
    UpdateOperator { name: "_delete_elem", suffix: "_delete_elem_input", change: Some(Change::Delete) },
    UpdateOperator {
        name: "_delete_at_path",
        suffix: "_delete_at_path_input",
        change: Some(Change::DeleteAtPath),
    },
];

/// Operators with their inputs and where those stand.
type Given<'a> = Vec<(&'static UpdateOperator, Input<'a>, String)>;

impl<'a> Planner<'a> {
    /// `update_x_by_pk(pk_columns, _set, …)`.
    pub(super) fn update_by_pk(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let rules = update_rules(table, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let key = self.key_object(table, &mut arguments)?;
        let given = self.operators(table, &mut arguments)?;
        arguments.finish()?;
        let filter = self.key_condition(table, &key)?;
        let update = self.update(table, rules, filter, given, &format!("{path}.args"))?;
        Ok(Action::Update(Box::new(update), self.answer_one(table, field, path)?))
    }

    /// `update_x(where, _set, …)`.
    pub(super) fn update_where(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let rules = update_rules(table, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let (condition, at) = arguments.require(self, "where", &format!("{}_bool_exp!", table.type_name))?;
        let given = self.operators(table, &mut arguments)?;
        arguments.finish()?;
        let filter = self.condition(&condition, table, &at)?;
        let update = self.update(table, rules, filter, given, &format!("{path}.args"))?;
        Ok(Action::Update(Box::new(update), self.answer_many(table, field, path)?))
    }

    /// `update_x_many(updates: [{where, _set, …}])`.
    pub(super) fn update_many(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let rules = update_rules(table, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let own_type = format!("{}_updates", table.type_name);
        let (updates, at) = arguments.require(self, "updates", &format!("[{own_type}!]!"))?;
        arguments.finish()?;
        let expected = |key: &str| match key {
            "where" => Some(format!("{}_bool_exp!", table.type_name)),
            key => Some(format!("{}{}", table.type_name, operator_named(key)?.suffix)),
        };
        let mut planned = Vec::new();
        for (index, item) in self.items(&updates, &format!("{own_type}!"), &at)?.iter().enumerate() {
            self.count_field(&at)?;
            let at = format!("{at}[{index}]");
            let (mut filter, mut given) = (None, Vec::new());
            for (key, entry) in self.entries(item, &own_type, &at, &expected)? {
                let at = format!("{at}.{key}");
                match operator_named(&key) {
                    Some(operator) => given.push((operator, entry, at)),
                    None => filter = Some(self.condition(&entry, table, &at)?),
                }
            }
            let filter = filter.ok_or_else(|| invalid(&at, "missing required field \"where\""))?;
            planned.push(self.update(table, rules, filter, given, &at)?);
        }
        Ok(Action::UpdateMany(planned, self.answer_many(table, field, path)?))
    }

    /// `delete_x_by_pk(key)`.
    pub(super) fn delete_by_pk(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let rules = delete_rules(table, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let key = self.key_arguments(table, &mut arguments)?;
        arguments.finish()?;
        let filter = rules.filter.clone().and(self.key_condition(table, &key)?);
        let delete = Delete { table: table.table.clone(), filter };
        Ok(Action::Delete(Box::new(delete), self.answer_one(table, field, path)?))
    }

    /// `delete_x(where)`.
    pub(super) fn delete_where(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let rules = delete_rules(table, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let (condition, at) = arguments.require(self, "where", &format!("{}_bool_exp!", table.type_name))?;
        arguments.finish()?;
        let filter = rules.filter.clone().and(self.condition(&condition, table, &at)?);
        let delete = Delete { table: table.table.clone(), filter };
        Ok(Action::Delete(Box::new(delete), self.answer_many(table, field, path)?))
    }

    fn operators(&self, table: &RoleTable, arguments: &mut Arguments<'a>) -> Result<Given<'a>, GraphqlError> {
        let mut given = Vec::new();
        for operator in OPERATORS {
            let own_type = format!("{}{}", table.type_name, operator.suffix);
            if let Some((input, at)) = arguments.take(self, operator.name, &own_type)? {
                given.push((operator, input, at));
            }
        }
        Ok(given)
    }

    fn update(
        &self,
        table: &Arc<RoleTable>,
        rules: &UpdateRules,
        filter: Filter,
        given: Given<'a>,
        at: &str,
    ) -> Result<Update, GraphqlError> {
        if given.is_empty() && rules.presets.is_empty() {
            let names: Vec<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
            let message = format!("at least any one of {} operator is expected", names.join(", "));
            return Err(invalid(at, message));
        }
        let mut set: Vec<(ColumnIndex, Assignment)> = Vec::new();
        for (operator, input, at) in given {
            if self.is_null(&input) {
                continue;
            }
            for (column, assignment) in self.assignments(operator, &input, table, &rules.columns, &at)? {
                if set.iter().any(|(other, _)| *other == column) {
                    let name = table.column_name(column);
                    return Err(invalid(&at, format!("column found in multiple operators: {name:?}")));
                }
                set.push((column, assignment));
            }
        }
        set.extend(rules.presets.iter().map(|(column, value)| (*column, Assignment::Set(value.clone()))));
        let filter = rules.filter.clone().and(filter);
        Ok(Update { table: table.table.clone(), set, filter, check: rules.check.clone() })
    }

    fn assignments(
        &self,
        operator: &UpdateOperator,
        input: &Input<'a>,
        table: &RoleTable,
        allowed: &BTreeSet<ColumnIndex>,
        at: &str,
    ) -> Result<Vec<(ColumnIndex, Assignment)>, GraphqlError> {
        let own_type = format!("{}{}", table.type_name, operator.suffix);
        let operand = |key: &str| {
            let column = table.column_named(key).filter(|column| allowed.contains(column))?;
            let (ty, list) = operand_type(operator, &table.table.columns.get(column)?.ty)?;
            Some((column, ty, list))
        };
        let expected = |key: &str| operand(key).map(|(_, ty, list)| type_name(&ty, list));
        let mut assignments = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let Some((column, ty, list)) = operand(&key) else { continue };
            let at = format!("{at}.{key}");
            let value = self.nullable_value(&entry, &ty, list, &at)?;
            assignments.push((
                column,
                match operator.change {
                    None => Assignment::Set(value),
                    Some(change) => Assignment::Change(change, value),
                },
            ));
        }
        Ok(assignments)
    }

    fn key_object(
        &self,
        table: &RoleTable,
        arguments: &mut Arguments<'a>,
    ) -> Result<Vec<(ColumnIndex, Input<'a>, String)>, GraphqlError> {
        let own_type = format!("{}_pk_columns_input", table.type_name);
        let (input, at) = arguments.require(self, "pk_columns", &format!("{own_type}!"))?;
        let expected = |key: &str| {
            let (column, _) = key_columns(table).find(|(_, name)| *name == key)?;
            Some(format!("{}!", type_name(&table.table.columns.get(column)?.ty, false)))
        };
        let mut entries = self.entries(&input, &own_type, &at, &expected)?;
        key_columns(table)
            .map(|(column, name)| {
                let found = entries.iter().position(|(key, _)| key == name);
                let found = found.ok_or_else(|| invalid(&at, format!("missing required field {name:?}")))?;
                Ok((column, entries.swap_remove(found).1, format!("{at}.{name}")))
            })
            .collect()
    }
}

fn update_rules<'t>(
    table: &'t RoleTable,
    field: &Selected<'_>,
    path: &str,
) -> Result<&'t UpdateRules, GraphqlError> {
    table.update.as_ref().ok_or_else(|| unknown(field, path))
}

fn delete_rules<'t>(
    table: &'t RoleTable,
    field: &Selected<'_>,
    path: &str,
) -> Result<&'t DeleteRules, GraphqlError> {
    table.delete.as_ref().ok_or_else(|| unknown(field, path))
}

fn operator_named(name: &str) -> Option<&'static UpdateOperator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// The type of what an operator takes for a column of type `ty`, and whether it takes a list; `None` where it does
/// not belong to such columns.
pub(crate) fn operand_type(operator: &UpdateOperator, ty: &Arc<PgType>) -> Option<(Arc<PgType>, bool)> {
    let base = ty.base();
    let jsonb = base.name == "jsonb";
    match (operator.name, &base.kind) {
        ("_set", _) => Some((ty.clone(), false)),
        ("_inc", TypeKind::Int | TypeKind::BigInt | TypeKind::Float | TypeKind::Numeric) => {
            Some((ty.clone(), false))
        }
        ("_inc", TypeKind::Other) if base.name == "money" || base.name == "interval" => {
            Some((ty.clone(), false))
        }
        ("_append" | "_prepend", _) if jsonb => Some((ty.clone(), false)),
        ("_delete_key", _) if jsonb => Some((PgType::text(), false)),
        ("_delete_elem", _) if jsonb => Some((PgType::int(), false)),
        ("_delete_at_path", _) if jsonb => Some((PgType::text(), true)),
        _ => None,
    }
}

fn unknown(field: &Selected<'_>, path: &str) -> GraphqlError {
    invalid(path, format!("field {:?} not found in type: 'mutation_root'", field.name))
}
