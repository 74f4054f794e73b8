//! `where`: conditions of a request, in which a relationship carries the row filter that the role has on the
//! other table.

use base::project::GraphqlError;

use super::input::Input;
use super::planner::{Planner, invalid};
use super::select::readable;
use crate::catalog::{ColumnIndex, PgType, TableId};
use crate::expression::{Cell, Comparison, Filter, Operator, RowsNumber, Value, Way, cast_to};
use crate::schema::{ComputedReturn, Field, Relationship, RoleTable};
use crate::value::{comparison_name, type_name};
use std::sync::Arc;

impl<'a> Planner<'a> {
    /// The condition in `input` on rows of `table`.
    pub(super) fn condition(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Filter, GraphqlError> {
        let own_type = format!("{}_bool_exp", table.type_name);
        let expected = |key: &str| match key {
            "_and" | "_or" => Some(format!("[{own_type}!]")),
            "_not" => Some(own_type.clone()),
            key => match table.fields.get(key)? {
                Field::Column(cell) => Some(comparison_name(cell.ty(&table.table)?)),
                Field::Computed(field, _) => match field.returns {
                    ComputedReturn::Scalar => Some(comparison_name(&field.callable.function.returns)),
                    ComputedReturn::Rows(target) => {
                        Some(format!("{}_bool_exp", self.schema.table(target)?.type_name))
                    }
                },
                Field::Object(to) | Field::Array(to) => {
                    Some(format!("{}_bool_exp", self.schema.table(to.target)?.type_name))
                }
                Field::Aggregate(to) => {
                    Some(format!("{}_aggregate_bool_exp", self.schema.table(to.target)?.type_name))
                }
            },
        };
        let mut all = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            match key.as_str() {
                "_and" => all.push(Filter::And(self.conditions(&entry, table, &at)?)),
                "_or" => all.push(Filter::Or(self.conditions(&entry, table, &at)?)),
                "_not" => {
                    all.push(Filter::Not(Box::new(self.deeper(&at, || self.condition(&entry, table, &at))?)));
                }
                key => all.push(self.field_condition(key, &entry, table, &at)?),
            }
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    fn conditions(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Vec<Filter>, GraphqlError> {
        let items = self.items(input, &format!("{}_bool_exp!", table.type_name), at)?;
        let conditions = items.iter().enumerate().map(|(index, item)| {
            let at = format!("{at}[{index}]");
            self.deeper(&at, || self.condition(item, table, &at))
        });
        conditions.collect()
    }

    fn field_condition(
        &self,
        key: &str,
        entry: &Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Filter, GraphqlError> {
        let unknown =
            || invalid(at, format!("field {key:?} not found in type: '{}_bool_exp'", table.type_name));
        match table.fields.get(key).ok_or_else(unknown)? {
            Field::Column(cell) => self.comparisons(cell, entry, table, at),
            Field::Computed(field, seen_in) => match field.returns {
                ComputedReturn::Scalar => {
                    let cell = field.cell(seen_in.clone()).ok_or_else(unknown)?;
                    self.comparisons(&cell, entry, table, at)
                }
                ComputedReturn::Rows(target) => {
                    let way = Way::Call(field.callable.call().ok_or_else(unknown)?);
                    self.exists(target, way, entry, at)
                }
            },
            Field::Aggregate(to) => self.aggregate_conditions(to, entry, at),
            Field::Object(to) | Field::Array(to) => {
                self.exists(to.target, Way::Join(to.join.clone()), entry, at)
            }
        }
    }

    /// There is a row, among those that the role may read, that fulfils what is asked.
    fn exists(&self, target: TableId, way: Way, entry: &Input<'a>, at: &str) -> Result<Filter, GraphqlError> {
        let target = self.schema.table(target).ok_or_else(|| invalid(at, "no such table"))?;
        let rules = readable(target, at)?;
        let asked = self.deeper(at, || self.condition(entry, target, at))?;
        let filter = Box::new(rules.filter.clone().and(asked));
        Ok(Filter::Exists { table: target.table.clone(), way, filter })
    }

    fn comparisons(
        &self,
        cell: &Cell,
        input: &Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Filter, GraphqlError> {
        let ty = cell.ty(&table.table).ok_or_else(|| invalid(at, "no such column"))?;
        let all = self.comparison_list(ty, input, at)?;
        let compare = |comparison| Filter::Compare { cell: cell.clone(), comparison };
        let mut all: Vec<_> = all.into_iter().map(compare).collect();
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    /// `{_gt: 3, _lt: 5}` for a value of type `ty`.
    fn comparison_list(
        &self,
        ty: &Arc<PgType>,
        input: &Input<'a>,
        at: &str,
    ) -> Result<Vec<Comparison>, GraphqlError> {
        let own_type = comparison_name(ty);
        let expected = |key: &str| match key.strip_prefix('_')? {
            "is_null" => Some("Boolean".to_owned()),
            "cast" => (ty.base().name == "jsonb").then(|| "jsonb_cast_exp".to_owned()),
            name => {
                let (ty, list) = Operator::named(name, ty)?.operand_type(ty);
                Some(type_name(&ty, list))
            }
        };
        let mut all = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            let name = key.trim_start_matches('_');
            if name == "cast" {
                all.extend(self.casts(ty, &entry, &at)?);
                continue;
            }
            all.push(if name == "is_null" {
                if self.is_null(&entry) {
                    return Err(invalid(&at, "unexpected null value for type \"Boolean\""));
                }
                Comparison::IsNull(self.boolean(&entry, &at)?)
            } else {
                let operator = Operator::named(name, ty).ok_or_else(|| invalid(&at, "no such operator"))?;
                let (ty, list) = operator.operand_type(ty);
                Comparison::Value(operator, self.value(&entry, &ty, list, &at)?)
            });
        }
        Ok(all)
    }

    /// `{String: {_like: "%"}}`: what is asked of a value as other types.
    fn casts(&self, ty: &Arc<PgType>, input: &Input<'a>, at: &str) -> Result<Vec<Comparison>, GraphqlError> {
        let own_type = format!("{}_cast_exp", ty.graphql_name());
        let expected = |key: &str| cast_to(ty, key).map(|to| comparison_name(&to));
        let mut casts = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            if let Some(to) = cast_to(ty, &key) {
                let asked = self.comparison_list(&to, &entry, &format!("{at}.{key}"))?;
                casts.push(Comparison::Cast(to, asked));
            }
        }
        Ok(casts)
    }

    /// The condition that the primary key has the values of the arguments or entries in `key`.
    pub(super) fn key_condition(
        &self,
        table: &RoleTable,
        key: &[(ColumnIndex, Input<'a>, String)],
    ) -> Result<Filter, GraphqlError> {
        let mut filter = Filter::TRUE;
        for (column, input, at) in key {
            let ty = &table.table.columns.get(*column).ok_or_else(|| invalid(at, "no such column"))?.ty;
            let value = self.value(input, ty, false, at)?;
            let cell = match table.fields.get(table.column_name(*column)) {
                Some(Field::Column(cell)) => cell.clone(),
                _ => Cell::column(*column),
            };
            filter = filter.and(equals(cell, value, ty));
        }
        Ok(filter)
    }

    /// `{count: {predicate, arguments, distinct, filter}, bool_and: {…}, bool_or: {…}}` of a relationship's rows.
    fn aggregate_conditions(
        &self,
        to: &Relationship,
        input: &Input<'a>,
        at: &str,
    ) -> Result<Filter, GraphqlError> {
        let target = self.schema.table(to.target).ok_or_else(|| invalid(at, "no such table"))?;
        let own_type = format!("{}_aggregate_bool_exp", target.type_name);
        let expected =
            |key: &str| matches!(key, "count" | "bool_and" | "bool_or").then(|| format!("{own_type}_{key}"));
        let mut all = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            all.push(self.aggregate_condition(&key, to, target, &entry, &format!("{at}.{key}"))?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    fn aggregate_condition(
        &self,
        name: &str,
        to: &Relationship,
        target: &Arc<RoleTable>,
        input: &Input<'a>,
        at: &str,
    ) -> Result<Filter, GraphqlError> {
        let rules = target.select.as_ref().ok_or_else(|| invalid(at, "no such table"))?;
        let own_type = format!("{}_aggregate_bool_exp_{name}", target.type_name);
        let operand = if name == "count" { PgType::int() } else { PgType::bool() };
        let columns_type = format!("{}_select_column", target.type_name);
        let expected = |key: &str| match key {
            "predicate" => Some(format!("{}_comparison_exp!", operand.graphql_name())),
            "arguments" if name == "count" => Some(format!("[{columns_type}!]")),
            "arguments" => Some(format!("{columns_type}!")),
            "distinct" => Some("Boolean".to_owned()),
            "filter" => Some(format!("{}_bool_exp", target.type_name)),
            _ => None,
        };
        let (mut comparisons, mut columns, mut distinct) = (None, Vec::new(), false);
        let mut filter = rules.filter.clone();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            match key.as_str() {
                "predicate" => comparisons = Some(self.comparison_list(&operand, &entry, &at)?),
                _ if self.is_null(&entry) => {}
                "arguments" => columns = self.select_columns(&entry, target, &at)?,
                "distinct" => distinct = self.boolean(&entry, &at)?,
                _ => filter = filter.and(self.deeper(&at, || self.condition(&entry, target, &at))?),
            }
        }
        let number = match (name, columns.first()) {
            ("count", _) => RowsNumber::Count { columns, distinct },
            ("bool_and", Some(cell)) => RowsNumber::All(cell.clone()),
            ("bool_or", Some(cell)) => RowsNumber::Any(cell.clone()),
            _ => return Err(invalid(at, "missing required field \"arguments\"")),
        };
        let comparisons = comparisons.ok_or_else(|| invalid(at, "missing required field \"predicate\""))?;
        let table = target.table.clone();
        let way = Way::Join(to.join.clone());
        Ok(Filter::Aggregate { table, way, filter: Box::new(filter), number, comparisons })
    }
}

fn equals(cell: Cell, value: Value, ty: &Arc<PgType>) -> Filter {
    // Every type has equality in the table of operators, so this is never empty.
    Operator::named("eq", ty).map_or(Filter::Or(Vec::new()), |operator| Filter::Compare {
        cell,
        comparison: Comparison::Value(operator, value),
    })
}
