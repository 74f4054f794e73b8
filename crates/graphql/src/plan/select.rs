//! Reading: root fields, relationships, their arguments, and what is asked of each row.

use base::project::GraphqlError;
use db::sql::Word;

use super::arguments::Arguments;
use super::input::Input;
use super::planner::{Planner, invalid, word};
use super::selection::Selected;
use super::tree::{Direction, From, OrderBy, OrderTarget, Output, Rows, Select};
use crate::catalog::{ColumnIndex, PgType};
use crate::expression::{Filter, Value};
use crate::schema::{Field, Relationship, RoleFunction, RoleTable, SelectRules};
use crate::value::{Source, type_name};
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
        let select = self.rows(From::Table, Rows::Many, table, field, path, &mut arguments)?;
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
        let mut key = Vec::new();
        for column in &table.table.primary_key {
            let ty = &table.table.columns.get(*column).ok_or_else(|| invalid(path, "no such column"))?.ty;
            let (input, at) =
                arguments.require(self, table.column_name(*column), &format!("{}!", type_name(ty, false)))?;
            key.push((*column, input, at));
        }
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
        let values = self.function_arguments(function, &mut arguments)?;
        let from = From::Function(function.function.clone(), values);
        let rows = if function.function.returns_set { Rows::Many } else { Rows::One };
        let select = match rows {
            Rows::Many => self.rows(from, rows, &function.table, field, path, &mut arguments)?,
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

    /// What a mutation answers of the row that it wrote.
    pub(super) fn written(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        let select = self.plain(From::Written, Rows::One, table, field, path)?;
        if !select.reads_related() || table.table.primary_key.is_empty() {
            return Ok(select);
        }
        // Other tables show what the write did to them only to a statement after it.
        Ok(Select { from: From::Table, filter: Self::written_condition(table), ..select })
    }

    /// What a mutation answers of the row that it deleted; its relations are read as they were before.
    pub(super) fn deleted(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        self.plain(From::Written, Rows::One, table, field, path)
    }

    fn function_arguments(
        &self,
        function: &RoleFunction,
        arguments: &mut Arguments<'a>,
    ) -> Result<Vec<Option<Value>>, GraphqlError> {
        let args_type = format!("{}_args", function.field_name);
        let given = arguments.take(self, "args", &format!("{args_type}!"))?;
        let (entries, at) = match given {
            None => (Vec::new(), String::new()),
            Some((input, at)) => {
                let expected = |key: &str| {
                    let mut shown = function.function.arguments.iter().enumerate();
                    let found = shown.find(|(place, argument)| {
                        Some(*place) != function.session_argument && argument.name.as_deref() == Some(key)
                    });
                    found.map(|(_, argument)| type_name(&argument.ty, false))
                };
                (self.entries(&input, &args_type, &at, &expected)?, at)
            }
        };
        let mut values = Vec::new();
        for (place, argument) in function.function.arguments.iter().enumerate() {
            if Some(place) == function.session_argument {
                values.push(Some(Value { source: Source::WholeSession, ty: PgType::json(), list: false }));
                continue;
            }
            let name = argument.name.as_deref().unwrap_or_default();
            match entries.iter().find(|(key, _)| key == name) {
                Some((_, input)) => {
                    values.push(Some(self.nullable_value(
                        input,
                        &argument.ty,
                        false,
                        &format!("{at}.{name}"),
                    )?));
                }
                None if argument.has_default => values.push(None),
                None => return Err(invalid(&at, format!("missing required field {name:?}"))),
            }
        }
        Ok(values)
    }

    /// Rows with the arguments that every list has.
    fn rows(
        &self,
        from: From,
        rows: Rows,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
        arguments: &mut Arguments<'a>,
    ) -> Result<Select, GraphqlError> {
        let rules = readable(table, path)?;
        let mut select = self.plain(from, rows, table, field, path)?;
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
        if let Some((input, at)) = arguments.take(self, "limit", "Int")? {
            select.limit = Some(self.nullable_value(&input, &PgType::count(), false, &at)?);
        }
        if let Some((input, at)) = arguments.take(self, "offset", "Int")? {
            select.offset = Some(self.nullable_value(&input, &PgType::bigint(), false, &at)?);
        }
        Ok(select)
    }

    /// Rows without arguments.
    fn plain(
        &self,
        from: From,
        rows: Rows,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Select, GraphqlError> {
        Ok(Select {
            from,
            table: table.table.clone(),
            join: Vec::new(),
            filter: Filter::TRUE,
            order: Vec::new(),
            limit: None,
            permission_limit: None,
            offset: None,
            rows,
            fields: self.deeper(path, || self.outputs(table, field, path))?,
        })
    }

    fn outputs(
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
            Field::Column(column) => {
                Arguments::new(inner, at)?.finish()?;
                if inner.selections.iter().any(|selection| !selection.is_empty()) {
                    return Err(invalid(at, "unexpected subselection set for non-object field"));
                }
                Ok(Output::Column(*column))
            }
            Field::Object(to) => self.related(to, Rows::One, inner, at),
            Field::Array(to) => self.related(to, Rows::Many, inner, at),
        }
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
            Rows::Many => self.rows(From::Table, rows, target, inner, at, &mut arguments)?,
            Rows::One => {
                let rules = readable(target, at)?;
                Select { filter: rules.filter.clone(), ..self.plain(From::Table, rows, target, inner, at)? }
            }
        };
        arguments.finish()?;
        select.join.clone_from(&to.join);
        Ok(Output::Related(Box::new(select)))
    }

    fn order(
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

    fn order_keys(
        &self,
        input: &Input<'a>,
        table: &Arc<RoleTable>,
        at: &str,
    ) -> Result<Vec<(OrderTarget, Direction)>, GraphqlError> {
        let own_type = format!("{}_order_by", table.type_name);
        let expected = |key: &str| match table.fields.get(key)? {
            Field::Column(_) => Some("order_by".to_owned()),
            Field::Object(to) => Some(format!("{}_order_by", self.schema.table(to.target)?.type_name)),
            Field::Array(_) => None,
        };
        let mut keys = Vec::new();
        for (key, entry) in self.entries(input, &own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            // A key whose order is null orders nothing.
            if self.is_null(&entry) {
                continue;
            }
            match table.fields.get(&key) {
                Some(Field::Column(column)) => {
                    keys.push((OrderTarget::Column(*column), self.direction(&entry, &at)?));
                }
                Some(Field::Object(to)) => keys.extend(self.order_through(to, &entry, &at)?),
                _ => return Err(invalid(&at, format!("field {key:?} not found in type: '{own_type}'"))),
            }
        }
        Ok(keys)
    }

    fn order_through(
        &self,
        to: &Relationship,
        entry: &Input<'a>,
        at: &str,
    ) -> Result<Vec<(OrderTarget, Direction)>, GraphqlError> {
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

    fn direction(&self, input: &Input<'a>, at: &str) -> Result<Direction, GraphqlError> {
        Ok(match self.enum_name(input, "order_by", at)?.as_str() {
            "asc" | "asc_nulls_last" => Direction::Asc,
            "asc_nulls_first" => Direction::AscNullsFirst,
            "desc" | "desc_nulls_first" => Direction::Desc,
            "desc_nulls_last" => Direction::DescNullsLast,
            other => {
                let message = format!(
                    "expected one of the values asc, asc_nulls_first, asc_nulls_last, desc, desc_nulls_first, or desc_nulls_last for type \"order_by\", but found {other:?}"
                );
                return Err(invalid(at, message));
            }
        })
    }
}

pub(super) fn readable<'t>(table: &'t RoleTable, at: &str) -> Result<&'t SelectRules, GraphqlError> {
    table.select.as_ref().ok_or_else(|| invalid(at, format!("{:?} cannot be read", table.type_name)))
}

/// The columns of the primary key that a key object or argument names.
pub(super) fn key_columns(table: &RoleTable) -> impl Iterator<Item = (ColumnIndex, &str)> {
    table.table.primary_key.iter().map(|column| (*column, table.column_name(*column)))
}
