//! One insert for the requests of several callers. Each request is a row of `request`, whose columns are what its
//! parameters would be alone: the values that it sends, and those of its session. So every caller's check, presets and
//! answer are its own.
//!
//! Nothing here decides for a request that it fails: where a row's check does not hold, a row exists already, or a
//! trigger leaves one out, the whole statement fails, and each request is to be run alone.

use std::sync::Arc;

use db::sql::Word;

use super::filter::Row;
use super::{Alias, Writer};
use crate::catalog::{ColumnIndex, Table};
use crate::expression::Value;
use crate::plan::{Action, Answer, From, Insert, ManyOutput, Plan, Rows, Select};

/// The number of a request among those that share the statement, from 1.
const NUMBER_COLUMN: &str = "request number";

/// The place of a request's row in the order of writing, from 1.
const PLACE_COLUMN: &str = "request place";

/// The statements for several requests of one plan.
#[derive(Debug)]
pub struct SharedInsert {
    /// The key of the root field.
    pub key: Word,
    /// Writes; returns for each request its number, and the answer, or where `read` follows the row that was written.
    pub write: SharedStatement,
    /// Reads what the requests have written, where the answer shows other tables; returns for each its number and the
    /// answer. Behind its values it takes the rows, as composite values, in the order of the requests' numbers.
    pub read: Option<SharedStatement>,
}

/// A statement for several requests.
#[derive(Debug)]
pub struct SharedStatement {
    /// The text.
    pub sql: Arc<str>,
    /// What each request brings: `$n` is the list of the texts that all of them have for the n-th.
    pub values: Vec<Value>,
}

/// The columns of `request` in a statement in the making.
pub(super) struct Requests {
    alias: Alias,
    columns: Vec<Value>,
}

/// The shared form of a plan: there is one for the insert of one row into one table, where the values differ by request.
///
/// `on conflict` is left out: the request whose row exists already makes the statement fail, and runs alone.
pub(super) fn shared(plan: &Plan) -> Option<SharedInsert> {
    let [field] = plan.fields.as_slice() else { return None };
    let Action::Insert(insert, answer) = &field.action else { return None };
    let [row] = insert.rows.as_slice() else { return None };
    // A view may do anything with what is inserted; only a table has a key.
    if insert.is_nested()
        || row.columns.is_empty()
        || insert.table.primary_key.is_empty()
        || !is_plain(answer)
    {
        return None;
    }
    let reads_related = answer.reads_related();
    let write = statement(|writer, requests| {
        writer.shared_write(insert, requests, |writer, row| {
            if reads_related { writer.row_text(row) } else { writer.one_answer(answer, row) }
        });
    })?;
    let read = if reads_related {
        Some(statement(|writer, requests| writer.shared_read(&insert.table, answer, requests))?)
    } else {
        None
    };
    Some(SharedInsert { key: field.key.clone(), write, read })
}

/// Written twice: the first time shows which values there are, which stand at the statement's beginning. `None` where
/// there are none: then nothing tells how many requests there are.
fn statement(body: impl Fn(&mut Writer, Alias)) -> Option<SharedStatement> {
    let draft = written(Vec::new(), |writer, alias| body(writer, alias));
    if draft.values.is_empty() {
        return None;
    }
    Some(written(draft.values, |writer, alias| {
        writer.request_rows();
        body(writer, alias);
    }))
}

fn written(columns: Vec<Value>, body: impl Fn(&mut Writer, Alias)) -> SharedStatement {
    let mut writer = Writer::new();
    let alias = writer.new_alias();
    writer.requests = Some(Requests { alias, columns });
    body(&mut writer, alias);
    let values = writer.requests.take().map(|requests| requests.columns).unwrap_or_default();
    SharedStatement { sql: writer.finish().sql, values }
}

/// Whether the answer is of the row that was written, whichever it is.
fn is_plain(answer: &Answer) -> bool {
    let plain = |select: &Select| {
        matches!(select.from, From::Written)
            && select.filter.is_true()
            && select.join.is_empty()
            && !select.is_ordered_or_bounded()
    };
    match answer {
        Answer::One(select) => select.rows == Rows::One && plain(select),
        Answer::Many(fields) => fields
            .iter()
            .all(|(_, output)| !matches!(output, ManyOutput::Returning(select) if !plain(select))),
    }
}

impl Writer {
    /// A value as a column of `request`.
    pub(super) fn request_value(&mut self, value: &Value) -> bool {
        let Some(requests) = &mut self.requests else { return false };
        let known = requests.columns.iter().position(|column| column == value);
        let place = known.unwrap_or_else(|| {
            requests.columns.push(value.clone());
            requests.columns.len() - 1
        });
        let alias = requests.alias;
        self.alias(alias).literal(".p").sql.number(place + 1);
        true
    }

    /// `with request as (…)`: a row for each request, its texts read as what they are.
    fn request_rows(&mut self) {
        let columns = self.requests.as_ref().map(|requests| requests.columns.clone()).unwrap_or_default();
        self.literal("with request as materialized (select ");
        for (index, column) in columns.iter().enumerate() {
            self.literal("given.p").sql.number(index + 1);
            self.cast(column);
            self.literal(" as p").sql.number(index + 1).literal(", ");
        }
        self.literal("given.").sql.identifier(NUMBER_COLUMN).literal(" from unnest(");
        self.separated(1..=columns.len(), ", ", |writer, place| {
            writer.sql.literal("($").number(place).literal(")::text[]");
        });
        self.literal(") with ordinality given (");
        for index in 0..columns.len() {
            self.literal("p").sql.number(index + 1).literal(", ");
        }
        self.sql.identifier(NUMBER_COLUMN).literal(")) ");
    }

    /// The insert of all requests' rows. `output` writes what of its row a request gets.
    ///
    /// PostgreSQL writes the rows as they come and returns them as it has written them, so the n-th row returned is the
    /// n-th that came; one too few is noticed.
    fn shared_write(&mut self, insert: &Insert, requests: Alias, output: impl FnOnce(&mut Self, Row<'_>)) {
        let [given] = insert.rows.as_slice() else { return };
        self.literal(", placed as materialized (select ")
            .alias(requests)
            .literal(".*, row_number() over (order by ");
        for (_, value) in lock_order(insert) {
            self.value(value).literal(", ");
        }
        self.column(requests, NUMBER_COLUMN).literal(") as ").sql.identifier(PLACE_COLUMN);
        self.literal(" from request ").alias(requests).literal("), written as (insert into ");
        let written = Row { table: &insert.table, alias: self.new_alias() };
        self.sql.qualified(&insert.table.name.schema, &insert.table.name.name).literal(" as ");
        self.alias(written.alias).literal(" (");
        let columns = given.columns.iter().filter_map(|(column, _)| insert.table.columns.get(*column));
        self.separated(columns, ", ", |writer, column| {
            writer.sql.identifier(&column.name);
        });
        self.literal(") select ");
        self.separated(&given.columns, ", ", |writer, (_, value)| {
            writer.value(value);
        });
        self.literal(" from placed ").alias(requests).literal(" order by ").column(requests, PLACE_COLUMN);
        self.literal(" returning ")
            .alias(written.alias)
            .literal(".*) select ")
            .column(requests, NUMBER_COLUMN);
        let row = Row { table: &insert.table, alias: self.new_alias() };
        self.literal(", case when ").column(row.alias, PLACE_COLUMN).literal(" is not null");
        if !insert.check.is_true() {
            self.literal(" and ").filter(&insert.check, row);
        }
        self.literal(" then ");
        output(self, row);
        self.literal(" else concat('permission check failed', ").column(requests, NUMBER_COLUMN);
        self.literal(")::integer::text end from placed ").alias(requests);
        self.literal(" left join (select ");
        let numbered = self.new_alias();
        self.alias(numbered).literal(".*, row_number() over () as ").sql.identifier(PLACE_COLUMN);
        self.literal(" from written ").alias(numbered).literal(") ").alias(row.alias);
        self.literal(" on ").column(row.alias, PLACE_COLUMN).literal(" = ").column(requests, PLACE_COLUMN);
    }

    /// The answers to what the requests have written, which comes as composite values.
    fn shared_read(&mut self, table: &Arc<Table>, answer: &Answer, requests: Alias) {
        let row = Row { table, alias: self.new_alias() };
        self.literal("select ").column(requests, NUMBER_COLUMN).literal(", ");
        self.one_answer(answer, row);
        self.literal(" from request ").alias(requests).literal(" join unnest(");
        let values = self.requests.as_ref().map_or(0, |requests| requests.columns.len());
        self.sql.literal("($").number(values + 1).literal(")::");
        self.sql.qualified(&table.name.schema, &table.name.name).literal("[]");
        self.literal(") with ordinality ").alias(row.alias).literal(" (");
        for column in &table.columns {
            self.sql.identifier(&column.name).literal(", ");
        }
        self.sql.identifier(PLACE_COLUMN).literal(") on ");
        self.column(row.alias, PLACE_COLUMN).literal(" = ").column(requests, NUMBER_COLUMN);
    }

    fn row_text(&mut self, row: Row<'_>) {
        self.whole_row(row);
        self.literal("::text");
    }

    /// The answer to the one who wrote `row`.
    fn one_answer(&mut self, answer: &Answer, row: Row<'_>) {
        match answer {
            Answer::One(select) => self.row_object(select, row),
            Answer::Many(fields) => self.object(fields, |writer, (_, output)| match output {
                ManyOutput::Typename(name) => writer.name_text(name),
                ManyOutput::AffectedRows => {
                    writer.literal("'1'");
                }
                ManyOutput::Returning(select) => {
                    writer.literal("concat('[', ").row_object(select, row);
                    writer.literal(", ']')");
                }
            }),
        }
    }
}

/// The values by which rows are put in order: of the columns that refer to other rows, in the table's order. Triggers
/// that count or check lock the rows referred to, one for each row that is written; two statements that take such locks
/// in the same order do not wait for each other.
fn lock_order(insert: &Insert) -> Vec<&(ColumnIndex, Value)> {
    let refers =
        |column: &ColumnIndex| insert.table.foreign_keys.iter().any(|key| key.columns.contains(column));
    let given = insert.rows.first().map(|row| row.columns.as_slice()).unwrap_or_default();
    let mut order: Vec<_> = given.iter().filter(|(column, _)| refers(column)).collect();
    order.sort_by_key(|(column, _)| *column);
    order
}
