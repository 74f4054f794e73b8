//! Counting and summing as SQL.

use super::Writer;
use super::filter::Row;
use crate::expression::Cell;
use crate::plan::{Aggregate, AggregateColumn, AggregateField, AggregateNumber};

impl Writer {
    /// An expression for the text of an aggregate's answer; it is never null.
    ///
    /// The numbers are of all rows, the nodes of those that the role's limit leaves, so each reads for itself.
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, outer: Option<Row<'_>>) {
        self.object(&aggregate.fields, |writer, (_, field)| match field {
            AggregateField::Typename(name) => writer.name_text(name),
            AggregateField::Nodes(nodes) => writer.select(nodes, outer),
            AggregateField::Numbers(numbers) => {
                let row = Row { table: &aggregate.rows.table, alias: writer.new_alias() };
                writer.literal("(select ");
                writer.object(numbers, |writer, (_, number)| writer.aggregate_number(number, row));
                writer.literal(" from ");
                writer.many_source(&aggregate.rows, row, outer);
                writer.literal(")");
            }
        });
    }

    fn aggregate_number(&mut self, number: &AggregateNumber, row: Row<'_>) {
        match number {
            AggregateNumber::Typename(name) => self.name_text(name),
            AggregateNumber::Count(count) => self.count(&count.columns, count.distinct, row),
            AggregateNumber::Columns(function, columns) => {
                self.object(columns, |writer, (_, column)| writer.aggregate_column(function, column, row));
            }
        }
    }

    fn aggregate_column(&mut self, function: &'static str, column: &AggregateColumn, row: Row<'_>) {
        match column {
            AggregateColumn::Typename(name) => self.name_text(name),
            AggregateColumn::Cell { cell, as_string } => {
                self.literal("coalesce(to_json(").literal(function).literal("(");
                self.cell(row, cell);
                self.literal(if *as_string { ")::text)::text, 'null')" } else { "))::text, 'null')" });
            }
        }
    }

    /// `count(*)`, or of columns that are not null.
    pub(super) fn count(&mut self, columns: &[Cell], distinct: bool, row: Row<'_>) {
        if columns.is_empty() {
            self.literal("count(*)");
            return;
        }
        self.literal(if distinct { "count(distinct " } else { "count(" });
        match columns {
            [cell] => self.cell(row, cell),
            several => {
                self.literal("(");
                self.separated(several, ", ", |writer, cell| writer.cell(row, cell));
                self.literal(")");
            }
        }
        self.literal(")");
    }
}
