//! A generated world: tables with keys of all shapes, rows, relationships, and what the role `user` may do.

use serde_json::{Value, json};

use super::condition::{Condition, Operand, Operator};
use super::write::{Write, write};
use crate::tape::Tape;

/// What must never be seen: it stands in the column `secret` of every row, which `user` may not read.
pub(crate) const SECRET: &str = "SECRET";

/// The session variables of `user`: a number, a list of numbers, and a text.
pub(crate) const SESSION: [(&str, &str); 3] =
    [("x-hasura-number", "2"), ("x-hasura-list", "{1,3}"), ("x-hasura-text", "ab")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    BigInt,
    Text,
    Bool,
    /// `numeric(8, 2)`.
    Numeric,
    Date,
    Uuid,
}

/// A value. Numbers with a fraction count hundredths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Hundredths(i64),
    Text(String),
}

pub(crate) type Row = Vec<Cell>;

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) nullable: bool,
}

/// A foreign key: a column to the other's `id`, or two to its `id` and `kind`.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<usize>,
    pub(crate) target: usize,
}

/// A way from a row to others.
#[derive(Clone, Debug)]
pub(crate) struct Relationship {
    pub(crate) name: String,
    pub(crate) target: usize,
    /// Pairs of this table's column and the other's.
    pub(crate) join: Vec<(usize, usize)>,
    pub(crate) many: bool,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) relationships: Vec<Relationship>,
    /// A view of another table's rows, those with an odd `id`.
    pub(crate) view_of: Option<usize>,
    pub(crate) read: Option<Read>,
    /// What `user` may write; nobody writes into views.
    pub(crate) write: Option<Write>,
}

/// What `user` may read of a table.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) columns: Vec<usize>,
    pub(crate) filter: Condition,
    pub(crate) limit: Option<usize>,
    pub(crate) aggregates: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) tables: Vec<Table>,
    pub(crate) rows: Vec<Vec<Row>>,
}

/// The columns that every table begins with.
pub(crate) const ID: usize = 0;
pub(crate) const KIND: usize = 1;
pub(crate) const SECRET_COLUMN: usize = 2;

impl Type {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Int => "int4",
            Self::BigInt => "int8",
            Self::Text => "text collate \"C\"",
            Self::Bool => "bool",
            Self::Numeric => "numeric(8, 2)",
            Self::Date => "date",
            Self::Uuid => "uuid",
        }
    }

    pub(crate) fn graphql(self) -> &'static str {
        match self {
            Self::Int => "Int",
            Self::BigInt => "bigint",
            Self::Text => "String",
            Self::Bool => "Boolean",
            Self::Numeric => "numeric",
            Self::Date => "date",
            Self::Uuid => "uuid",
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::BigInt | Self::Numeric)
    }

    /// The cell that a JSON value stands for.
    pub(crate) fn read(self, value: &Value) -> Cell {
        match (self, value) {
            (_, Value::Bool(value)) => Cell::Bool(*value),
            #[expect(clippy::cast_possible_truncation, reason = "rounded before")]
            (Self::Numeric, Value::Number(number)) => {
                Cell::Hundredths((number.as_f64().unwrap_or_default() * 100.0).round() as i64)
            }
            (_, Value::Number(number)) => Cell::Int(number.as_i64().unwrap_or_default()),
            (_, Value::String(text)) => Cell::Text(text.clone()),
            _ => Cell::Null,
        }
    }

    /// A value out of few, so that values meet.
    pub(crate) fn cell(self, tape: &mut Tape<'_>) -> Cell {
        match self {
            Self::Int | Self::BigInt => Cell::Int([1, 2, 3, 4, 0, -5, 2_000_000_000][tape.below(7)]),
            Self::Bool => Cell::Bool(tape.chance(50)),
            Self::Numeric => Cell::Hundredths([100, 250, 0, -99, 1000][tape.below(5)]),
            Self::Text => Cell::Text((*tape.pick(&["a", "ab", "B", "", "é\"'", "a%", "a_b"])).to_owned()),
            Self::Date => Cell::Text((*tape.pick(&["2024-02-29", "1999-12-31", "2024-03-01"])).to_owned()),
            Self::Uuid => Cell::Text(format!("00000000-0000-0000-0000-00000000000{}", tape.below(4))),
        }
    }
}

impl Cell {
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Int(value) => json!(value),
            Self::Hundredths(value) => json!(hundredths(*value)),
            Self::Text(value) => json!(value),
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            Self::Int(value) => Some(*value as f64),
            Self::Hundredths(value) => Some(hundredths(*value)),
            _ => None,
        }
    }

    /// The value as it may stand in SQL.
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Hundredths(value) => hundredths(*value).to_string(),
            Self::Text(value) => format!("'{}'", value.replace('\'', "''")),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn hundredths(value: i64) -> f64 {
    value as f64 / 100.0
}

impl World {
    pub(crate) fn new(tape: &mut Tape<'_>) -> Self {
        let count = 1 + tape.below(4);
        let mut world = Self { tables: Vec::new(), rows: Vec::new() };
        for number in 0..count {
            let view_of = if number > 0 && tape.chance(20) { Some(tape.below(number)) } else { None };
            let table = match view_of.filter(|of| world.tables[*of].view_of.is_none()) {
                Some(of) => world.view(number, of),
                None => table(tape, number, &world.tables),
            };
            world.tables.push(table);
        }
        world.relate();
        for number in 0..count {
            let rows = world.new_rows(tape, number);
            world.rows.push(rows);
        }
        for number in 0..count {
            let read = read(tape, &world, number);
            world.tables[number].read = read;
            if world.tables[number].view_of.is_none() {
                let write = write(tape, &world, number);
                world.tables[number].write = Some(write);
            }
        }
        world
    }

    fn view(&self, number: usize, of: usize) -> Table {
        let columns = self.tables[of].columns.iter().map(|column| Column {
            name: column.name.clone(),
            ty: column.ty,
            nullable: true,
        });
        let columns = columns.collect();
        let (foreign_keys, relationships) = (Vec::new(), Vec::new());
        Table {
            name: format!("t{number}"),
            columns,
            foreign_keys,
            relationships,
            view_of: Some(of),
            read: None,
            write: None,
        }
    }

    fn relate(&mut self) {
        let mut found = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            for (place, key) in table.foreign_keys.iter().enumerate() {
                let to: Vec<(usize, usize)> = key.columns.iter().copied().zip([ID, KIND]).collect();
                let back = to.iter().map(|(own, other)| (*other, *own)).collect();
                let one =
                    Relationship { name: format!("one{place}"), target: key.target, join: to, many: false };
                let name = format!("many{number}_{place}");
                let many = Relationship { name, target: number, join: back, many: true };
                found.extend([(number, one), (key.target, many)]);
            }
            if let Some(of) = table.view_of {
                let base =
                    Relationship { name: "base".into(), target: of, join: vec![(ID, ID)], many: false };
                found.push((number, base));
            }
        }
        for (table, relationship) in found {
            self.tables[table].relationships.push(relationship);
        }
    }

    fn new_rows(&self, tape: &mut Tape<'_>, number: usize) -> Vec<Row> {
        let table = &self.tables[number];
        if let Some(of) = table.view_of {
            let odd = |row: &&Row| matches!(row[ID], Cell::Int(id) if id % 2 == 1);
            return self.rows[of].iter().filter(odd).cloned().collect();
        }
        let mut rows: Vec<Row> = Vec::new();
        for id in 1..=i64::try_from(2 + tape.below(6)).unwrap_or(0) {
            let mut row: Row = table
                .columns
                .iter()
                .map(
                    |column| {
                        if column.nullable && tape.chance(30) { Cell::Null } else { column.ty.cell(tape) }
                    },
                )
                .collect();
            row[ID] = Cell::Int(id);
            row[SECRET_COLUMN] = Cell::Text(format!("{SECRET}{number}{id}"));
            for key in &table.foreign_keys {
                let targets = if key.target == number { &rows } else { &self.rows[key.target] };
                let target =
                    if targets.is_empty() || tape.chance(25) { None } else { Some(tape.pick(targets)) };
                for (column, other) in key.columns.iter().zip([ID, KIND]) {
                    row[*column] = target.map_or(Cell::Null, |target| target[other].clone());
                }
            }
            rows.push(row);
        }
        rows
    }
}

fn column(name: &str, ty: Type, nullable: bool) -> Column {
    Column { name: name.to_owned(), ty, nullable }
}

fn table(tape: &mut Tape<'_>, number: usize, earlier: &[Table]) -> Table {
    let mut columns = vec![
        column("id", Type::Int, false),
        column("kind", Type::Int, false),
        column("secret", Type::Text, true),
    ];
    let types = [Type::Int, Type::Text, Type::Bool, Type::BigInt, Type::Numeric, Type::Date, Type::Uuid];
    for place in 0..=tape.below(4) {
        let ty = *tape.pick(&types);
        columns.push(column(&format!("c{place}"), ty, tape.chance(60)));
    }
    let mut foreign_keys = Vec::new();
    for place in 0..tape.below(3) {
        let target = tape.below(earlier.len() + 1);
        if earlier.get(target).is_some_and(|table| table.view_of.is_some()) {
            continue;
        }
        let mut own = vec![columns.len()];
        columns.push(column(&format!("r{place}"), Type::Int, true));
        if tape.chance(30) {
            own.push(columns.len());
            columns.push(column(&format!("r{place}_kind"), Type::Int, true));
        }
        foreign_keys.push(ForeignKey { columns: own, target });
    }
    let name = format!("t{number}");
    Table { name, columns, foreign_keys, relationships: Vec::new(), view_of: None, read: None, write: None }
}

fn read(tape: &mut Tape<'_>, world: &World, number: usize) -> Option<Read> {
    if tape.chance(10) {
        return None;
    }
    let all: Vec<usize> = (0..world.tables[number].columns.len()).filter(|at| *at != SECRET_COLUMN).collect();
    let limit = if tape.chance(20) { Some(1 + tape.below(3)) } else { None };
    let mut columns: Vec<usize> = tape.some(&all, 75).into_iter().copied().collect();
    // Where rows are cut off, their order must be told for the answer to be one.
    if (limit.is_some() || columns.is_empty() || tape.chance(70)) && !columns.contains(&ID) {
        columns.insert(0, ID);
    }
    let filter =
        if tape.chance(50) { Condition::TRUE } else { Condition::of_permission(tape, world, number, 3) };
    Some(Read { columns, filter, limit, aggregates: tape.chance(70) })
}

/// A comparison with the session, for filters.
pub(crate) fn session_operand(tape: &mut Tape<'_>, ty: Type) -> Option<(Operator, Operand)> {
    match ty {
        Type::Int | Type::BigInt if tape.chance(50) => Some((Operator::In, Operand::SessionList)),
        Type::Int | Type::BigInt => Some((Operator::Gte, Operand::Session(0))),
        Type::Text => Some((Operator::Eq, Operand::Session(2))),
        _ => None,
    }
}
