//! `x_stream(batch_size, cursor, where)`: the rows behind a cursor, and from then on those that come.

use base::project::GraphqlError;

use super::arguments::Arguments;
use super::input::{Input, unknown_name};
use super::planner::{Planner, invalid};
use super::select::{bare, readable};
use super::selection::Selected;
use super::tree::{Direction, From, OrderBy, OrderTarget, Rows, Select, Stream};
use crate::catalog::{PgType, Table};
use crate::expression::{Cell, Comparison, Filter, Operator, Value};
use crate::schema::{Field, RoleTable};
use crate::value::{Source, type_name};
use std::sync::Arc;

/// The column of a cursor, where it starts, and which way it goes.
type Cursor = (Cell, Value, Direction);

impl<'a> Planner<'a> {
    /// The stream of a table's rows.
    pub(super) fn stream(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Stream, GraphqlError> {
        let rules = readable(table, path)?;
        let mut arguments = Arguments::new(field, path)?;
        let mut rows = bare(From::Table, Rows::Many, table);
        rows.filter = rules.filter.clone();
        rows.permission_limit = rules.limit;
        if let Some((input, at)) = arguments.take(self, "where", &format!("{}_bool_exp", table.type_name))? {
            rows.filter = rows.filter.and(self.condition(&input, table, &at)?);
        }
        let cursor_type = format!("[{}_stream_cursor_input]!", table.type_name);
        let (cursor, at) = arguments.require(self, "cursor", &cursor_type)?;
        let (cell, start, direction) = self.cursor(&cursor, table, &at, path)?;
        let (batch_size, at) = arguments.require(self, "batch_size", "Int!")?;
        rows.limit = Some(self.value(&batch_size, &PgType::count(), false, &at)?);
        arguments.finish()?;
        let cursor = place(&table.table, cell, direction);
        rows.filter = rows.filter.and(behind(&table.table, &cursor, 0));
        let order = cursor.iter().map(|(cell, direction)| OrderBy {
            target: OrderTarget::Cell(cell.clone()),
            direction: *direction,
        });
        rows.order = order.collect();
        let fields = self.deeper(path, || self.outputs(table, field, path))?;
        Ok(Stream { rows: Select { fields, ..rows }, cursor, start })
    }

    /// The one cursor in `[{initial_value: {seq: 5}, ordering: ASC}]`.
    fn cursor(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        at: &str,
        path: &str,
    ) -> Result<Cursor, GraphqlError> {
        let own_type = format!("{}_stream_cursor_input", table.type_name);
        let mut cursors = Vec::new();
        for (index, item) in self.items(input, &own_type, at)?.iter().enumerate() {
            if !self.is_null(item) {
                cursors.extend(self.cursor_columns(item, table, &own_type, &format!("{at}[{index}]"))?);
            }
        }
        let args = format!("{path}.args");
        match cursors.pop() {
            None => Err(invalid(&args, "one streaming column field is expected")),
            Some(cursor) if cursors.is_empty() => Ok(cursor),
            Some(_) => Err(invalid(&args, "multiple column cursors are not supported yet")),
        }
    }

    fn cursor_columns(
        &self,
        input: &Input<'a>,
        table: &RoleTable,
        own_type: &str,
        at: &str,
    ) -> Result<Vec<Cursor>, GraphqlError> {
        let value_type = format!("{}_stream_cursor_value_input", table.type_name);
        let expected = |key: &str| match key {
            "initial_value" => Some(format!("{value_type}!")),
            "ordering" => Some("cursor_ordering".to_owned()),
            _ => None,
        };
        let (mut start, mut direction) = (None, Direction::Asc);
        for (key, entry) in self.entries(input, own_type, at, &expected)? {
            let at = format!("{at}.{key}");
            if key == "initial_value" {
                start = Some((entry, at));
            } else if !self.is_null(&entry) {
                direction = self.cursor_ordering(&entry, &at)?;
            }
        }
        let (start, at) = start.ok_or_else(|| invalid(at, "missing required field \"initial_value\""))?;
        let column = |key: &str| match table.fields.get(key)? {
            Field::Column(cell) => Some((cell, cell.ty(&table.table)?)),
            _ => None,
        };
        let expected = |key: &str| column(key).map(|(_, ty)| type_name(ty, false));
        let mut cursors = Vec::new();
        for (key, entry) in self.entries(&start, &value_type, &at, &expected)? {
            let Some((cell, ty)) = column(&key) else { continue };
            let start = self.value(&entry, ty, false, &format!("{at}.{key}"))?;
            cursors.push((cell.clone(), start, direction));
        }
        Ok(cursors)
    }

    fn cursor_ordering(&self, input: &Input<'a>, at: &str) -> Result<Direction, GraphqlError> {
        match self.enum_name(input, "cursor_ordering", at)?.as_str() {
            "ASC" => Ok(Direction::Asc),
            "DESC" => Ok(Direction::Desc),
            name => Err(unknown_name(name, ["ASC", "DESC"].into_iter(), "cursor_ordering", at)),
        }
    }
}

/// The cells that tell a row's place in the stream: the cursor, and where that may be equal in several rows, the
/// rest of the primary key.
fn place(table: &Table, cursor: Cell, direction: Direction) -> Vec<(Cell, Direction)> {
    let column = cursor.as_column();
    let mut place = vec![(cursor, direction)];
    let unique =
        table.unique_constraints.iter().any(|unique| column.is_some_and(|column| unique.columns == [column]));
    if !unique {
        let rest = table.primary_key.iter().filter(|key| Some(**key) != column);
        place.extend(rest.map(|key| (Cell::column(*key), Direction::Asc)));
    }
    place
}

/// The condition that a row stands behind the position, as far as the cells of `place` tell. `first` is the place
/// of the first of them in the position.
///
/// `a >= x and (a > x or …)` says the same as `a > x or (a = x and …)`, and lets an index be used. At a stream's
/// start the values after the first are null, and only `a > x` can hold.
fn behind(table: &Table, place: &[(Cell, Direction)], first: usize) -> Filter {
    let Some(((cell, direction), rest)) = place.split_first() else { return Filter::Or(Vec::new()) };
    let compare = |ascending: &'static str, descending: &'static str| {
        let name = if *direction == Direction::Desc { descending } else { ascending };
        let ty = cell.ty(table)?;
        let value = Value { source: Source::Position(first), ty: ty.clone(), list: false };
        let comparison = Comparison::Value(Operator::named(name, ty)?, value);
        Some(Filter::Compare { cell: cell.clone(), comparison })
    };
    match (compare("gt", "lt"), compare("gte", "lte")) {
        (Some(beyond), _) if rest.is_empty() => beyond,
        (Some(beyond), Some(from)) => from.and(Filter::Or(vec![beyond, behind(table, rest, first + 1)])),
        // Every type has these in the table of operators.
        _ => Filter::Or(Vec::new()),
    }
}
