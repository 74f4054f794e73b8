//! `order_by`: by columns, through relationships to one row, and by numbers made of many.

use base::project::GraphqlError;

use super::aggregate::function_named;
use super::input::{Input, unknown_name};
use super::planner::{Planner, invalid};
use super::select::readable;
use super::tree::{Direction, OrderBy, OrderTarget};
use crate::expression::{Cell, Way};
use crate::schema::{ComputedReturn, Field, Relationship, RoleTable};
use std::sync::Arc;

/// The values of `order_by`.
pub(crate) const DIRECTIONS: &[&str] =
    &["asc", "asc_nulls_first", "asc_nulls_last", "desc", "desc_nulls_first", "desc_nulls_last"];

/// What is compared, and which way.
type Keys = Vec<(OrderTarget, Direction)>;

impl<'a> Planner<'a> {
    /// The keys in `input`, in their order.
    pub(super) fn order(
        &self,
        input: &Input<'a>,
        table: &Arc<RoleTable>,
        at: &str,
    ) -> Result<Vec<OrderBy>, GraphqlError> {
        let mut order = Vec::new();
        for item in self.items(input, &format!("{}_order_by!", table.type_name), at)? {
            for (target, direction) in self.order_keys(&item, table, at)? {
                order.push(OrderBy { target, direction });
            }
        }
        Ok(order)
    }

    fn order_keys(&self, input: &Input<'a>, table: &Arc<RoleTable>, at: &str) -> Result<Keys, GraphqlError> {
        let own_type = format!("{}_order_by", table.type_name);
        let unknown =
            |key: &str, at: &str| invalid(at, format!("field {key:?} not found in type: '{own_type}'"));
        let field_type = |field: &Field| match field {
            Field::Column(_) => Some("order_by".to_owned()),
            Field::Computed(field, _) if field.returns == ComputedReturn::Scalar => {
                Some("order_by".to_owned())
            }
            Field::Array(_) | Field::Computed(..) => None,
            Field::Object(to) => Some(format!("{}_order_by", self.schema.table(to.target)?.type_name)),
            Field::Aggregate(to) => {
                Some(format!("{}_aggregate_order_by", self.schema.table(to.target)?.type_name))
            }
        };
        let expected = |key: &str| {
            if let Some(field) = table.fields.get(key) {
                return field_type(field);
            }
            let (target, _) = self.computed_rows(table, key)?;
            Some(format!("{}_aggregate_order_by", target.type_name))
        };
        let mut keys = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            // A key whose order is null orders nothing.
            if self.is_null(&entry) {
                continue;
            }
            match table.fields.get(&key) {
                Some(Field::Column(cell)) => {
                    keys.push((OrderTarget::Cell(cell.clone()), self.direction(&entry, &at)?));
                }
                Some(Field::Computed(field, seen_in)) => {
                    let cell = field.cell(seen_in.clone()).ok_or_else(|| unknown(&key, &at))?;
                    keys.push((OrderTarget::Cell(cell), self.direction(&entry, &at)?));
                }
                Some(Field::Object(to)) => keys.extend(self.order_through(to, &entry, &at)?),
                Some(Field::Aggregate(to)) => {
                    let target = self.schema.table(to.target).ok_or_else(|| unknown(&key, &at))?;
                    keys.extend(self.order_aggregate(target, &Way::Join(to.join.clone()), &entry, &at)?);
                }
                Some(Field::Array(_)) => return Err(unknown(&key, &at)),
                None => {
                    let (target, way) = self.computed_rows(table, &key).ok_or_else(|| unknown(&key, &at))?;
                    keys.extend(self.order_aggregate(target, &way, &entry, &at)?);
                }
            }
        }
        Ok(keys)
    }

    fn order_through(&self, to: &Relationship, entry: &Input<'a>, at: &str) -> Result<Keys, GraphqlError> {
        let target = self.schema.table(to.target).ok_or_else(|| invalid(at, "no such table"))?;
        let rules = readable(target, at)?;
        let inner = self.deeper(at, || self.order_keys(entry, target, at))?;
        let through = inner.into_iter().map(|(inner, direction)| {
            let related = OrderTarget::Related {
                table: target.table.clone(),
                join: to.join.clone(),
                filter: rules.filter.clone(),
                target: Box::new(inner),
            };
            (related, direction)
        });
        Ok(through.collect())
    }

    /// The rows of the computed field `x` for the key `x_aggregate`, where they can be counted.
    fn computed_rows(&self, table: &RoleTable, key: &str) -> Option<(&Arc<RoleTable>, Way)> {
        let Some(Field::Computed(field, _)) = table.fields.get(key.strip_suffix("_aggregate")?) else {
            return None;
        };
        let ComputedReturn::Rows(target) = field.returns else { return None };
        let target = self.schema.table(target)?;
        let counted = target.select.as_ref().is_some_and(|rules| rules.aggregations);
        let call = field.callable.call().filter(|_| counted)?;
        Some((target, Way::Call(call)))
    }

    /// `{count: desc, max: {pages: asc}}` of the rows to which a way leads.
    fn order_aggregate(
        &self,
        target: &RoleTable,
        way: &Way,
        entry: &Input<'a>,
        at: &str,
    ) -> Result<Keys, GraphqlError> {
        let rules = readable(target, at)?;
        let own_type = format!("{}_aggregate_order_by", target.type_name);
        let expected = |key: &str| {
            Some(if key == "count" {
                "order_by".to_owned()
            } else {
                format!("{}_{key}_order_by", target.type_name)
            })
        };
        let key = |function| OrderTarget::Aggregate {
            table: target.table.clone(),
            way: way.clone(),
            filter: rules.filter.clone(),
            function,
        };
        let mut keys = Vec::new();
        for (name, inner) in self.entries(entry, &own_type, at, &expected)? {
            let at = format!("{at}.{name}");
            if self.is_null(&inner) {
                continue;
            }
            if name == "count" {
                keys.push((key(("count", None)), self.direction(&inner, &at)?));
                continue;
            }
            for (cell, function, direction) in self.order_columns(&name, target, &inner, &at)? {
                keys.push((key((function, Some(cell))), direction));
            }
        }
        Ok(keys)
    }

    /// `{pages: asc}` for an aggregate function.
    fn order_columns(
        &self,
        name: &str,
        target: &RoleTable,
        input: &Input<'a>,
        at: &str,
    ) -> Result<Vec<(Cell, &'static str, Direction)>, GraphqlError> {
        let own_type = format!("{}_{name}_order_by", target.type_name);
        let mut columns = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &|_| Some("order_by".to_owned()))? {
            let at = format!("{at}.{key}");
            if self.is_null(&entry) {
                continue;
            }
            let unknown = || invalid(&at, format!("field {key:?} not found in type: '{own_type}'"));
            let Some(Field::Column(cell)) = target.fields.get(&key) else { return Err(unknown()) };
            let ty = cell.ty(&target.table).ok_or_else(unknown)?;
            let function = function_named(name, ty).ok_or_else(unknown)?;
            columns.push((cell.clone(), function, self.direction(&entry, &at)?));
        }
        Ok(columns)
    }

    fn direction(&self, input: &Input<'a>, at: &str) -> Result<Direction, GraphqlError> {
        Ok(match self.enum_name(input, "order_by", at)?.as_str() {
            "asc" | "asc_nulls_last" => Direction::Asc,
            "asc_nulls_first" => Direction::AscNullsFirst,
            "desc" | "desc_nulls_first" => Direction::Desc,
            "desc_nulls_last" => Direction::DescNullsLast,
            other => return Err(unknown_name(other, DIRECTIONS.iter().copied(), "order_by", at)),
        })
    }
}
