//! Writing one row: insert (with `on_conflict`), update and delete by primary key.

use std::collections::BTreeSet;

use base::project::GraphqlError;

use super::arguments::Arguments;
use super::input::Input;
use super::planner::{Planner, invalid};
use super::select::key_columns;
use super::selection::Selected;
use super::tree::{Assignment, Conflict, Delete, Insert, Update};
use crate::catalog::{ColumnIndex, TypeKind};
use crate::expression::{Filter, Value};
use crate::schema::RoleTable;
use crate::value::type_name;
use std::sync::Arc;

impl<'a> Planner<'a> {
    /// `insert_x_one(object, on_conflict)`.
    pub(super) fn insert_one(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Insert, GraphqlError> {
        let rules = table.insert.as_ref().ok_or_else(|| unknown(field, path))?;
        self.check_trust(rules.trusted_only, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let own_type = format!("{}_insert_input", table.type_name);
        let (object, at) = arguments.require(self, "object", &format!("{own_type}!"))?;
        let mut columns = self.columns(&object, table, &own_type, &rules.columns, &at)?;
        columns.extend(rules.presets.iter().cloned());
        let conflict =
            match arguments.take(self, "on_conflict", &format!("{}_on_conflict", table.type_name))? {
                Some((input, at)) if !self.is_null(&input) => Some(self.conflict(&input, table, &at)?),
                _ => None,
            };
        arguments.finish()?;
        Ok(Insert {
            table: table.table.clone(),
            columns,
            conflict,
            check: rules.check.clone(),
            answer: self.written(table, field, path)?,
        })
    }

    /// `update_x_by_pk(pk_columns, _set, _inc)`.
    pub(super) fn update_by_pk(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Update, GraphqlError> {
        let rules = table.update.as_ref().ok_or_else(|| unknown(field, path))?;
        self.check_trust(rules.trusted_only, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let key = self.key_object(table, &mut arguments)?;
        let mut set: Vec<(ColumnIndex, Assignment)> = Vec::new();
        let mut operators = 0;
        for (name, suffix) in [("_set", "_set_input"), ("_inc", "_inc_input")] {
            let own_type = format!("{}{suffix}", table.type_name);
            let Some((input, at)) = arguments.take(self, name, &own_type)? else { continue };
            operators += 1;
            for (column, value) in self.columns(&input, table, &own_type, &rules.columns, &at)? {
                if set.iter().any(|(other, _)| *other == column) {
                    let name = table.column_name(column);
                    return Err(invalid(&at, format!("column found in multiple operators: {name:?}")));
                }
                set.push((
                    column,
                    if name == "_inc" { increment(value, &at)? } else { Assignment::Set(value) },
                ));
            }
        }
        if operators == 0 && rules.presets.is_empty() {
            let message = "at least any one of _set, _inc operator is expected".to_owned();
            return Err(invalid(&format!("{path}.args"), message));
        }
        arguments.finish()?;
        set.extend(rules.presets.iter().map(|(column, value)| (*column, Assignment::Set(value.clone()))));
        Ok(Update {
            table: table.table.clone(),
            set,
            filter: rules.filter.clone().and(self.key_condition(table, &key)?),
            check: rules.check.clone(),
            answer: self.written(table, field, path)?,
        })
    }

    /// `delete_x_by_pk(key)`.
    pub(super) fn delete_by_pk(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Delete, GraphqlError> {
        let rules = table.delete.as_ref().ok_or_else(|| unknown(field, path))?;
        self.check_trust(rules.trusted_only, field, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let mut key = Vec::new();
        for (column, name) in key_columns(table) {
            let ty = &table.table.columns.get(column).ok_or_else(|| unknown(field, path))?.ty;
            let (input, at) = arguments.require(self, name, &format!("{}!", type_name(ty, false)))?;
            key.push((column, input, at));
        }
        arguments.finish()?;
        Ok(Delete {
            table: table.table.clone(),
            filter: rules.filter.clone().and(self.key_condition(table, &key)?),
            answer: self.deleted(table, field, path)?,
        })
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

    /// Columns with their values, of those that the role may give.
    fn columns(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        own_type: &str,
        allowed: &BTreeSet<ColumnIndex>,
        at: &str,
    ) -> Result<Vec<(ColumnIndex, Value)>, GraphqlError> {
        let column_of = |key: &str| table.column_named(key).filter(|column| allowed.contains(column));
        let expected = |key: &str| Some(type_name(&table.table.columns.get(column_of(key)?)?.ty, false));
        let entries = self.entries(input, own_type, at, &expected)?;
        entries
            .into_iter()
            .filter_map(|(key, entry)| {
                let column = column_of(&key)?;
                let ty = &table.table.columns.get(column)?.ty;
                let value = self.nullable_value(&entry, ty, false, &format!("{at}.{key}"));
                Some(value.map(|value| (column, value)))
            })
            .collect()
    }

    fn conflict(
        &self,
        input: &Input<'a>,
        table: &Arc<RoleTable>,
        at: &str,
    ) -> Result<Conflict, GraphqlError> {
        let own_type = format!("{}_on_conflict", table.type_name);
        let expected = |key: &str| match key {
            "constraint" => Some(format!("{}_constraint!", table.type_name)),
            "update_columns" => Some(format!("[{}_update_column!]!", table.type_name)),
            "where" => Some(format!("{}_bool_exp", table.type_name)),
            _ => None,
        };
        let mut constraint = None;
        let mut update = Vec::new();
        let mut asked = Filter::TRUE;
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            match key.as_str() {
                "constraint" => constraint = Some(self.constraint(&entry, table, &at)?),
                "update_columns" => update = self.update_columns(&entry, table, &at)?,
                _ if self.is_null(&entry) => {}
                _ => asked = self.condition(&entry, table, &at)?,
            }
        }
        let constraint = constraint.ok_or_else(|| invalid(at, "missing required field \"constraint\""))?;
        let rules = table.update.as_ref();
        let (presets, filter, check) = rules.map_or((Vec::new(), Filter::TRUE, Filter::TRUE), |rules| {
            (rules.presets.clone(), rules.filter.clone(), rules.check.clone())
        });
        Ok(Conflict { constraint, update, presets, filter: filter.and(asked), check })
    }

    fn constraint(&self, input: &Input<'a>, table: &RoleTable, at: &str) -> Result<String, GraphqlError> {
        let own_type = format!("{}_constraint", table.type_name);
        let name = self.enum_name(input, &own_type, at)?;
        let known = table.table.unique_constraints.iter().any(|constraint| constraint.name == name);
        if known { Ok(name) } else { Err(unknown_name(&name, &own_type, at)) }
    }

    fn update_columns(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Vec<ColumnIndex>, GraphqlError> {
        let own_type = format!("{}_update_column", table.type_name);
        let allowed = table.update.as_ref().map(|rules| &rules.columns);
        let mut columns = Vec::new();
        for item in self.items(input, &format!("{own_type}!"), at)? {
            let name = self.enum_name(&item, &own_type, at)?;
            let column = table
                .column_named(&name)
                .filter(|column| allowed.is_some_and(|allowed| allowed.contains(column)))
                .ok_or_else(|| unknown_name(&name, &own_type, at))?;
            columns.push(column);
        }
        Ok(columns)
    }

    fn check_trust(&self, trusted_only: bool, field: &Selected<'a>, path: &str) -> Result<(), GraphqlError> {
        if trusted_only && !self.trusted { Err(unknown(field, path)) } else { Ok(()) }
    }
}

fn increment(value: Value, at: &str) -> Result<Assignment, GraphqlError> {
    match value.ty.base().kind {
        TypeKind::Int | TypeKind::BigInt | TypeKind::Float | TypeKind::Numeric | TypeKind::Other => {
            Ok(Assignment::Increment(value))
        }
        _ => Err(invalid(at, "_inc takes numeric columns only")),
    }
}

fn unknown(field: &Selected<'_>, path: &str) -> GraphqlError {
    invalid(path, format!("field {:?} not found in type: 'mutation_root'", field.name))
}

fn unknown_name(name: &str, own_type: &str, at: &str) -> GraphqlError {
    invalid(at, format!("unexpected value {name:?} for enum: '{own_type}'"))
}
