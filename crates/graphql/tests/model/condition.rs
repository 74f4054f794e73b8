//! Conditions on rows: how they are written in permissions and in queries, and what they mean, in SQL's logic of
//! three values.

use serde_json::{Map, Value, json};

use super::world::{Cell, ID, Row, SECRET_COLUMN, SESSION, Type, World, session_operand};
use crate::tape::Tape;

#[derive(Clone, Debug)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(usize, Operator, Operand),
    /// Of the rows of a relationship, by its place.
    Related(usize, Box<Condition>),
    /// How many rows of a relationship fulfil it.
    Count(usize, Box<Condition>, Operator, i64),
    /// Of any row of a table.
    Exists(usize, Box<Condition>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Nin,
    Like,
    Nlike,
    IsNull,
}

#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Cell(Cell),
    List(Vec<Cell>),
    /// A session variable, by its place.
    Session(usize),
    SessionList,
    /// A column of the same row.
    Column(usize),
    /// A column of the row at which the whole condition stands.
    Root(usize),
}

impl Operator {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::In => "in",
            Self::Nin => "nin",
            Self::Like => "like",
            Self::Nlike => "nlike",
            Self::IsNull => "is_null",
        }
    }

    fn holds(self, left: &Cell, right: &Cell) -> Option<bool> {
        if *left == Cell::Null || *right == Cell::Null {
            return None;
        }
        Some(match (self, left, right) {
            (Self::Eq | Self::In, ..) => left == right,
            (Self::Neq | Self::Nin, ..) => left != right,
            (Self::Gt, ..) => left > right,
            (Self::Gte, ..) => left >= right,
            (Self::Lt, ..) => left < right,
            (Self::Lte, ..) => left <= right,
            (Self::Like, Cell::Text(text), Cell::Text(pattern)) => is_like(text, pattern),
            (Self::Nlike, Cell::Text(text), Cell::Text(pattern)) => !is_like(text, pattern),
            _ => return None,
        })
    }
}

fn is_like(text: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('%') => {
            let after = rest.as_str();
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(&text[at..], after))
        }
        Some(wanted) => {
            let mut characters = text.chars();
            characters.next().is_some_and(|found| wanted == '_' || found == wanted)
                && is_like(characters.as_str(), rest.as_str())
        }
    }
}

/// Where a condition is looked at: with which rows, and whether a relationship carries the other table's filter.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    /// The rows by table: those that there are, or those that mutations have left.
    pub(crate) rows: &'a [Vec<Row>],
    /// Whether it is asked as `user`.
    pub(crate) limited: bool,
}

impl View<'_> {
    /// Whether the caller may see a row.
    pub(crate) fn sees(self, table: usize, row: &Row) -> bool {
        if !self.limited {
            return true;
        }
        let read = self.world.tables[table].read.as_ref();
        read.is_some_and(|read| read.filter.is_true(View { limited: false, ..self }, table, row))
    }
}

impl Condition {
    pub(crate) const TRUE: Self = Self::And(Vec::new());

    pub(crate) fn is_true(&self, view: View<'_>, table: usize, row: &Row) -> bool {
        self.evaluate(view, table, row, row) == Some(true)
    }

    fn evaluate(&self, view: View<'_>, table: usize, row: &Row, root: &Row) -> Option<bool> {
        match self {
            Self::And(all) => joined(all.iter().map(|one| one.evaluate(view, table, row, root)), false),
            Self::Or(any) => joined(any.iter().map(|one| one.evaluate(view, table, row, root)), true),
            Self::Not(inner) => inner.evaluate(view, table, row, root).map(|value| !value),
            Self::Compare(column, operator, operand) => compare(&row[*column], *operator, operand, row, root),
            Self::Related(place, inner) => {
                let target = view.world.tables[table].relationships[*place].target;
                let fulfils = |other: &&Row| {
                    view.sees(target, other) && inner.evaluate(view, target, other, root) == Some(true)
                };
                Some(related(view, table, *place, row).any(|other| fulfils(&other)))
            }
            Self::Count(place, inner, operator, number) => {
                let target = view.world.tables[table].relationships[*place].target;
                let fulfils = |other: &&Row| {
                    view.sees(target, other) && inner.evaluate(view, target, other, root) == Some(true)
                };
                let count = related(view, table, *place, row).filter(fulfils).count();
                let count = Cell::Int(i64::try_from(count).unwrap_or(i64::MAX));
                operator.holds(&count, &Cell::Int(*number))
            }
            Self::Exists(other, inner) => {
                let mut rows = view.rows[*other].iter();
                Some(rows.any(|found| inner.evaluate(view, *other, found, root) == Some(true)))
            }
        }
    }
}

/// Values joined by `and`, which one false decides, or by `or`, which one true does. What is not known otherwise
/// makes the whole unknown.
fn joined(values: impl Iterator<Item = Option<bool>>, decides: bool) -> Option<bool> {
    let values: Vec<Option<bool>> = values.collect();
    if values.contains(&Some(decides)) {
        Some(decides)
    } else if values.contains(&None) {
        None
    } else {
        Some(!decides)
    }
}

/// The rows to which a relationship of `row` leads.
pub(crate) fn related<'a>(
    view: View<'a>,
    table: usize,
    place: usize,
    row: &'a Row,
) -> impl Iterator<Item = &'a Row> {
    let relationship = &view.world.tables[table].relationships[place];
    let joined = move |other: &&Row| {
        relationship.join.iter().all(|(own, its)| Operator::Eq.holds(&row[*own], &other[*its]) == Some(true))
    };
    view.rows[relationship.target].iter().filter(joined)
}

fn compare(left: &Cell, operator: Operator, operand: &Operand, row: &Row, root: &Row) -> Option<bool> {
    let list = |items: &[Cell]| {
        if *left == Cell::Null && !items.is_empty() {
            return None;
        }
        Some(items.contains(left) == (operator == Operator::In))
    };
    match operand {
        Operand::Cell(Cell::Bool(null)) if operator == Operator::IsNull => {
            Some((*left == Cell::Null) == *null)
        }
        Operand::Cell(cell) => operator.holds(left, cell),
        Operand::List(items) => list(items),
        Operand::SessionList => list(&[Cell::Int(1), Cell::Int(3)]),
        Operand::Session(place) => {
            let text = SESSION[*place].1;
            operator.holds(left, &text.parse().map_or_else(|_| Cell::Text(text.to_owned()), Cell::Int))
        }
        Operand::Column(other) => operator.holds(left, &row[*other]),
        Operand::Root(other) => operator.holds(left, &root[*other]),
    }
}

impl Condition {
    /// A condition for a permission, at `table`, to which relationships may have led.
    pub(crate) fn of_permission(tape: &mut Tape<'_>, world: &World, table: usize, depth: usize) -> Self {
        let inner = |tape: &mut Tape<'_>| Self::of_permission(tape, world, table, depth - 1);
        let relationships = &world.tables[table].relationships;
        match tape.below(if depth == 0 { 3 } else { 8 }) {
            3 => Self::Not(Box::new(inner(tape))),
            4 => Self::Or((0..tape.below(3)).map(|_| inner(tape)).collect()),
            5 => Self::And((0..tape.below(3)).map(|_| inner(tape)).collect()),
            6 if !relationships.is_empty() => {
                let place = tape.below(relationships.len());
                let target = relationships[place].target;
                Self::Related(place, Box::new(Self::of_permission(tape, world, target, depth - 1)))
            }
            7 => {
                let other = tape.below(world.tables.len());
                Self::Exists(other, Box::new(Self::of_permission(tape, world, other, depth - 1)))
            }
            _ => {
                let column = tape.below(world.tables[table].columns.len());
                let ty = world.tables[table].columns[column].ty;
                if tape.chance(30)
                    && let Some((operator, operand)) = session_operand(tape, ty)
                {
                    return Self::Compare(column, operator, operand);
                }
                if ty == Type::Int && tape.chance(25) {
                    let operand = if tape.chance(50) { Operand::Column(ID) } else { Operand::Root(ID) };
                    return Self::Compare(column, Operator::Gt, operand);
                }
                Self::comparison(tape, column, ty)
            }
        }
    }

    /// A condition that a query may ask, over what the caller may see.
    pub(crate) fn of_query(
        tape: &mut Tape<'_>,
        world: &World,
        limited: bool,
        table: usize,
        depth: usize,
    ) -> Self {
        let inner = |tape: &mut Tape<'_>| Self::of_query(tape, world, limited, table, depth - 1);
        let relationships = world.readable_relationships(limited, table);
        match tape.below(if depth == 0 { 3 } else { 8 }) {
            3 => Self::Not(Box::new(inner(tape))),
            4 => Self::Or((0..tape.below(3)).map(|_| inner(tape)).collect()),
            5 => Self::And((0..tape.below(3)).map(|_| inner(tape)).collect()),
            6 | 7 if !relationships.is_empty() => {
                let place = *tape.pick(&relationships);
                let relationship = &world.tables[table].relationships[place];
                let inner = Self::of_query(tape, world, limited, relationship.target, depth - 1);
                let counts = relationship.many && world.aggregates(limited, relationship.target);
                if counts && tape.chance(40) {
                    let operator = *tape.pick(&[Operator::Gt, Operator::Eq, Operator::Lte]);
                    let number = i64::from(tape.byte() % 3);
                    return Self::Count(place, Box::new(inner), operator, number);
                }
                Self::Related(place, Box::new(inner))
            }
            _ => {
                let columns = world.readable_columns(limited, table);
                let column = *tape.pick(&columns);
                Self::comparison(tape, column, world.tables[table].columns[column].ty)
            }
        }
    }

    fn comparison(tape: &mut Tape<'_>, column: usize, ty: Type) -> Self {
        use Operator::{Eq, Gt, Gte, In, IsNull, Like, Lt, Lte, Neq, Nin, Nlike};
        let operator = *tape.pick(&[Eq, Neq, Gt, Gte, Lt, Lte, In, Nin, IsNull, Like, Nlike]);
        let operand = match operator {
            In | Nin => Operand::List((0..tape.below(3)).map(|_| ty.cell(tape)).collect()),
            IsNull => Operand::Cell(Cell::Bool(tape.chance(50))),
            Like | Nlike if ty != Type::Text || column == SECRET_COLUMN => {
                return Self::Compare(column, Eq, Operand::Cell(ty.cell(tape)));
            }
            _ => Operand::Cell(ty.cell(tape)),
        };
        Self::Compare(column, operator, operand)
    }

    /// As the metadata writes it.
    pub(crate) fn metadata(&self, world: &World, table: usize) -> Value {
        let entry = |key: &str, value: Value| Value::Object(Map::from_iter([(key.to_owned(), value)]));
        match self {
            Self::And(all) => {
                json!({"_and": all.iter().map(|one| one.metadata(world, table)).collect::<Vec<_>>()})
            }
            Self::Or(any) => {
                json!({"_or": any.iter().map(|one| one.metadata(world, table)).collect::<Vec<_>>()})
            }
            Self::Not(inner) => json!({"_not": inner.metadata(world, table)}),
            Self::Related(place, inner) | Self::Count(place, inner, ..) => {
                let relationship = &world.tables[table].relationships[*place];
                entry(&relationship.name, inner.metadata(world, relationship.target))
            }
            Self::Exists(other, inner) => {
                json!({"_exists": {"_table": {"schema": "public", "name": world.tables[*other].name}, "_where": inner.metadata(world, *other)}})
            }
            Self::Compare(column, operator, operand) => {
                let name = &world.tables[table].columns[*column].name;
                let (prefix, value) = match operand {
                    Operand::Cell(cell) => ("_", cell.json()),
                    Operand::List(items) => ("_", items.iter().map(Cell::json).collect()),
                    Operand::Session(place) => ("_", json!(SESSION[*place].0)),
                    Operand::SessionList => ("_", json!(SESSION[1].0)),
                    Operand::Column(other) => ("_c", json!(world.tables[table].columns[*other].name)),
                    Operand::Root(_) => ("_c", json!(["$", "id"])),
                };
                entry(name, entry(&format!("{prefix}{}", operator.name()), value))
            }
        }
    }
}
