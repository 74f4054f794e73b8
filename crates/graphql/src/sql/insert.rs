//! Inserting as SQL.

use super::answer::CHECK_COLUMN;
use super::filter::Row;
use super::{InsertStep, InsertSteps, Writer};
use crate::catalog::ColumnIndex;
use crate::plan::{Conflict, Insert, InsertRow};

/// Whether rows are checked: new ones, or those that were there.
pub(super) fn has_check(insert: &Insert) -> bool {
    !insert.check.is_true() || insert.conflict.as_ref().is_some_and(|conflict| !conflict.check.is_true())
}

/// One statement for `rows`, with what comes before and after it.
pub(super) fn step(insert: &Insert, rows: &[InsertRow], takes: &[ColumnIndex]) -> InsertStep {
    let mut also = takes.to_vec();
    let mut before = Vec::new();
    let mut after = Vec::new();
    for row in rows {
        before.extend(row.before.iter().map(|nested| InsertSteps::new(&nested.insert, &nested.takes)));
        for nested in &row.after {
            let first = also.len();
            also.extend(&nested.takes);
            after.push((InsertSteps::new(&nested.insert, &[]), (first..also.len()).collect()));
        }
    }
    let mut writer = Writer::new();
    writer.write_returning(&insert.table, has_check(insert), &also, |writer| writer.insert(insert, rows));
    InsertStep { before, statement: writer.finish(), after }
}

impl Writer {
    /// `insert into …` for `rows`, of which there is one at least.
    pub(super) fn insert(&mut self, insert: &Insert, rows: &[InsertRow]) {
        let row = Row { table: &insert.table, alias: self.new_alias() };
        let mut columns: Vec<ColumnIndex> = Vec::new();
        for (column, _) in rows.iter().flat_map(|row| &row.columns) {
            if !columns.contains(column) {
                columns.push(*column);
            }
        }
        self.literal("insert into ");
        self.sql.qualified(&insert.table.name.schema, &insert.table.name.name).literal(" as ");
        self.alias(row.alias);
        if columns.is_empty() && rows.len() == 1 {
            self.literal(" default values");
        } else {
            // A row of defaults alone among others still has to name a column.
            let named = if columns.is_empty() { vec![0] } else { columns };
            self.rows(insert, rows, &named);
        }
        if let Some(conflict) = &insert.conflict {
            self.conflict(conflict, row);
        }
        self.literal(" returning ").alias(row.alias).literal(".*");
        if has_check(insert) {
            self.literal(", ");
            self.insert_check(insert, row);
            self.literal(" as ").sql.identifier(CHECK_COLUMN);
        }
    }

    fn rows(&mut self, insert: &Insert, rows: &[InsertRow], columns: &[ColumnIndex]) {
        self.literal(" (");
        let found = columns.iter().filter_map(|column| insert.table.columns.get(*column));
        self.separated(found, ", ", |writer, column| {
            writer.sql.identifier(&column.name);
        });
        self.literal(") values ");
        self.separated(rows, ", ", |writer, row| {
            writer.literal("(");
            writer.separated(columns, ", ", |writer, column| {
                match row.columns.iter().find(|(given, _)| given == column) {
                    Some((_, value)) => writer.value(value),
                    None => writer.literal("default"),
                };
            });
            writer.literal(")");
        });
    }

    /// A row that was there already must pass the check of updates; `xmax` of a new row is 0.
    fn insert_check(&mut self, insert: &Insert, row: Row<'_>) {
        match insert.conflict.as_ref().filter(|conflict| !conflict.update.is_empty()) {
            None => self.filter(&insert.check, row),
            Some(conflict) => {
                self.literal("case when ").alias(row.alias).literal(".xmax = 0 then ");
                self.filter(&insert.check, row);
                self.literal(" else ");
                self.filter(&conflict.check, row);
                self.literal(" end");
            }
        }
    }

    fn conflict(&mut self, conflict: &Conflict, row: Row<'_>) {
        self.literal(" on conflict on constraint ").sql.identifier(&conflict.constraint);
        if conflict.update.is_empty() {
            self.literal(" do nothing");
            return;
        }
        self.literal(" do update set ");
        let columns = conflict.update.iter().filter_map(|column| row.table.columns.get(*column));
        self.separated(columns, ", ", |writer, column| {
            writer.sql.identifier(&column.name).literal(" = excluded.").identifier(&column.name);
        });
        for (column, value) in &conflict.presets {
            if let Some(column) = row.table.columns.get(*column) {
                self.literal(", ").sql.identifier(&column.name).literal(" = ");
                self.value(value);
            }
        }
        if !conflict.filter.is_true() {
            self.literal(" where ").filter(&conflict.filter, row);
        }
    }
}
