//! Conditions as SQL.

use super::{Alias, Writer};
use crate::catalog::{ColumnIndex, Table, TypeKind};
use crate::expression::{
    Argument, Call, Cell, CellOf, ColumnOperand, Comparison, Filter, OperandKind, Operator, RowsNumber,
    Value, Way,
};

/// The row that a condition is about, and the one that the whole of it started from.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) table: &'a Table,
    pub(super) alias: Alias,
}

impl Writer {
    /// Writes `filter` as a condition on `row`.
    pub(super) fn filter(&mut self, filter: &Filter, row: Row<'_>) {
        self.condition(filter, row, row);
    }

    fn condition(&mut self, filter: &Filter, row: Row<'_>, root: Row<'_>) {
        match filter {
            Filter::And(all) if all.is_empty() => {
                self.literal("true");
            }
            Filter::Or(any) if any.is_empty() => {
                self.literal("false");
            }
            Filter::And(all) => self.joined(all, " and ", row, root),
            Filter::Or(any) => self.joined(any, " or ", row, root),
            Filter::Not(inner) => {
                self.literal("(not ");
                self.condition(inner, row, root);
                self.literal(")");
            }
            Filter::Rooted(inner) => self.condition(inner, row, row),
            Filter::Compare { cell, comparison } => {
                self.comparison(comparison, row, root, &|writer| writer.cell(row, cell));
            }
            Filter::Exists { table, way, filter } => {
                let inner = Row { table, alias: self.new_alias() };
                self.literal("exists (select from ");
                self.reached(way, row, inner);
                self.reached_condition(way, filter, row, inner, root);
                self.literal(")");
            }
            Filter::Aggregate { table, way, filter, number, comparisons } => {
                self.literal("(");
                self.separated(comparisons, " and ", |writer, comparison| {
                    let inner = Row { table, alias: writer.new_alias() };
                    writer.comparison(comparison, inner, root, &|writer| {
                        writer.literal("(select ");
                        writer.rows_number(number, inner);
                        writer.literal(" from ");
                        writer.reached(way, row, inner);
                        writer.reached_condition(way, filter, row, inner, root);
                        writer.literal(")");
                    });
                });
                self.literal(if comparisons.is_empty() { "true)" } else { ")" });
            }
        }
    }

    /// What stands behind `from` for the rows to which `way` leads from `outer`.
    pub(super) fn reached(&mut self, way: &Way, outer: Row<'_>, inner: Row<'_>) {
        match way {
            Way::Join(_) => self.table(inner.table, inner.alias),
            Way::Call(call) => {
                self.call(call, Some(outer));
                self.literal(" ").alias(inner.alias);
            }
        }
    }

    /// ` where …` for the rows to which `way` leads from `outer`, of which `filter` holds.
    pub(super) fn reached_condition(
        &mut self,
        way: &Way,
        filter: &Filter,
        outer: Row<'_>,
        inner: Row<'_>,
        root: Row<'_>,
    ) {
        let joined = match way {
            Way::Join(join) => join.as_slice(),
            Way::Call(_) => &[],
        };
        self.literal(" where ");
        self.join(joined, outer, inner);
        if !filter.is_true() {
            self.literal(if joined.is_empty() { "" } else { " and " });
            self.condition(filter, inner, root);
        } else if joined.is_empty() {
            self.literal("true");
        }
    }

    /// A value of a row; where the role may not see it, null.
    pub(super) fn cell(&mut self, row: Row<'_>, cell: &Cell) {
        if let Some(filter) = &cell.seen_in {
            self.literal("case when ");
            self.filter(filter, row);
            self.literal(" then ");
        }
        match &cell.of {
            CellOf::Column(column) => self.row_column(row, *column),
            CellOf::Call(made) => self.call(made, Some(row)),
        }
        self.literal(if cell.seen_in.is_some() { " end" } else { "" });
    }

    /// `"schema"."function"(…)`, for `row` where it takes one.
    pub(super) fn call(&mut self, call: &Call, row: Option<Row<'_>>) {
        let function = &call.function;
        self.sql.qualified(&function.name.schema, &function.name.name).literal("(");
        let given = function.arguments.iter().zip(&call.arguments);
        let given = given.filter(|(_, value)| !matches!(value, Argument::Default));
        let by_place = function.arguments.iter().any(|argument| argument.name.is_none());
        self.separated(given, ", ", |writer, (argument, value)| {
            if let Some(name) = argument.name.as_ref().filter(|_| !by_place) {
                writer.sql.identifier(name).literal(" => ");
            }
            match (value, row) {
                (Argument::Value(value), _) => {
                    writer.value(value);
                }
                (Argument::Row, Some(row)) => writer.whole_row(row),
                (Argument::Row | Argument::Default, _) => {
                    writer.literal("null");
                }
            }
        });
        self.literal(")");
    }

    /// A row as a value of its table's row type, whatever it comes from.
    pub(super) fn whole_row(&mut self, row: Row<'_>) {
        self.literal("row(");
        self.separated(&row.table.columns, ", ", |writer, column| {
            writer.column(row.alias, &column.name);
        });
        self.literal(")::");
        self.sql.qualified(&row.table.name.schema, &row.table.name.name);
    }

    fn rows_number(&mut self, number: &RowsNumber, row: Row<'_>) {
        match number {
            RowsNumber::Count { columns, distinct } => self.count(columns, *distinct, row),
            RowsNumber::All(cell) => {
                self.literal("bool_and(");
                self.cell(row, cell);
                self.literal(")");
            }
            RowsNumber::Any(cell) => {
                self.literal("bool_or(");
                self.cell(row, cell);
                self.literal(")");
            }
        }
    }

    fn joined(&mut self, filters: &[Filter], between: &'static str, row: Row<'_>, root: Row<'_>) {
        self.literal("(");
        self.separated(filters, between, |writer, filter| writer.condition(filter, row, root));
        self.literal(")");
    }

    /// `outer.a = inner.b and …`; nothing where there are no pairs.
    pub(super) fn join(&mut self, join: &[(ColumnIndex, ColumnIndex)], outer: Row<'_>, inner: Row<'_>) {
        self.separated(join, " and ", |writer, (own, other)| {
            writer.row_column(inner, *other);
            writer.literal(" = ");
            writer.row_column(outer, *own);
        });
    }

    /// `"schema"."table" tN`.
    pub(super) fn table(&mut self, table: &Table, alias: Alias) {
        self.sql.qualified(&table.name.schema, &table.name.name).literal(" ");
        self.alias(alias);
    }

    pub(super) fn row_column(&mut self, row: Row<'_>, column: ColumnIndex) {
        if let Some(column) = row.table.columns.get(column) {
            self.column(row.alias, &column.name);
        }
    }

    /// What is asked of what `left` writes.
    fn comparison(&mut self, comparison: &Comparison, row: Row<'_>, root: Row<'_>, left: &dyn Fn(&mut Self)) {
        self.literal("(");
        match comparison {
            Comparison::IsNull(null) => {
                left(self);
                self.literal(if *null { " is null" } else { " is not null" });
            }
            Comparison::Value(operator, value) => {
                left(self);
                self.operand(*operator, value);
            }
            Comparison::Column(operator, operand) => {
                left(self);
                self.literal(operator.sql);
                match operand {
                    ColumnOperand::Current(other) => self.row_column(row, *other),
                    ColumnOperand::Root(other) => self.row_column(root, *other),
                }
            }
            Comparison::Cast(to, asked) => {
                let cast = |writer: &mut Self| {
                    writer.literal("(");
                    left(writer);
                    writer.literal(")::");
                    writer.ty(to);
                };
                self.separated(asked, " and ", |writer, asked| writer.comparison(asked, row, root, &cast));
                self.literal(if asked.is_empty() { "true" } else { "" });
            }
        }
        self.literal(")");
    }

    fn operand(&mut self, operator: Operator, value: &Value) {
        self.literal(operator.sql);
        if operator.operand != OperandKind::SameList {
            self.value(value);
            return;
        }
        self.literal("(");
        if matches!(value.ty.base().kind, TypeKind::Array(_)) {
            // An array of arrays is to PostgreSQL one array with more dimensions, so each comes as a text.
            let each = self.new_alias();
            self.literal("select ").alias(each).literal("::");
            self.ty(value.ty.base());
            self.literal(" from unnest((").sql.parameter(value.clone()).literal(")::text[]) ");
            self.alias(each);
        } else {
            self.value(value);
        }
        self.literal(")");
    }
}
