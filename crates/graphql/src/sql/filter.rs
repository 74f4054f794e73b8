//! Conditions as SQL.

use super::{Alias, Writer};
use crate::catalog::{ColumnIndex, Table};
use crate::expression::{ColumnOperand, Comparison, Filter, OperandKind, Operator, RowsNumber, Value};

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
            Filter::Compare { column, comparison } => {
                self.literal("(");
                self.row_column(row, *column);
                self.comparison(comparison, row, root);
                self.literal(")");
            }
            Filter::Exists { table, join, filter } => {
                let inner = Row { table, alias: self.new_alias() };
                self.literal("exists (select from ");
                self.table(table, inner.alias);
                self.literal(" where ");
                self.join(join, row, inner);
                if !filter.is_true() {
                    self.literal(if join.is_empty() { "" } else { " and " });
                    self.condition(filter, inner, root);
                } else if join.is_empty() {
                    self.literal("true");
                }
                self.literal(")");
            }
            Filter::Aggregate { table, join, filter, number, comparisons } => {
                self.literal("(");
                self.separated(comparisons, " and ", |writer, comparison| {
                    let inner = Row { table, alias: writer.new_alias() };
                    writer.literal("((select ");
                    writer.rows_number(number, inner);
                    writer.literal(" from ");
                    writer.table(table, inner.alias);
                    writer.literal(" where ");
                    writer.join(join, row, inner);
                    writer.literal(" and ");
                    writer.condition(filter, inner, root);
                    writer.literal(")");
                    writer.comparison(comparison, inner, root);
                    writer.literal(")");
                });
                self.literal(if comparisons.is_empty() { "true)" } else { ")" });
            }
        }
    }

    fn rows_number(&mut self, number: &RowsNumber, row: Row<'_>) {
        match number {
            RowsNumber::Count { columns, distinct } => self.count(columns, *distinct, row),
            RowsNumber::All(column) => {
                self.literal("bool_and(");
                self.row_column(row, *column);
                self.literal(")");
            }
            RowsNumber::Any(column) => {
                self.literal("bool_or(");
                self.row_column(row, *column);
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

    /// What stands behind the left side of a comparison.
    fn comparison(&mut self, comparison: &Comparison, row: Row<'_>, root: Row<'_>) {
        match comparison {
            Comparison::IsNull(true) => {
                self.literal(" is null");
            }
            Comparison::IsNull(false) => {
                self.literal(" is not null");
            }
            Comparison::Value(operator, value) => self.operand(*operator, value),
            Comparison::Column(operator, operand) => {
                self.literal(operator.sql);
                match operand {
                    ColumnOperand::Current(other) => self.row_column(row, *other),
                    ColumnOperand::Root(other) => self.row_column(root, *other),
                }
            }
        }
    }

    fn operand(&mut self, operator: Operator, value: &Value) {
        self.literal(operator.sql);
        if operator.operand == OperandKind::SameList {
            self.literal("(");
            self.value(value);
            self.literal(")");
        } else {
            self.value(value);
        }
    }
}
