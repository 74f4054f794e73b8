//! Reading as SQL: each row becomes the text of a JSON object, each list the text of a JSON array.
//!
//! `concat` and `string_agg` of text are the cheapest way to JSON that PostgreSQL has (measured against
//! `row_to_json` and `json_build_object`), keep the keys in order, and have no limit on their number or length.

use std::sync::Arc;

use db::sql::Word;

use super::filter::Row;
use super::{Statement, Writer};
use crate::catalog::{Column, PgType, TypeKind};
use crate::expression::Value;
use crate::plan::{
    Action, ColumnOutput, Direction, From, OrderBy, OrderTarget, Output, RootPlan, Rows, Select,
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
        self.object(&select.fields, |writer, (_, output)| match output {
            Output::Column(column) => writer.output_column(select, row, column),
            Output::Aggregate(aggregate) => writer.aggregate(aggregate, Some(row)),
            Output::Related(inner) => writer.select(inner, Some(row)),
            Output::Typename(name) => writer.name_text(name),
        });
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
                self.source(select, row);
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
        let bounded = select.limit.is_some() || select.permission_limit.is_some() || select.offset.is_some();
        if select.order.is_empty() && select.distinct.is_empty() && !bounded {
            self.source(select, row);
            self.literal(" where ");
            self.conditions(select, row, outer);
            return;
        }
        let inner = Row { table: &select.table, alias: self.new_alias() };
        self.literal("(select ");
        if !select.distinct.is_empty() {
            self.literal("distinct on (");
            self.separated(&select.distinct, ", ", |writer, column| writer.row_column(inner, *column));
            self.literal(") ");
        }
        self.alias(inner.alias).literal(".* from ");
        self.source(select, inner);
        self.literal(" where ");
        self.conditions(select, inner, outer);
        self.order(&select.order, inner);
        self.bounds(select);
        self.literal(") ");
        self.alias(row.alias);
    }

    fn source(&mut self, select: &Select, row: Row<'_>) {
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
            From::Function(function, arguments) => {
                self.sql.qualified(&function.name.schema, &function.name.name).literal("(");
                let given = function.arguments.iter().zip(arguments);
                let given = given.filter_map(|(argument, value)| Some((argument, value.as_ref()?)));
                let by_place = function.arguments.iter().any(|argument| argument.name.is_none());
                self.separated(given, ", ", |writer, (argument, value)| {
                    if let Some(name) = argument.name.as_ref().filter(|_| !by_place) {
                        writer.sql.identifier(name).literal(" => ");
                    }
                    writer.value(value);
                });
                self.literal(") ");
                self.alias(row.alias);
            }
        }
    }

    fn conditions(&mut self, select: &Select, row: Row<'_>, outer: Option<Row<'_>>) {
        if let Some(outer) = outer.filter(|_| !select.join.is_empty()) {
            self.join(&select.join, outer, row);
            if select.filter.is_true() {
                return;
            }
            self.literal(" and ");
        }
        if matches!(select.from, From::Function(..)) && select.rows == Rows::One {
            // A function without a result gives one row of nulls.
            self.literal("not (");
            self.alias(row.alias).literal(" is null) and ");
        }
        self.filter(&select.filter, row);
    }

    fn order(&mut self, order: &[OrderBy], row: Row<'_>) {
        if order.is_empty() {
            return;
        }
        self.literal(" order by ");
        self.separated(order, ", ", |writer, key| {
            writer.order_target(&key.target, row);
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
            OrderTarget::Column(column) => self.row_column(row, *column),
            OrderTarget::Related { table, join, filter, target } => {
                let inner = Row { table, alias: self.new_alias() };
                self.literal("(select ");
                self.order_target(target, inner);
                self.literal(" from ");
                self.table(table, inner.alias);
                self.literal(" where ");
                self.join(join, row, inner);
                self.literal(" and ");
                self.filter(filter, inner);
                self.literal(" limit 1)");
            }
            OrderTarget::Aggregate { table, join, filter, function: (function, column) } => {
                let inner = Row { table, alias: self.new_alias() };
                self.literal("(select ").literal(function).literal("(");
                match column {
                    Some(column) => self.row_column(inner, *column),
                    None => {
                        self.literal("*");
                    }
                }
                self.literal(") from ");
                self.table(table, inner.alias);
                self.literal(" where ");
                self.join(join, row, inner);
                self.literal(" and ");
                self.filter(filter, inner);
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

    fn output_column(&mut self, select: &Select, row: Row<'_>, output: &ColumnOutput) {
        let Some(column) = select.table.columns.get(output.column) else { return self.null_text() };
        // Only a table's own rows keep its promise, and a path may lead nowhere.
        let never_null = column.not_null && output.path.is_none() && matches!(select.from, From::Table);
        if never_null {
            return self.json_text(row, column, output);
        }
        self.literal("coalesce(");
        self.json_text(row, column, output);
        self.literal("::text, 'null')");
    }

    fn json_text(&mut self, row: Row<'_>, column: &Column, output: &ColumnOutput) {
        if let Some(path) = &output.path {
            self.literal("(");
            self.column(row.alias, &column.name).literal(" #> ").value(path).literal(")");
        } else if output.as_string {
            self.literal("to_json(");
            self.column(row.alias, &column.name).literal("::text)");
        } else if column.ty.writes_json() {
            self.column(row.alias, &column.name);
        } else {
            self.literal("to_json(");
            self.column(row.alias, &column.name).literal(")");
        }
    }

    pub(super) fn name_text(&mut self, name: &Word) {
        self.literal("'\"").sql.word(name).literal("\"'");
    }

    pub(super) fn null_text(&mut self) {
        self.literal("'null'");
    }
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
