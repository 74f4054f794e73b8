//! The slow, obvious evaluator: what a query must answer, found by looking at every row.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::condition::{View, related};
use super::query::{Direction, Field, Fields, Key, List, Number, Root, Stream};
use super::world::{Cell, ID, Row};

/// A list whose order is not told is an object with this key: any order will do.
const ANY_ORDER: &str = "in any order";

/// The answer to a root field.
pub(crate) fn answer(view: View<'_>, root: &Root) -> Value {
    match root {
        Root::List(list, fields) => objects(view, list, &rows(view, list, None, true), fields),
        Root::Aggregate(list, numbers, nodes) => aggregate(view, list, None, numbers, nodes.as_ref()),
        Root::One(table, id, fields) => {
            let found =
                view.rows[*table].iter().find(|row| row[ID] == Cell::Int(*id) && view.sees(*table, row));
            found.map_or(Value::Null, |row| object(view, *table, row, fields))
        }
    }
}

/// All rows of a stream, in its order.
pub(crate) fn streamed(view: View<'_>, stream: &Stream) -> Vec<Value> {
    let direction = Direction { down: stream.down, nulls_first: false };
    let up = Direction { down: false, nulls_first: false };
    let place = |row: &Row| row[stream.cursor].clone();
    let wanted = |row: &&Row| {
        view.sees(stream.table, row)
            && stream.condition.is_true(view, stream.table, row)
            && place(row) != Cell::Null
            && compare(&place(row), &stream.start, direction) == Ordering::Greater
    };
    let mut rows: Vec<&Row> = view.rows[stream.table].iter().filter(wanted).collect();
    rows.sort_by(|one, other| {
        let by_cursor = compare(&place(one), &place(other), direction);
        by_cursor.then(compare(&one[ID], &other[ID], up))
    });
    rows.into_iter().map(|row| object(view, stream.table, row, &stream.fields)).collect()
}

/// The rows of a list, among those to which a relationship leads.
fn rows<'a>(
    view: View<'a>,
    list: &List,
    from: Option<(usize, usize, &'a Row)>,
    capped: bool,
) -> Vec<&'a Row> {
    let all: Vec<&Row> = match from {
        Some((table, place, row)) => related(view, table, place, row).collect(),
        None => view.rows[list.table].iter().collect(),
    };
    let wanted = |row: &&Row| {
        view.sees(list.table, row)
            && list.condition.as_ref().is_none_or(|condition| condition.is_true(view, list.table, row))
    };
    let mut found: Vec<&Row> = all.into_iter().filter(wanted).collect();
    found.sort_by(|one, other| {
        let by = list.order.iter().map(|(by, direction)| {
            let values = [one, other].map(|row| key(view, list.table, row, by));
            compare(&values[0], &values[1], *direction)
        });
        by.fold(Ordering::Equal, Ordering::then)
    });
    if !list.distinct.is_empty() {
        let mut seen = BTreeSet::new();
        found.retain(|row| {
            seen.insert(list.distinct.iter().map(|column| row[*column].clone()).collect::<Vec<_>>())
        });
    }
    let most = view.world.limit(view.limited && capped, list.table);
    let limit = [list.limit, most].into_iter().flatten().min().unwrap_or(usize::MAX);
    found.into_iter().skip(list.offset.unwrap_or(0)).take(limit).collect()
}

fn compare(one: &Cell, other: &Cell, direction: Direction) -> Ordering {
    let nulls = if direction.nulls_first { Ordering::Less } else { Ordering::Greater };
    match (one == &Cell::Null, other == &Cell::Null) {
        (true, true) => Ordering::Equal,
        (true, false) => nulls,
        (false, true) => nulls.reverse(),
        (false, false) if direction.down => other.cmp(one),
        (false, false) => one.cmp(other),
    }
}

fn key(view: View<'_>, table: usize, row: &Row, by: &Key) -> Cell {
    let visible = |place: usize| {
        let target = view.world.tables[table].relationships[place].target;
        related(view, table, place, row).filter(move |other| view.sees(target, other))
    };
    match by {
        Key::Column(column) => row[*column].clone(),
        Key::Through(place, inner) => {
            let target = view.world.tables[table].relationships[*place].target;
            visible(*place).next().map_or(Cell::Null, |other| key(view, target, other, inner))
        }
        Key::Count(place) => Cell::Int(i64::try_from(visible(*place).count()).unwrap_or(i64::MAX)),
        Key::Extreme(place, most, column) => {
            let values =
                visible(*place).map(|other| other[*column].clone()).filter(|cell| *cell != Cell::Null);
            (if *most { values.max() } else { values.min() }).unwrap_or(Cell::Null)
        }
    }
}

fn objects(view: View<'_>, list: &List, rows: &[&Row], fields: &Fields) -> Value {
    let objects: Vec<Value> = rows.iter().map(|row| object(view, list.table, row, fields)).collect();
    if list.order.is_empty() { in_any_order(objects) } else { Value::Array(objects) }
}

/// A list of which any order will do.
pub(crate) fn in_any_order(items: Vec<Value>) -> Value {
    Value::Object(Map::from_iter([(ANY_ORDER.to_owned(), Value::Array(items))]))
}

/// What a query shows of a row.
pub(crate) fn object(view: View<'_>, table: usize, row: &Row, fields: &Fields) -> Value {
    let mut shown = Map::new();
    for (name, field) in fields {
        let value = match field {
            Field::Typename => json!(view.world.tables[table].name),
            Field::Column(column) => row[*column].json(),
            Field::One(place, inner) => {
                let target = view.world.tables[table].relationships[*place].target;
                let found = related(view, table, *place, row).find(|other| view.sees(target, other));
                found.map_or(Value::Null, |other| object(view, target, other, inner))
            }
            Field::Many(place, list, inner) => {
                objects(view, list, &rows(view, list, Some((table, *place, row)), true), inner)
            }
            Field::Aggregate(place, list, numbers, nodes) => {
                aggregate(view, list, Some((table, *place, row)), numbers, nodes.as_ref())
            }
        };
        shown.insert(name.clone(), value);
    }
    Value::Object(shown)
}

fn aggregate<'a>(
    view: View<'a>,
    list: &List,
    from: Option<(usize, usize, &'a Row)>,
    numbers: &[Number],
    nodes: Option<&Fields>,
) -> Value {
    // The role's limit cuts off nodes, not numbers.
    let all = rows(view, list, from, false);
    let mut shown = Map::new();
    for (place, number) in numbers.iter().enumerate() {
        let value = match number {
            Number::Count(columns, distinct) => json!(count(&all, columns, *distinct)),
            Number::Of(function, column) => {
                let values = all.iter().map(|row| &row[*column]).filter(|cell| **cell != Cell::Null);
                json!({"v": aggregated(function, &values.collect::<Vec<_>>())})
            }
        };
        shown.insert(format!("n{place}"), value);
    }
    let mut answer = json!({"aggregate": shown});
    if let Some(fields) = nodes {
        answer["nodes"] = objects(view, list, &rows(view, list, from, true), fields);
    }
    answer
}

fn count(rows: &[&Row], columns: &[usize], distinct: bool) -> usize {
    let values = rows.iter().map(|row| columns.iter().map(|column| &row[*column]).collect::<Vec<_>>());
    // A null alone does not count; among several columns it is a value like others.
    let counted = values.filter(|values| !matches!(values.as_slice(), [Cell::Null]));
    if distinct && !columns.is_empty() { counted.collect::<BTreeSet<_>>().len() } else { counted.count() }
}

fn aggregated(function: &str, values: &[&Cell]) -> Value {
    match function {
        "min" => return values.iter().min().map_or(Value::Null, |cell| cell.json()),
        "max" => return values.iter().max().map_or(Value::Null, |cell| cell.json()),
        _ => {}
    }
    let numbers: Vec<f64> = values.iter().filter_map(|cell| cell.number()).collect();
    #[expect(clippy::cast_precision_loss, reason = "few rows")]
    let many = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let squares: f64 = numbers.iter().map(|number| (number - sum / many).powi(2)).sum();
    match (function, numbers.len()) {
        (_, 0) | ("stddev_samp", 1) => Value::Null,
        ("sum", _) => json!(sum),
        ("avg", _) => json!(sum / many),
        ("var_pop", _) => json!(squares / many),
        _ => json!((squares / (many - 1.0)).sqrt()),
    }
}

/// Whether an answer is the expected one; numbers may differ in their last digits.
pub(crate) fn is_same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(any), Value::Array(found)) => {
            let Some(Value::Array(expected)) = any.get(ANY_ORDER) else { return false };
            let mut left: Vec<&Value> = found.iter().collect();
            expected.len() == found.len()
                && expected.iter().all(|one| {
                    let at = left.iter().position(|other| is_same(one, other));
                    at.map(|at| left.swap_remove(at)).is_some()
                })
        }
        (Value::Object(expected), Value::Object(found)) => {
            // The keys come in the order in which they were asked for.
            expected.keys().eq(found.keys())
                && expected.values().zip(found.values()).all(|(one, other)| is_same(one, other))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(one, other)| is_same(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::INFINITY));
            (one - other).abs() <= 1e-9 * one.abs().max(1.0)
        }
        _ => expected == found,
    }
}
