//! A mutation's answer as SQL. The write stands in a CTE named `written`, whose rows are the answer's source. The
//! check of a permission is a column of that CTE; where it does not hold, the statement fails and nothing is written.

use super::filter::Row;
use super::{InsertSteps, Statement, WriteStatements, Writer, insert};
use crate::catalog::{ColumnIndex, PgType, Table};
use crate::expression::Value;
use crate::plan::{Action, Answer, Insert, ManyOutput, Update};
use crate::value::Source;

/// The column in which a written row says whether it may stand.
pub(super) const CHECK_COLUMN: &str = "permission check";

/// The statements of a mutation's root field.
pub(super) fn statements(action: &Action) -> WriteStatements {
    match action {
        Action::Typename(name) => WriteStatements::Fixed(name.clone()),
        // Mutations have no introspection fields of their own, and no streams.
        Action::Introspection(_) | Action::Stream(_) => WriteStatements::Each(Vec::new()),
        Action::Select(select) => {
            let mut writer = Writer::new();
            writer.literal("select ").select(select, None);
            WriteStatements::Alone(writer.finish())
        }
        Action::Aggregate(aggregate) => {
            let mut writer = Writer::new();
            writer.literal("select ").aggregate(aggregate, None);
            WriteStatements::Alone(writer.finish())
        }
        Action::Insert(insert, answer) if insert.is_nested() => {
            WriteStatements::Nested(InsertSteps::new(insert, &[]), shown(answer))
        }
        Action::Insert(insert, answer) if insert.rows.is_empty() => {
            WriteStatements::Alone(nothing_written(answer))
        }
        Action::Insert(insert, answer) => {
            let write = |writer: &mut Writer| writer.insert(insert, &insert.rows);
            answered(&insert.table, answer, insert::has_check(insert), write)
        }
        Action::Update(update, answer) => updated(update, answer),
        Action::UpdateMany(updates, answer) => {
            WriteStatements::Each(updates.iter().map(|update| updated(update, answer)).collect())
        }
        // What is deleted cannot be read again, so its relations are shown as they were.
        Action::Delete(delete, answer) => {
            WriteStatements::Alone(alone(answer, false, |writer| writer.delete(delete)))
        }
    }
}

fn updated(update: &Update, answer: &Answer) -> WriteStatements {
    if update.set.is_empty() {
        return WriteStatements::Alone(nothing_written(answer));
    }
    answered(&update.table, answer, !update.check.is_true(), |writer| writer.update(update))
}

/// A write with its answer: in one statement, or where it shows other tables, in two. A statement does not see
/// what its own triggers did elsewhere.
fn answered(table: &Table, answer: &Answer, checked: bool, write: impl Fn(&mut Writer)) -> WriteStatements {
    if !answer.reads_related() {
        return WriteStatements::Alone(alone(answer, checked, write));
    }
    let mut writer = Writer::new();
    writer.write_returning(table, checked, &[], write);
    WriteStatements::ThenRead(writer.finish(), shown(answer))
}

/// The statement that writes and answers.
fn alone(answer: &Answer, checked: bool, write: impl Fn(&mut Writer)) -> Statement {
    let mut writer = Writer::new();
    writer.literal("with written as (");
    write(&mut writer);
    writer.literal(") select ");
    if checked {
        let check = writer.new_alias();
        writer.literal("case when exists (select from written ").alias(check).literal(" where ");
        writer.column(check, CHECK_COLUMN).literal(" is not true) then ");
        // It depends on the rows, so the planner cannot try it beforehand.
        writer.literal(
            "concat('permission check failed', (select count(*) from written))::integer::text else ",
        );
    }
    writer.answer(answer);
    writer.literal(if checked { " end" } else { "" });
    writer.finish()
}

/// The statement that shows what earlier ones wrote.
fn shown(answer: &Answer) -> Statement {
    let mut writer = Writer::new();
    writer.shows_written_rows = true;
    writer.literal("select ");
    writer.answer(answer);
    writer.finish()
}

/// The answer of a write that writes nothing.
fn nothing_written(answer: &Answer) -> Statement {
    let mut writer = Writer::new();
    writer.literal("select ");
    match answer {
        Answer::One(_) => {
            writer.literal("null::text");
        }
        Answer::Many(fields) => writer.object(fields, |writer, (_, output)| match output {
            ManyOutput::Typename(name) => writer.name_text(name),
            ManyOutput::AffectedRows => {
                writer.literal("'0'");
            }
            ManyOutput::Returning(_) => {
                writer.literal("'[]'");
            }
        }),
    }
    writer.finish()
}

impl Writer {
    fn answer(&mut self, answer: &Answer) {
        match answer {
            Answer::One(select) => self.select(select, None),
            Answer::Many(fields) => self.object(fields, |writer, (_, output)| match output {
                ManyOutput::Typename(name) => writer.name_text(name),
                ManyOutput::AffectedRows if writer.shows_written_rows => {
                    writer.value(&Value { source: Source::WrittenCount, ty: PgType::bigint(), list: false });
                }
                ManyOutput::AffectedRows => {
                    writer.literal("(select count(*) from written)");
                }
                ManyOutput::Returning(select) => writer.select(select, None),
            }),
        }
    }

    /// The statement that writes and returns for each row: an empty text, or failure where its check does not
    /// hold; the row; and the columns in `also`.
    pub(super) fn write_returning(
        &mut self,
        table: &Table,
        checked: bool,
        also: &[ColumnIndex],
        write: impl Fn(&mut Self),
    ) {
        self.literal("with written as (");
        write(self);
        self.literal(") select ");
        let row = Row { table, alias: self.new_alias() };
        if checked {
            self.literal("case when ").column(row.alias, CHECK_COLUMN);
            self.literal(" then '' else concat('permission check failed', ").column(row.alias, CHECK_COLUMN);
            self.literal(")::integer::text end");
        } else {
            self.literal("''");
        }
        self.literal(", ");
        self.whole_row(row);
        self.literal("::text");
        for column in also {
            self.literal(", ");
            self.row_column(row, *column);
            self.literal("::text");
        }
        self.literal(" from written ").alias(row.alias);
    }
}

impl InsertSteps {
    /// The steps of an insert. `takes` are the columns that whoever comes later takes from its rows.
    pub(super) fn new(insert: &Insert, takes: &[ColumnIndex]) -> Self {
        let steps = if insert.is_nested() {
            insert.rows.iter().map(|row| insert::step(insert, std::slice::from_ref(row), takes)).collect()
        } else {
            vec![insert::step(insert, &insert.rows, takes)]
        };
        Self { table: insert.table.name.name.clone(), at: insert.at.clone(), steps }
    }
}
