//! Counting and summing rows: `x_aggregate { aggregate { … } nodes { … } }`.

use base::project::GraphqlError;
use db::sql::Word;

use super::arguments::Arguments;
use super::input::unknown_name;
use super::planner::{Planner, invalid, word};
use super::select::is_long_number;
use super::selection::Selected;
use super::tree::{Aggregate, AggregateColumn, AggregateField, AggregateNumber, Count, From, Rows, Select};
use crate::catalog::{PgType, TypeKind};
use crate::expression::Cell;
use crate::schema::{ComputedReturn, Field, Relationship, RoleFunction, RoleTable};
use std::sync::Arc;

/// Aggregate functions of numbers: Hasura's name, which is PostgreSQL's too.
pub(crate) const OF_NUMBERS: &[&str] =
    &["sum", "avg", "stddev", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance"];

/// Aggregate functions of whatever has an order.
pub(crate) const OF_ORDERED: &[&str] = &["max", "min"];

/// The aggregate function `name` for columns of type `ty`, if it has any for them.
pub(crate) fn function_named(name: &str, ty: &Arc<PgType>) -> Option<&'static str> {
    let kind = &ty.base().kind;
    let number = matches!(kind, TypeKind::Int | TypeKind::BigInt | TypeKind::Float | TypeKind::Numeric);
    let summed = number || (name == "sum" && ty.base().name == "money");
    let find = |names: &'static [&'static str]| names.iter().find(|known| **known == name).copied();
    find(OF_NUMBERS).filter(|_| summed).or_else(|| find(OF_ORDERED).filter(|_| ty.has_greatest()))
}

impl<'a> Planner<'a> {
    /// A table's rows, counted and summed.
    pub(super) fn aggregate(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Aggregate, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let mut rows = || self.row_source(From::Table, table, path, &mut arguments);
        let rows = rows()?;
        arguments.finish()?;
        self.aggregate_of(rows, table, field, path)
    }

    /// A function's rows, counted and summed.
    pub(super) fn aggregate_function(
        &self,
        function: &RoleFunction,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Aggregate, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let from = From::Function(self.call(&function.callable, &mut arguments, path)?);
        let rows = self.row_source(from, &function.table, path, &mut arguments)?;
        arguments.finish()?;
        self.aggregate_of(rows, &function.table, field, path)
    }

    /// The rows of a relationship, counted and summed.
    pub(super) fn aggregate_related(
        &self,
        to: &Relationship,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Aggregate, GraphqlError> {
        let target = self.schema.table(to.target).ok_or_else(|| invalid(path, "no such table"))?;
        let mut arguments = Arguments::new(field, path)?;
        let mut rows = self.row_source(From::Table, target, path, &mut arguments)?;
        arguments.finish()?;
        rows.join.clone_from(&to.join);
        self.aggregate_of(rows, target, field, path)
    }

    fn aggregate_of(
        &self,
        rows: Select,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Aggregate, GraphqlError> {
        let type_name = format!("{}_aggregate", table.type_name);
        let mut fields = Vec::new();
        for inner in self.selected(&field.selections, &type_name, path)? {
            let at = format!("{path}.selectionSet.{}", inner.name);
            Arguments::new(&inner, &at)?.finish()?;
            let planned = match inner.name {
                "__typename" => AggregateField::Typename(word(&type_name, &at)?),
                "aggregate" => AggregateField::Numbers(self.numbers(table, &inner, &at)?),
                "nodes" => {
                    let fields = self.deeper(&at, || self.outputs(table, &inner, &at))?;
                    AggregateField::Nodes(Box::new(Select { fields, rows: Rows::Many, ..rows.same_rows() }))
                }
                name => return Err(invalid(&at, format!("field {name:?} not found in type: '{type_name}'"))),
            };
            fields.push((word(inner.key, &at)?, planned));
        }
        if fields.is_empty() {
            return Err(invalid(path, format!("missing selection set for {:?}", field.name)));
        }
        // The permission caps the nodes, not the numbers.
        Ok(Aggregate { rows: Select { permission_limit: None, ..rows }, fields })
    }

    fn numbers(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Vec<(Word, AggregateNumber)>, GraphqlError> {
        let type_name = format!("{}_aggregate_fields", table.type_name);
        let mut numbers = Vec::new();
        for inner in self.selected(&field.selections, &type_name, path)? {
            let at = format!("{path}.selectionSet.{}", inner.name);
            let number = match inner.name {
                "__typename" => AggregateNumber::Typename(word(&type_name, &at)?),
                "count" => AggregateNumber::Count(self.count(table, &inner, &at)?),
                name => {
                    let known = OF_NUMBERS.iter().chain(OF_ORDERED).find(|known| **known == name);
                    let columns = known.map(|known| self.function_columns(known, table, &inner, &at));
                    let unknown = || invalid(&at, format!("field {name:?} not found in type: '{type_name}'"));
                    AggregateNumber::Columns(known.ok_or_else(unknown)?, columns.ok_or_else(unknown)??)
                }
            };
            numbers.push((word(inner.key, &at)?, number));
        }
        Ok(numbers)
    }

    fn count(&self, table: &RoleTable, field: &Selected<'a>, at: &str) -> Result<Count, GraphqlError> {
        let mut arguments = Arguments::new(field, at)?;
        let own_type = format!("{}_select_column", table.type_name);
        let mut count = Count::default();
        if let Some((input, at)) = arguments.take(self, "columns", &format!("[{own_type}!]"))?
            && !self.is_null(&input)
        {
            count.columns = self.select_columns(&input, table, &at)?;
        }
        if let Some((input, at)) = arguments.take(self, "distinct", "Boolean")?
            && !self.is_null(&input)
        {
            count.distinct = self.boolean(&input, &at)?;
        }
        arguments.finish()?;
        Ok(count)
    }

    /// Names of columns that the role may read.
    pub(super) fn select_columns(
        &self,
        input: &super::input::Input<'a>,
        table: &RoleTable,
        at: &str,
    ) -> Result<Vec<Cell>, GraphqlError> {
        let own_type = format!("{}_select_column", table.type_name);
        let mut columns = Vec::new();
        for item in self.items(input, &format!("{own_type}!"), at)? {
            let name = self.enum_name(&item, &own_type, at)?;
            let Some(Field::Column(cell)) = table.fields.get(&name) else {
                let known = table.fields.iter().filter(|(_, field)| matches!(field, Field::Column(_)));
                let known = known.map(|(name, _)| name.as_str());
                return Err(unknown_name(&name, known, &own_type, at));
            };
            columns.push(cell.clone());
        }
        Ok(columns)
    }

    fn function_columns(
        &self,
        function: &'static str,
        table: &RoleTable,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Vec<(Word, AggregateColumn)>, GraphqlError> {
        let type_name = format!("{}_{function}_fields", table.type_name);
        Arguments::new(field, path)?.finish()?;
        let unknown =
            |name: &str, at: &str| invalid(at, format!("field {name:?} not found in type: '{type_name}'"));
        let mut columns = Vec::new();
        for inner in self.selected(&field.selections, &type_name, path)? {
            let at = format!("{path}.selectionSet.{}", inner.name);
            if inner.name == "__typename" {
                columns.push((word(inner.key, &at)?, AggregateColumn::Typename(word(&type_name, &at)?)));
                continue;
            }
            let mut arguments = Arguments::new(&inner, &at)?;
            let cell = match table.fields.get(inner.name) {
                Some(Field::Column(cell)) => cell.clone(),
                Some(Field::Computed(field, seen_in)) if field.returns == ComputedReturn::Scalar => {
                    self.computed_cell(field, seen_in.as_ref(), &mut arguments, &at)?
                }
                _ => return Err(unknown(inner.name, &at)),
            };
            arguments.finish()?;
            let ty = cell.ty(&table.table).filter(|ty| function_named(function, ty).is_some());
            let ty = ty.ok_or_else(|| unknown(inner.name, &at))?;
            let as_string = self.schema.options.stringify_numbers && is_long_number(ty);
            columns.push((word(inner.key, &at)?, AggregateColumn::Cell { cell, as_string }));
        }
        if columns.is_empty() {
            return Err(invalid(path, format!("missing selection set for {:?}", field.name)));
        }
        Ok(columns)
    }
}
