//! Writing as SQL: the write stands in a CTE named `written`, whose rows are the answer's source. The check of
//! a permission is a column of that CTE; where it does not hold, the statement fails and nothing is written.

use super::filter::Row;
use super::{Alias, Statement, WriteStatements, Writer};
use crate::expression::Filter;
use crate::plan::{Action, Assignment, Conflict, Delete, From, Insert, Select, Update};

/// The column in which a written row says whether it may stand.
const CHECK_COLUMN: &str = "permission check";

/// The statements of a mutation's root field.
pub(super) fn field(action: &Action) -> WriteStatements {
    match action {
        Action::Typename(name) => WriteStatements::Fixed(name.clone()),
        Action::Select(select) => {
            let mut writer = Writer::new();
            writer.literal("select ").select(select, None);
            WriteStatements::Alone(writer.finish())
        }
        Action::Insert(insert) => {
            answered(&insert.answer, insert.has_check(), |writer| writer.insert(insert))
        }
        Action::Update(update) if update.set.is_empty() => {
            let mut writer = Writer::new();
            writer.literal("select null::text where false");
            WriteStatements::Alone(writer.finish())
        }
        Action::Update(update) => {
            answered(&update.answer, !update.check.is_true(), |writer| writer.update(update))
        }
        Action::Delete(delete) => answered(&delete.answer, false, |writer| writer.delete(delete)),
    }
}

/// A write with its answer, in one statement or in two.
fn answered(answer: &Select, checked: bool, write: impl Fn(&mut Writer)) -> WriteStatements {
    let mut writer = Writer::new();
    writer.literal("with written as (");
    write(&mut writer);
    writer.literal(") select ");
    let row = Row { table: &answer.table, alias: writer.new_alias() };
    if matches!(answer.from, From::Written) {
        writer.guarded(checked, row.alias, |writer| writer.row_object(answer, row));
        writer.written(row.alias);
        return WriteStatements::Alone(writer.finish());
    }
    writer.guarded(checked, row.alias, |writer| {
        writer.literal("''");
    });
    for column in &answer.table.primary_key {
        writer.literal(", ");
        writer.row_column(row, *column);
        writer.literal("::text");
    }
    writer.written(row.alias);
    WriteStatements::ThenRead(writer.finish(), read_after(answer))
}

fn read_after(answer: &Select) -> Statement {
    let mut writer = Writer::new();
    writer.literal("select ").select(answer, None);
    writer.finish()
}

impl Insert {
    fn has_check(&self) -> bool {
        !self.check.is_true() || self.conflict.as_ref().is_some_and(|conflict| !conflict.check.is_true())
    }
}

impl Writer {
    fn written(&mut self, alias: Alias) {
        self.literal(" from written ").alias(alias);
    }

    /// The expression, if the row's check holds; otherwise the statement fails. What fails depends on the row, so
    /// that the planner cannot try it beforehand.
    fn guarded(&mut self, checked: bool, alias: Alias, expression: impl Fn(&mut Self)) {
        if !checked {
            return expression(self);
        }
        self.literal("case when ").column(alias, CHECK_COLUMN).literal(" then ");
        expression(self);
        self.literal(" else concat('permission check failed', ").column(alias, CHECK_COLUMN);
        self.literal(")::integer::text end");
    }

    fn insert(&mut self, insert: &Insert) {
        let row = Row { table: &insert.table, alias: self.new_alias() };
        self.literal("insert into ");
        self.sql.qualified(&insert.table.name.schema, &insert.table.name.name).literal(" as ");
        self.alias(row.alias);
        if insert.columns.is_empty() {
            self.literal(" default values");
        } else {
            self.literal(" (");
            let columns = insert.columns.iter().filter_map(|(column, _)| insert.table.columns.get(*column));
            self.separated(columns, ", ", |writer, column| {
                writer.sql.identifier(&column.name);
            });
            self.literal(") values (");
            self.separated(&insert.columns, ", ", |writer, (_, value)| {
                writer.value(value);
            });
            self.literal(")");
        }
        if let Some(conflict) = &insert.conflict {
            self.conflict(conflict, row);
        }
        self.literal(" returning ").alias(row.alias).literal(".*");
        if insert.has_check() {
            self.literal(", ");
            self.insert_check(insert, row);
            self.literal(" as ").sql.identifier(CHECK_COLUMN);
        }
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

    fn update(&mut self, update: &Update) {
        let row = Row { table: &update.table, alias: self.new_alias() };
        self.literal("update ").table(&update.table, row.alias);
        self.literal(" set ");
        let set = update.set.iter().filter_map(|(column, to)| Some((update.table.columns.get(*column)?, to)));
        self.separated(set, ", ", |writer, (column, to)| {
            writer.sql.identifier(&column.name).literal(" = ");
            match to {
                Assignment::Set(value) => {
                    writer.value(value);
                }
                Assignment::Increment(value) => {
                    writer.column(row.alias, &column.name).literal(" + ").value(value);
                }
            }
        });
        self.write_condition(&update.filter, &update.check, row);
    }

    fn delete(&mut self, delete: &Delete) {
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
