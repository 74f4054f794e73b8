//! Changing and deleting as SQL.

use super::Writer;
use super::answer::CHECK_COLUMN;
use super::filter::Row;
use crate::expression::Filter;
use crate::plan::{Assignment, Change, Delete, Update};

impl Writer {
    /// `update …`; something must be set.
    pub(super) fn update(&mut self, update: &Update) {
        let row = Row { table: &update.table, alias: self.new_alias() };
        self.literal("update ").table(&update.table, row.alias);
        self.literal(" set ");
        let set = update.set.iter().filter_map(|(column, to)| Some((update.table.columns.get(*column)?, to)));
        self.separated(set, ", ", |writer, (column, to)| {
            writer.sql.identifier(&column.name).literal(" = ");
            let old = |writer: &mut Self| {
                writer.column(row.alias, &column.name);
            };
            match to {
                Assignment::Set(value) => {
                    writer.value(value);
                }
                Assignment::Change(Change::Prepend, value) => {
                    writer.value(value).literal(" || ");
                    old(writer);
                }
                Assignment::Change(change, value) => {
                    old(writer);
                    writer.literal(change_operator(*change)).value(value);
                }
            }
        });
        self.write_condition(&update.filter, &update.check, row);
    }

    /// `delete from …`.
    pub(super) fn delete(&mut self, delete: &Delete) {
        let row = Row { table: &delete.table, alias: self.new_alias() };
        self.literal("delete from ").table(&delete.table, row.alias);
        self.write_condition(&delete.filter, &Filter::TRUE, row);
    }

    fn write_condition(&mut self, filter: &Filter, check: &Filter, row: Row<'_>) {
        self.literal(" where ").filter(filter, row);
        self.literal(" returning ").alias(row.alias).literal(".*");
        if !check.is_true() {
            self.literal(", ").filter(check, row);
            self.literal(" as ").sql.identifier(CHECK_COLUMN);
        }
    }
}

fn change_operator(change: Change) -> &'static str {
    match change {
        Change::Increment => " + ",
        Change::Append | Change::Prepend => " || ",
        Change::Delete => " - ",
        Change::DeleteAtPath => " #- ",
    }
}
