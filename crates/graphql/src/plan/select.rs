//! Reading: root fields, relationships, their arguments, and what is asked of each row.

use base::project::GraphqlError;
use db::sql::Word;

use super::arguments::Arguments;
use super::input::Input;
use super::planner::{Planner, invalid, word};
use super::selection::Selected;
use super::tree::{CellOutput, Direction, From, OrderBy, OrderTarget, Output, Rows, Select};
use crate::catalog::{ColumnIndex, PgType, TypeKind};
use crate::expression::{Argument, Call, Cell, CellOf, Filter};
use crate::schema::{
    Callable, ComputedField, ComputedReturn, Field, Relationship, RoleFunction, RoleTable, SelectRules,
};
use crate::value::type_name;
use std::sync::Arc;

impl<'a> Planner<'a> {
    /// Rows of a table, by its arguments.
    pub(super) fn select_many(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let select = self.rows(From::Table, table, field, path, &mut arguments)?;
        arguments.finish()?;
        Ok(select)
    }

    /// One row by its primary key.
    pub(super) fn select_by_pk(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let key = self.key_arguments(table, &mut arguments)?;
        arguments.finish()?;
        let rules = readable(table, path)?;
        let filter = rules.filter.clone().and(self.key_condition(table, &key)?);
        Ok(Select { filter, ..self.plain(From::Table, Rows::One, table, field, path)? })
    }

    /// The rows that a function returns.
    pub(super) fn select_function(
        &self,
        function: &RoleFunction,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        let mut arguments = Arguments::new(field, path)?;
        let from = From::Function(self.call(&function.callable, &mut arguments, path)?);
        let rows = if function.callable.function.returns_set { Rows::Many } else { Rows::One };
        let select = match rows {
            Rows::Many => self.rows(from, &function.table, field, path, &mut arguments)?,
            Rows::One => {
                let rules = readable(&function.table, path)?;
                Select {
                    filter: rules.filter.clone(),
                    ..self.plain(from, rows, &function.table, field, path)?
                }
            }
        };
        arguments.finish()?;
        Ok(select)
    }

    /// The arguments of a field that reaches one row by its primary key.
    pub(super) fn key_arguments(
        &self,
        table: &RoleTable,
        arguments: &mut Arguments<'a>,
    ) -> Result<Vec<(ColumnIndex, Input<'a>, String)>, GraphqlError> {
        let mut key = Vec::new();
        for (column, name) in key_columns(table) {
            let Some(found) = table.table.columns.get(column) else { continue };
            let (input, at) = arguments.require(self, name, &format!("{}!", type_name(&found.ty, false)))?;
            key.push((column, input, at));
        }
        Ok(key)
    }

    /// A function with the arguments that a client gives for it in `args`.
    pub(super) fn call(
        &self,
        callable: &Callable,
        arguments: &mut Arguments<'a>,
        path: &str,
    ) -> Result<Arc<Call>, GraphqlError> {
        let function = &callable.function;
        let names: Vec<String> = callable.argument_names().collect();
        let needed = callable.needs_input();
        let args_type = &callable.args_type;
        let given = if needed {
            Some(arguments.require(self, "args", &format!("{args_type}!"))?)
        } else {
            arguments.take(self, "args", args_type)?.filter(|(input, _)| !self.is_null(input))
        };
        let (entries, at) = match given {
            Some((input, at)) => {
                let expected = |key: &str| {
                    let place = names.iter().position(|name| name == key)?;
                    let argument = function.arguments.get(place)?;
                    callable.is_input(place).then(|| type_name(&argument.ty, false))
                };
                (self.entries(&input, args_type, &at, &expected)?, at)
            }
            None => (Vec::new(), format!("{path}.args.args")),
        };
        let mut values: Vec<Argument> = Vec::new();
        for ((place, argument), name) in function.arguments.iter().enumerate().zip(&names) {
            if let Some(filled) = callable.filled(place) {
                values.push(filled);
                continue;
            }
            match entries.iter().find(|(key, _)| key == name) {
                Some((_, input)) => {
                    // Where a name is lacking all are told by their places, so none in between may be missing.
                    let by_place = function.arguments.iter().any(|argument| argument.name.is_none());
                    if by_place && values.iter().any(|value| matches!(value, Argument::Default)) {
                        let message = "Only last set of positional arguments can be omitted";
                        return Err(GraphqlError::new("not-supported", at, message));
                    }
                    let at = format!("{at}.{name}");
                    values.push(Argument::Value(self.nullable_value(input, &argument.ty, false, &at)?));
                }
                None if argument.has_default => values.push(Argument::Default),
                None => return Err(invalid(&at, format!("missing required field {name:?}"))),
            }
        }
        Ok(Arc::new(Call { function: function.clone(), arguments: values }))
    }

    /// Rows with the arguments that every list has, and what of each.
    fn rows(
        &self,
        from: From,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
        arguments: &mut Arguments<'a>,
    ) -> Result<Select, GraphqlError> {
        let source = self.row_source(from, table, path, arguments)?;
        Ok(Select { fields: self.deeper(path, || self.outputs(table, field, path))?, ..source })
    }

    /// Rows with the arguments that every list has, and nothing of them.
    pub(super) fn row_source(
        &self,
        from: From,
        table: &Arc<RoleTable>,
        path: &str,
        arguments: &mut Arguments<'a>,
    ) -> Result<Select, GraphqlError> {
        let rules = readable(table, path)?;
        let mut select = bare(from, Rows::Many, table);
        select.filter = rules.filter.clone();
        select.permission_limit = rules.limit;
        if let Some((input, at)) = arguments.take(self, "where", &format!("{}_bool_exp", table.type_name))? {
            select.filter = rules.filter.clone().and(self.condition(&input, table, &at)?);
        }
        if let Some((input, at)) =
            arguments.take(self, "order_by", &format!("[{}_order_by!]", table.type_name))?
            && !self.is_null(&input)
        {
            select.order = self.order(&input, table, &at)?;
        }
        let select_column = format!("[{}_select_column!]", table.type_name);
        if let Some((input, at)) = arguments.take(self, "distinct_on", &select_column)?
            && !self.is_null(&input)
        {
            select.distinct = self.select_columns(&input, table, &at)?;
            order_distinct(&mut select, path)?;
        }
        if let Some((input, at)) = arguments.take(self, "limit", "Int")? {
            select.limit = Some(self.nullable_value(&input, &PgType::count(), false, &at)?);
        }
        if let Some((input, at)) = arguments.take(self, "offset", "Int")? {
            select.offset = Some(self.nullable_value(&input, &PgType::bigint(), false, &at)?);
        }
        Ok(select)
    }

    /// Rows without arguments, and what of each.
    pub(super) fn plain(
        &self,
        from: From,
        rows: Rows,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        let fields = self.deeper(path, || self.outputs(table, field, path))?;
        Ok(Select { fields, ..bare(from, rows, table) })
    }

    /// What is asked of each row.
    pub(super) fn outputs(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Vec<(Word, Output)>, GraphqlError> {
        let selected = self.selected(&field.selections, &table.type_name, path)?;
        if selected.is_empty() && field.selections.iter().all(|selection| selection.is_empty()) {
            let message = format!("missing selection set for {:?}", field.name);
            return Err(invalid(path, message));
        }
        let mut outputs = Vec::with_capacity(selected.len());
        for inner in selected {
            let at = format!("{path}.selectionSet.{}", inner.name);
            outputs.push((word(inner.key, &at)?, self.output(table, &inner, &at)?));
        }
        Ok(outputs)
    }

    fn output(&self, table: &Arc<RoleTable>, inner: &Selected<'a>, at: &str) -> Result<Output, GraphqlError> {
        if inner.name == "__typename" {
            return Ok(Output::Typename(word(&table.type_name, at)?));
        }
        let unknown =
            || invalid(at, format!("field {:?} not found in type: '{}'", inner.name, table.type_name));
        match table.fields.get(inner.name).ok_or_else(unknown)? {
            Field::Column(cell) => {
                let arguments = Arguments::new(inner, at)?;
                self.cell_output(table, cell.clone(), arguments, inner, at)
            }
            Field::Computed(field, seen_in) => self.computed(table, field, seen_in.as_ref(), inner, at),
            Field::Aggregate(to) => Ok(Output::Aggregate(Box::new(self.aggregate_related(to, inner, at)?))),
            Field::Object(to) => self.related(to, Rows::One, inner, at),
            Field::Array(to) => self.related(to, Rows::Many, inner, at),
        }
    }

    /// What a function makes of the row: a value, or rows of another table with the arguments of a list.
    fn computed(
        &self,
        table: &RoleTable,
        field: &ComputedField,
        seen_in: Option<&Arc<Filter>>,
        inner: &Selected<'a>,
        at: &str,
    ) -> Result<Output, GraphqlError> {
        let mut arguments = Arguments::new(inner, at)?;
        match field.returns {
            ComputedReturn::Scalar => {
                let cell = self.computed_cell(field, seen_in, &mut arguments, at)?;
                self.cell_output(table, cell, arguments, inner, at)
            }
            ComputedReturn::Rows(target) => {
                let target = self.schema.table(target).ok_or_else(|| invalid(at, "no such table"))?;
                let from = From::Function(self.call(&field.callable, &mut arguments, at)?);
                let select = self.rows(from, target, inner, at, &mut arguments)?;
                arguments.finish()?;
                Ok(Output::Related(Box::new(select)))
            }
        }
    }

    /// A computed value, with what a client gives for it.
    pub(super) fn computed_cell(
        &self,
        field: &ComputedField,
        seen_in: Option<&Arc<Filter>>,
        arguments: &mut Arguments<'a>,
        at: &str,
    ) -> Result<Cell, GraphqlError> {
        let call = self.call(&field.callable, arguments, at)?;
        Ok(Cell { of: CellOf::Call(call), seen_in: seen_in.cloned() })
    }

    fn related(
        &self,
        to: &Relationship,
        rows: Rows,
        inner: &Selected<'a>,
        at: &str,
    ) -> Result<Output, GraphqlError> {
        let target = self.schema.table(to.target).ok_or_else(|| invalid(at, "no such table"))?;
        let mut arguments = Arguments::new(inner, at)?;
        let mut select = match rows {
            Rows::Many => self.rows(From::Table, target, inner, at, &mut arguments)?,
            Rows::One => {
                let rules = readable(target, at)?;
                Select { filter: rules.filter.clone(), ..self.plain(From::Table, rows, target, inner, at)? }
            }
        };
        arguments.finish()?;
        select.join.clone_from(&to.join);
        Ok(Output::Related(Box::new(select)))
    }

    fn cell_output(
        &self,
        table: &RoleTable,
        cell: Cell,
        mut arguments: Arguments<'a>,
        inner: &Selected<'a>,
        at: &str,
    ) -> Result<Output, GraphqlError> {
        if inner.selections.iter().any(|selection| !selection.is_empty()) {
            return Err(invalid(at, "unexpected subselection set for non-object field"));
        }
        let ty = cell.ty(&table.table).ok_or_else(|| invalid(at, "no such column"))?;
        let mut path = None;
        if ty.base().kind == TypeKind::Json
            && let Some((input, at)) = arguments.take(self, "path", "String")?
            && !self.is_null(&input)
        {
            path = self.json_path(&input, &at)?;
        }
        arguments.finish()?;
        let as_string = self.schema.options.stringify_numbers && is_long_number(ty);
        Ok(Output::Cell(CellOutput { cell, path, as_string }))
    }
}

/// Rows without anything yet.
pub(super) fn bare(from: From, rows: Rows, table: &RoleTable) -> Select {
    Select {
        from,
        table: table.table.clone(),
        join: Vec::new(),
        filter: Filter::TRUE,
        distinct: Vec::new(),
        order: Vec::new(),
        limit: None,
        permission_limit: None,
        offset: None,
        rows,
        fields: Vec::new(),
    }
}

/// PostgreSQL wants the columns of `distinct on` first in the order. An order that begins otherwise contradicts.
fn order_distinct(select: &mut Select, path: &str) -> Result<(), GraphqlError> {
    let distinct: Vec<ColumnIndex> = select.distinct.iter().filter_map(Cell::as_column).collect();
    let mut ordered = Vec::new();
    for key in select.order.iter().take(distinct.len()) {
        let column = match &key.target {
            OrderTarget::Cell(cell) => cell.as_column(),
            _ => None,
        };
        let Some(column) = column.filter(|column| distinct.contains(column)) else {
            let message = "\"distinct_on\" columns must match initial \"order_by\" columns";
            return Err(invalid(&format!("{path}.args"), message));
        };
        ordered.push(column);
    }
    let missing =
        select.distinct.iter().filter(|cell| !cell.as_column().is_some_and(|at| ordered.contains(&at)));
    let missing: Vec<Cell> = missing.cloned().collect();
    for (place, cell) in missing.into_iter().enumerate() {
        let key = OrderBy { target: OrderTarget::Cell(cell), direction: Direction::Asc };
        select.order.insert(ordered.len() + place, key);
    }
    Ok(())
}

/// Whether a type's numbers can be longer than what JavaScript's hold exactly.
pub(super) fn is_long_number(ty: &Arc<PgType>) -> bool {
    let base = ty.base();
    matches!(base.kind, TypeKind::BigInt | TypeKind::Numeric) || base.name == "float8"
}

pub(super) fn readable<'t>(table: &'t RoleTable, at: &str) -> Result<&'t SelectRules, GraphqlError> {
    table.select.as_ref().ok_or_else(|| invalid(at, format!("{:?} cannot be read", table.type_name)))
}

/// The columns of the primary key that a key object or argument names.
pub(super) fn key_columns(table: &RoleTable) -> impl Iterator<Item = (ColumnIndex, &str)> {
    table.table.primary_key.iter().map(|column| (*column, table.column_name(*column)))
}
