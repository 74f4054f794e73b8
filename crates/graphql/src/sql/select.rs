//! Reading as SQL: each row becomes the text of a JSON object, each list the text of a JSON array.
//!
//! `concat` and `string_agg` of text are the cheapest way to JSON that PostgreSQL has (measured against
//! `row_to_json` and `json_build_object`), keep the keys in order, and have no limit on their number or length.

use std::sync::Arc;

use db::sql::Word;

use super::filter::Row;
use super::{Statement, Writer};
use crate::catalog::{PgType, Table, TypeKind};
use crate::expression::{Cell, Value, Way};
use crate::plan::{
    Action, CellOutput, Direction, From, OrderBy, OrderTarget, Output, RootPlan, Rows, Select,
};
use crate::value::Source;

/// A function call takes 100 arguments at most (`FUNC_MAX_ARGS`); an entry of an object takes two.
const ENTRIES_PER_CALL: usize = 45;

/// The statement that answers a whole document.
pub(super) fn document(fields: &[RootPlan]) -> Statement {
    let mut writer = Writer::new();
    writer.document(fields);
    writer.finish()
}

/// The statement of a live query, with a second column that says whether it saw the commits that it was woken for.
pub(super) fn live_document(fields: &[RootPlan]) -> Statement {
    let mut writer = Writer::new();
    writer.document(fields);
    writer.literal(", ").saw_what_woke_it();
    writer.finish()
}

impl Writer {
    fn document(&mut self, fields: &[RootPlan]) {
        self.literal("select ");
        self.object(fields, |writer, field| match &field.action {
            Action::Typename(name) => writer.name_text(name),
            Action::Introspection(json) => {
                let source = Source::Constant(Some(json.clone()));
                writer.value(&Value { source, ty: PgType::text(), list: false });
            }
            Action::Select(select) => writer.select(select, None),
            // A query's root fields do not write.
            Action::Aggregate(aggregate) => writer.aggregate(aggregate, None),
            Action::Insert(..) | Action::Update(..) | Action::UpdateMany(..) | Action::Delete(..) => {
                writer.null_text();
            }
            // A stream is a statement of its own.
            Action::Stream(_) => writer.null_text(),
        });
    }

    /// An expression for the text of a JSON object. `value` writes an entry's value.
    pub(super) fn object<T: HasKey>(&mut self, entries: &[T], value: impl Fn(&mut Self, &T)) {
        let mut chunks = entries.chunks(ENTRIES_PER_CALL);
        let one_call = chunks.len() <= 1;
        self.literal("concat('{'");
        let mut first = true;
        for chunk in &mut chunks {
            self.literal(if one_call { "" } else { ", concat(''" });
            for entry in chunk {
                self.literal(if first { ", '\"" } else { ", ',\"" });
                first = false;
                self.sql.word(entry.key());
                self.literal("\":', ");
                value(self, entry);
            }
            self.literal(if one_call { "" } else { ")" });
        }
        self.literal(", '}')");
    }

    /// The object of a row.
    pub(super) fn row_object(&mut self, select: &Select, row: Row<'_>) {
        self.object(&select.fields, |writer, (_, output)| writer.output(select, row, output));
    }

    /// An expression for the text of the JSON of a row's field.
    pub(super) fn output(&mut self, select: &Select, row: Row<'_>, output: &Output) {
        match output {
            Output::Cell(output) => self.output_cell(select, row, output),
            Output::Aggregate(aggregate) => self.aggregate(aggregate, Some(row)),
            Output::Related(inner) => self.select(inner, Some(row)),
            Output::Typename(name) => self.name_text(name),
        }
    }

    /// An expression for the text of `select`'s answer; it is never null.
    pub(super) fn select(&mut self, select: &Select, outer: Option<Row<'_>>) {
        let row = Row { table: &select.table, alias: self.new_alias() };
        match select.rows {
            Rows::Many => {
                self.literal("(select ");
                self.list(select, row);
                self.literal(" from ");
                self.many_source(select, row, outer);
                self.literal(")");
            }
            Rows::One => {
                self.literal("coalesce((select ");
                self.row_object(select, row);
                self.literal(" from ");
                self.source(select, row, outer);
                self.literal(" where ");
                self.conditions(select, row, outer);
                self.literal(" limit 1), 'null')");
            }
        }
    }

    /// The aggregate that makes a list of rows.
    pub(super) fn list(&mut self, select: &Select, row: Row<'_>) {
        self.literal("concat('[', string_agg(");
        self.row_object(select, row);
        self.literal(", ','), ']')");
    }

    /// Where a list's rows come from. Order and limit need a query of their own below the aggregate, which takes
    /// its rows as they come.
    pub(super) fn many_source(&mut self, select: &Select, row: Row<'_>, outer: Option<Row<'_>>) {
        if !select.is_ordered_or_bounded() {
            self.source(select, row, outer);
            self.literal(" where ");
            self.conditions(select, row, outer);
            return;
        }
        let inner = Row { table: &select.table, alias: self.new_alias() };
        self.literal("(select ");
        if !select.distinct.is_empty() {
            self.literal("distinct on (");
            self.separated(0..select.distinct.len(), ", ", Self::distinct_key);
            self.literal(") ");
        }
        self.alias(inner.alias).literal(".*");
        for (place, cell) in select.distinct.iter().enumerate() {
            self.literal(", ");
            self.cell(inner, cell);
            self.literal(" as ");
            self.distinct_key(place);
        }
        self.literal(" from ");
        self.source(select, inner, outer);
        self.literal(" where ");
        self.conditions(select, inner, outer);
        self.order(select, inner);
        self.bounds(select);
        self.literal(") ");
        self.alias(row.alias);
    }

    /// What tells rows apart has a name of its own, which no column has: PostgreSQL wants the same expression in
    /// `distinct on` and in the order, and two that are written alike need not be the same to it.
    fn distinct_key(&mut self, place: usize) {
        self.literal("\"distinct key ").sql.number(place).literal("\"");
    }

    pub(super) fn source(&mut self, select: &Select, row: Row<'_>, outer: Option<Row<'_>>) {
        match &select.from {
            From::Table => self.table(&select.table, row.alias),
            From::Written if self.shows_written_rows => {
                let name = &select.table.name;
                let row_type =
                    PgType { schema: name.schema.clone(), name: name.name.clone(), kind: TypeKind::Other };
                self.literal("unnest(");
                self.value(&Value { source: Source::WrittenRows, ty: Arc::new(row_type), list: true });
                self.literal(") ").alias(row.alias);
            }
            From::Written => {
                self.literal("written ").alias(row.alias);
            }
            From::Function(call) => {
                self.call(call, outer);
                self.literal(" ").alias(row.alias);
            }
        }
    }

    pub(super) fn conditions(&mut self, select: &Select, row: Row<'_>, outer: Option<Row<'_>>) {
        if let Some(outer) = outer.filter(|_| !select.join.is_empty()) {
            self.join(&select.join, outer, row);
            if select.filter.is_true() {
                return;
            }
            self.literal(" and ");
        }
        if matches!(select.from, From::Function(_)) && select.rows == Rows::One {
            // A function without a result gives one row of nulls.
            self.literal("not (");
            self.alias(row.alias).literal(" is null) and ");
        }
        self.filter(&select.filter, row);
    }

    fn order(&mut self, select: &Select, row: Row<'_>) {
        if select.order.is_empty() {
            return;
        }
        self.literal(" order by ");
        self.separated(&select.order, ", ", |writer, key| {
            match distinct_place(select, key) {
                Some(place) => writer.distinct_key(place),
                None => writer.order_target(&key.target, row),
            }
            writer.literal(match key.direction {
                Direction::Asc => " asc",
                Direction::AscNullsFirst => " asc nulls first",
                Direction::Desc => " desc",
                Direction::DescNullsLast => " desc nulls last",
            });
        });
    }

    fn order_target(&mut self, target: &OrderTarget, row: Row<'_>) {
        match target {
            OrderTarget::Cell(cell) => self.cell(row, cell),
            OrderTarget::Related { table, join, filter, target } => {
                let inner = Row { table, alias: self.new_alias() };
                let way = Way::Join(join.clone());
                self.literal("(select ");
                self.order_target(target, inner);
                self.literal(" from ");
                self.reached(&way, row, inner);
                self.reached_condition(&way, filter, row, inner, inner);
                self.literal(" limit 1)");
            }
            OrderTarget::Aggregate { table, way, filter, function: (function, cell) } => {
                let inner = Row { table, alias: self.new_alias() };
                self.literal("(select ").literal(function).literal("(");
                match cell {
                    Some(cell) => self.cell(inner, cell),
                    None => {
                        self.literal("*");
                    }
                }
                self.literal(") from ");
                self.reached(way, row, inner);
                self.reached_condition(way, filter, row, inner, inner);
                self.literal(")");
            }
        }
    }

    fn bounds(&mut self, select: &Select) {
        match (&select.limit, select.permission_limit) {
            (None, None) => {}
            (Some(limit), None) => {
                self.literal(" limit ").value(limit);
            }
            (None, Some(most)) => {
                self.literal(" limit ").sql.number(usize::try_from(most).unwrap_or(usize::MAX));
            }
            (Some(limit), Some(most)) => {
                // `least` passes over nulls, and a null limit is none.
                self.literal(" limit least(").value(limit);
                self.literal(", ").sql.number(usize::try_from(most).unwrap_or(usize::MAX)).literal(")");
            }
        }
        if let Some(offset) = &select.offset {
            self.literal(" offset ").value(offset);
        }
    }

    fn output_cell(&mut self, select: &Select, row: Row<'_>, output: &CellOutput) {
        let Some(ty) = output.cell.ty(&select.table) else { return self.null_text() };
        // Only a table's own rows keep its promise, and a path may lead nowhere.
        let promised = matches!(select.from, From::Table) && output.path.is_none();
        if promised && is_never_null(&output.cell, &select.table) {
            return self.json_text(row, ty, output);
        }
        self.literal("coalesce(");
        self.json_text(row, ty, output);
        self.literal("::text, 'null')");
    }

    pub(super) fn json_text(&mut self, row: Row<'_>, ty: &Arc<PgType>, output: &CellOutput) {
        if let Some(path) = &output.path {
            self.literal("((");
            self.cell(row, &output.cell);
            self.literal(") #> ").value(path).literal(")");
        } else if output.as_string {
            self.literal("to_json((");
            self.cell(row, &output.cell);
            self.literal(")::text)");
        } else if ty.writes_json() {
            // A `case` binds weaker than a cast.
            let masked = output.cell.seen_in.is_some();
            self.literal(if masked { "(" } else { "" });
            self.cell(row, &output.cell);
            self.literal(if masked { ")" } else { "" });
        } else {
            self.literal("to_json(");
            self.cell(row, &output.cell);
            self.literal(")");
        }
    }

    pub(super) fn name_text(&mut self, name: &Word) {
        self.literal("'\"").sql.word(name).literal("\"'");
    }

    pub(super) fn null_text(&mut self) {
        self.literal("'null'");
    }
}

fn is_never_null(cell: &Cell, table: &Table) -> bool {
    let column = cell.as_column().filter(|_| cell.seen_in.is_none());
    column.and_then(|column| table.columns.get(column)).is_some_and(|column| column.not_null)
}

/// The place among what tells rows apart of what a key orders by.
fn distinct_place(select: &Select, key: &OrderBy) -> Option<usize> {
    let OrderTarget::Cell(cell) = &key.target else { return None };
    let column = cell.as_column()?;
    select.distinct.iter().position(|other| other.as_column() == Some(column))
}

/// What has a key in the answer.
pub(super) trait HasKey {
    /// Its key.
    fn key(&self) -> &Word;
}

impl HasKey for RootPlan {
    fn key(&self) -> &Word {
        &self.key
    }
}

impl<T> HasKey for (Word, T) {
    fn key(&self) -> &Word {
        &self.0
    }
}
