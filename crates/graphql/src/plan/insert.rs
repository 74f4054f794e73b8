//! Inserting: one row or many, along with rows that belong to them, and what to do with those that exist.

use std::collections::BTreeSet;

use base::project::GraphqlError;

use super::arguments::Arguments;
use super::input::{Input, unknown_name};
use super::planner::{Planner, invalid};
use super::selection::Selected;
use super::tree::{Action, Conflict, Insert, InsertRow, NestedInsert};
use crate::catalog::ColumnIndex;
use crate::expression::{Filter, Value};
use crate::schema::{InsertRules, Nesting, Refers, Relationship, RoleTable};
use crate::value::{Source, type_name};
use std::sync::Arc;

/// The most rows of one mutation's field, those inserted along included.
const MAX_ROWS: usize = 10_000;

impl<'a> Planner<'a> {
    /// `insert_x_one(object, on_conflict)`.
    pub(super) fn insert_one(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let (object, at) =
            arguments.require(self, "object", &format!("{}_insert_input!", table.type_name))?;
        let conflict = arguments.take(self, "on_conflict", &format!("{}_on_conflict", table.type_name))?;
        arguments.finish()?;
        let insert = self.insert(table, &[(object, at.clone())], conflict, at, field)?;
        Ok(Action::Insert(Box::new(insert), self.answer_one(table, field, path)?))
    }

    /// `insert_x(objects, on_conflict)`.
    pub(super) fn insert_many(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let item_type = format!("{}_insert_input!", table.type_name);
        let (objects, at) = arguments.require(self, "objects", &format!("[{item_type}]!"))?;
        let conflict = arguments.take(self, "on_conflict", &format!("{}_on_conflict", table.type_name))?;
        arguments.finish()?;
        let objects = self.placed_items(&objects, &item_type, &at)?;
        let insert = self.insert(table, &objects, conflict, at, field)?;
        Ok(Action::Insert(Box::new(insert), self.answer_many(table, field, path)?))
    }

    /// The items of a list, each with where it stands.
    fn placed_items(
        &self,
        list: &Input<'a>,
        item_type: &str,
        at: &str,
    ) -> Result<Vec<(Input<'a>, String)>, GraphqlError> {
        let items = self.items(list, item_type, at)?.into_iter().enumerate();
        Ok(items.map(|(index, item)| (item, format!("{at}[{index}]"))).collect())
    }

    fn insert(
        &self,
        table: &Arc<RoleTable>,
        objects: &[(Input<'a>, String)],
        conflict: Option<(Input<'a>, String)>,
        at: String,
        field: &Selected<'a>,
    ) -> Result<Insert, GraphqlError> {
        let path = at.split(".args").next().unwrap_or_default();
        let rules = table.insert.as_ref().filter(|rules| self.trusted || !rules.trusted_only);
        let rules = rules.ok_or_else(|| {
            invalid(path, format!("field {:?} not found in type: 'mutation_root'", field.name))
        })?;
        self.insert_into(table, rules, objects, conflict, at, &[])
    }

    /// Rows for `table`; `given` are columns that rows inserted before determine.
    fn insert_into(
        &self,
        table: &Arc<RoleTable>,
        rules: &InsertRules,
        objects: &[(Input<'a>, String)],
        conflict: Option<(Input<'a>, String)>,
        at: String,
        given: &[(ColumnIndex, Value)],
    ) -> Result<Insert, GraphqlError> {
        let mut rows = Vec::with_capacity(objects.len());
        for (object, row_at) in objects {
            self.count_row(MAX_ROWS, &at)?;
            rows.push(self.row(table, rules, object, row_at, given)?);
        }
        let conflict = match conflict {
            Some((input, at)) if !self.is_null(&input) => Some(self.conflict(&input, table, &at)?),
            _ => None,
        };
        Ok(Insert { table: table.table.clone(), rows, conflict, check: rules.check.clone(), at })
    }

    fn row(
        &self,
        table: &Arc<RoleTable>,
        rules: &InsertRules,
        object: &Input<'a>,
        at: &str,
        given: &[(ColumnIndex, Value)],
    ) -> Result<InsertRow, GraphqlError> {
        let own_type = format!("{}_insert_input", table.type_name);
        let column_of = |key: &str| table.column_named(key).filter(|column| rules.columns.contains(column));
        let expected = |key: &str| {
            if let Some((to, nesting)) = table.nested.get(key) {
                let target = &self.schema.table(to.target)?.type_name;
                let kind = if *nesting == Nesting::One { "obj" } else { "arr" };
                return Some(format!("{target}_{kind}_rel_insert_input"));
            }
            Some(type_name(&table.table.columns.get(column_of(key)?)?.ty, false))
        };
        let mut row =
            InsertRow { given: given.len(), columns: given.to_vec(), before: Vec::new(), after: Vec::new() };
        let mut nested = Vec::new();
        for (key, entry) in self.entries(object, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            if let Some((to, nesting)) = table.nested.get(&key) {
                if !self.is_null(&entry) {
                    nested.push((to, *nesting, entry, at));
                }
                continue;
            }
            let Some(column) = column_of(&key) else { continue };
            let ty = &table.table.columns.get(column).ok_or_else(|| invalid(&at, "no such column"))?.ty;
            Self::set_once(
                table,
                &mut row.columns,
                column,
                self.nullable_value(&entry, ty, false, &at)?,
                &at,
            )?;
        }
        for (to, nesting, entry, at) in nested {
            self.nested_insert(table, to, nesting, &entry, &at, &mut row)?;
        }
        for (column, value) in &rules.presets {
            row.columns.retain(|(other, _)| other != column);
            row.columns.push((*column, value.clone()));
        }
        Ok(row)
    }

    fn set_once(
        table: &RoleTable,
        columns: &mut Vec<(ColumnIndex, Value)>,
        column: ColumnIndex,
        value: Value,
        at: &str,
    ) -> Result<(), GraphqlError> {
        if columns.iter().any(|(other, _)| *other == column) {
            let name = table.column_name(column);
            return Err(invalid(
                at,
                format!("cannot insert {name:?} column as it is already being determined by parent insert"),
            ));
        }
        columns.push((column, value));
        Ok(())
    }

    /// `author: {data: {…}, on_conflict}` or `articles: {data: [{…}], on_conflict}` inside a row.
    fn nested_insert(
        &self,
        table: &Arc<RoleTable>,
        to: &Relationship,
        nesting: Nesting,
        input: &Input<'a>,
        at: &str,
        row: &mut InsertRow,
    ) -> Result<(), GraphqlError> {
        let target = self.schema.table(to.target).ok_or_else(|| invalid(at, "no such table"))?;
        let rules = target.insert.as_ref().filter(|rules| self.trusted || !rules.trusted_only);
        let rules =
            rules.ok_or_else(|| invalid(at, format!("{:?} cannot be inserted into", target.type_name)))?;
        let item_type = format!("{}_insert_input!", target.type_name);
        let kind = if nesting == Nesting::One { "obj" } else { "arr" };
        let own_type = format!("{}_{kind}_rel_insert_input", target.type_name);
        let expected = |key: &str| match (key, nesting) {
            ("data", Nesting::One) => Some(item_type.clone()),
            ("data", Nesting::Many) => Some(format!("[{item_type}]!")),
            ("on_conflict", _) => Some(format!("{}_on_conflict", target.type_name)),
            _ => None,
        };
        let (mut data, mut conflict) = (None, None);
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            if key == "data" { data = Some((entry, at)) } else { conflict = Some((entry, at)) }
        }
        let (data, data_at) = data.ok_or_else(|| invalid(at, "missing required field \"data\""))?;
        let objects = match nesting {
            Nesting::One => vec![(data, data_at.clone())],
            Nesting::Many => self.placed_items(&data, &item_type, &data_at)?,
        };
        if objects.is_empty() {
            return Ok(());
        }
        match to.refers {
            Refers::This => {
                let insert =
                    self.deeper(at, || self.insert_into(target, rules, &objects, conflict, data_at, &[]))?;
                let mut takes = Vec::new();
                let first = row.given + row.before.iter().map(|before| before.takes.len()).sum::<usize>();
                for (place, (own, other)) in to.join.iter().enumerate() {
                    takes.push(*other);
                    let value = Self::given(&table.table.columns, *own, first + place, at)?;
                    Self::set_once(table, &mut row.columns, *own, value, at)?;
                }
                row.before.push(NestedInsert { takes, insert });
            }
            Refers::Other => {
                let mut given = Vec::new();
                for (place, (_, other)) in to.join.iter().enumerate() {
                    given.push((*other, Self::given(&target.table.columns, *other, place, at)?));
                }
                let insert =
                    self.deeper(at, || self.insert_into(target, rules, &objects, conflict, data_at, &given))?;
                let takes = to.join.iter().map(|(own, _)| *own).collect();
                row.after.push(NestedInsert { takes, insert });
            }
        }
        Ok(())
    }

    fn given(
        columns: &[crate::catalog::Column],
        column: ColumnIndex,
        place: usize,
        at: &str,
    ) -> Result<Value, GraphqlError> {
        let ty = &columns.get(column).ok_or_else(|| invalid(at, "no such column"))?.ty;
        Ok(Value { source: Source::Given(place), ty: ty.clone(), list: false })
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
        let mut known = table.table.unique_constraints.iter().map(|constraint| constraint.name.as_str());
        if known.clone().any(|known| known == name) {
            return Ok(name);
        }
        Err(unknown_name(&name, known.by_ref(), &own_type, at))
    }

    fn update_columns(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Vec<ColumnIndex>, GraphqlError> {
        let own_type = format!("{}_update_column", table.type_name);
        let none = BTreeSet::new();
        let allowed = table.update.as_ref().map_or(&none, |rules| &rules.columns);
        let items = self.items(input, &format!("{own_type}!"), at)?;
        if allowed.is_empty() && !items.is_empty() {
            // The enum has a placeholder alone, which names no column.
            let at = at.strip_suffix(".update_columns").unwrap_or(at);
            return Err(invalid(at, "erroneous column name"));
        }
        let mut columns = Vec::new();
        for item in items {
            let name = self.enum_name(&item, &own_type, at)?;
            let column =
                table.column_named(&name).filter(|column| allowed.contains(column)).ok_or_else(|| {
                    let known = allowed.iter().map(|column| table.column_name(*column));
                    unknown_name(&name, known, &own_type, at)
                })?;
            columns.push(column);
        }
        Ok(columns)
    }
}
