//! Reading as plain rows: PostgreSQL returns columns, and [`crate::rows`] writes their JSON.
//!
//! What is no column of the row or of a row that it refers to (lists, aggregates, types that only PostgreSQL can write
//! as JSON) is a column of JSON text, made as in [`super::select`].

use std::sync::atomic::AtomicUsize;

use super::filter::Row;
use super::{Statement, Writer, known_entry};
use crate::plan::{Action, CellOutput, From, Output, RootPlan, Rows, Select};
use crate::rows::{Codec, Object, Part, RowsAnswer};

/// The column by which one knows whether there is a row that the outer one refers to.
const THERE_COLUMN: &str = "is there";

/// A select whose rows stand beside the outer ones, under its alias.
struct Joined<'a> {
    select: &'a Select,
    row: Row<'a>,
    outer: Row<'a>,
}

/// The statement and the form of a document that reads by one of its root fields, the others being known; `None` for
/// every other document.
pub(super) fn document(fields: &[RootPlan]) -> Option<(Statement, RowsAnswer)> {
    let mut before = String::from("{");
    let mut after = String::new();
    let mut select = None;
    for (index, field) in fields.iter().enumerate() {
        let text = if select.is_some() { &mut after } else { &mut before };
        text.push_str(if index > 0 { "," } else { "" });
        match (&field.action, select) {
            (Action::Select(found), None) => {
                text.extend(["\"", field.key.as_str(), "\":"]);
                select = Some(found);
            }
            _ => text.push_str(&known_entry(field)?),
        }
    }
    after.push('}');
    let select = select?;
    let mut writer = Writer::new();
    let row = writer.plain_rows(select);
    Some((
        writer.finish(),
        RowsAnswer { before, rows: select.rows, row, after, last_length: AtomicUsize::new(0) },
    ))
}

impl Writer {
    fn plain_rows(&mut self, select: &Select) -> Object {
        let row = Row { table: &select.table, alias: self.new_alias() };
        let mut joined = Vec::new();
        let mut columns = 0;
        self.literal("select ");
        let object = self.columns(select, row, &mut columns, &mut joined);
        // A row of which nothing is asked but its type's name still counts.
        self.literal(if columns == 0 { "true" } else { "" });
        self.literal(" from ");
        match select.rows {
            Rows::Many if select.is_ordered_or_bounded() => {
                self.many_source(select, row, None);
                self.joined_rows(&joined);
            }
            Rows::Many | Rows::One => {
                self.source(select, row, None);
                self.joined_rows(&joined);
                self.literal(" where ");
                self.conditions(select, row, None);
                self.literal(if select.rows == Rows::One { " limit 1" } else { "" });
            }
        }
        object
    }

    /// Writes the columns of a row, and notes the rows beside it that they come from.
    fn columns<'a>(
        &mut self,
        select: &'a Select,
        row: Row<'a>,
        columns: &mut usize,
        joined: &mut Vec<Joined<'a>>,
    ) -> Object {
        let mut object = Object::default();
        object.text("{");
        for (index, (key, output)) in select.fields.iter().enumerate() {
            object.text(if index > 0 { ",\"" } else { "\"" });
            object.text(key.as_str());
            object.text("\":");
            match output {
                Output::Typename(name) => {
                    object.text("\"");
                    object.text(name.as_str());
                    object.text("\"");
                }
                Output::Cell(output) => {
                    let place = self.next_column(columns);
                    object.parts.push(Part::Column(place, self.plain_cell(row, output)));
                }
                Output::Related(inner) if stands_beside(inner) => {
                    let beside = Row { table: &inner.table, alias: self.new_alias() };
                    joined.push(Joined { select: inner, row: beside, outer: row });
                    let place = self.next_column(columns);
                    self.column(beside.alias, THERE_COLUMN);
                    let inner = self.columns(inner, beside, columns, joined);
                    object.parts.push(Part::Optional(place, inner));
                }
                output => {
                    let place = self.next_column(columns);
                    self.output(select, row, output);
                    object.parts.push(Part::Column(place, Codec::Json));
                }
            }
        }
        object.text("}");
        object
    }

    fn next_column(&mut self, columns: &mut usize) -> usize {
        self.literal(if *columns > 0 { ", " } else { "" });
        *columns += 1;
        *columns - 1
    }

    fn plain_cell(&mut self, row: Row<'_>, output: &CellOutput) -> Codec {
        let Some(ty) = output.cell.ty(row.table) else {
            self.null_text();
            return Codec::Json;
        };
        let codec = Codec::of(ty).filter(|_| output.path.is_none() && !output.as_string);
        if let Some(codec) = codec {
            self.cell(row, &output.cell);
            return codec;
        }
        self.literal("(");
        self.json_text(row, ty, output);
        self.literal(")::text");
        Codec::Json
    }

    /// At most one row each, so that the outer rows stay as many as they are and in their order.
    fn joined_rows(&mut self, joined: &[Joined<'_>]) {
        for Joined { select, row, outer } in joined {
            let inner = Row { table: &select.table, alias: self.new_alias() };
            self.literal(" left join lateral (select true as ").sql.identifier(THERE_COLUMN).literal(", ");
            self.alias(inner.alias).literal(".* from ");
            self.source(select, inner, Some(*outer));
            self.literal(" where ");
            self.conditions(select, inner, Some(*outer));
            self.literal(" limit 1) ").alias(row.alias).literal(" on true");
        }
    }
}

/// Whether there is at most one such row, and its fields can be asked for where there is none: they are null then, while
/// a function would be called with a row of nulls.
fn stands_beside(select: &Select) -> bool {
    select.rows == Rows::One
        && matches!(select.from, From::Table)
        && select.fields.iter().all(|(_, output)| match output {
            Output::Typename(_) => true,
            Output::Cell(output) => output.cell.as_column().is_some(),
            Output::Related(inner) => {
                inner.rows == Rows::Many && !calls_with_row(inner) || stands_beside(inner)
            }
            Output::Aggregate(aggregate) => !calls_with_row(&aggregate.rows),
        })
}

fn calls_with_row(select: &Select) -> bool {
    matches!(select.from, From::Function(_))
}
