//! Queries over a generated world: what may be asked of it, and how GraphQL writes that.

use serde_json::{Map, Value};

use super::condition::{Condition, Operand, Operator};
use super::world::{Cell, ID, Type, World};
use crate::tape::Tape;

/// A list of rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) table: usize,
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<(Key, Direction)>,
    pub(crate) distinct: Vec<usize>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: Option<usize>,
}

/// What rows are ordered by.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Column(usize),
    Through(usize, Box<Key>),
    Count(usize),
    /// The greatest or the least of a column of a relationship's rows.
    Extreme(usize, bool, usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    pub(crate) down: bool,
    pub(crate) nulls_first: bool,
}

/// A field with its key in the answer.
pub(crate) type Fields = Vec<(String, Field)>;

#[derive(Clone, Debug)]
pub(crate) enum Field {
    Column(usize),
    Typename,
    One(usize, Fields),
    Many(usize, List, Fields),
    Aggregate(usize, List, Vec<Number>, Option<Fields>),
}

#[derive(Clone, Debug)]
pub(crate) enum Number {
    Count(Vec<usize>, bool),
    Of(&'static str, usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Root {
    List(List, Fields),
    Aggregate(List, Vec<Number>, Option<Fields>),
    /// By its `id`.
    One(usize, i64, Fields),
}

/// The rows behind a cursor.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) table: usize,
    pub(crate) condition: Condition,
    pub(crate) cursor: usize,
    pub(crate) start: Cell,
    pub(crate) down: bool,
    pub(crate) size: usize,
    pub(crate) fields: Fields,
}

/// The functions of numbers, and those of whatever has an order.
pub(crate) const OF_NUMBERS: [&str; 5] = ["sum", "avg", "var_pop", "stddev_samp", "max"];
pub(crate) const OF_ORDERED: [&str; 2] = ["min", "max"];

/// Makes queries for one caller.
pub(crate) struct Maker<'a, 't> {
    pub(crate) world: &'a World,
    pub(crate) limited: bool,
    pub(crate) tape: &'a mut Tape<'t>,
}

impl World {
    pub(crate) fn readable_columns(&self, limited: bool, table: usize) -> Vec<usize> {
        let all = || (0..self.tables[table].columns.len()).collect();
        if limited {
            self.tables[table].read.as_ref().map_or_else(all, |read| read.columns.clone())
        } else {
            all()
        }
    }

    pub(crate) fn is_readable(&self, limited: bool, table: usize) -> bool {
        !limited || self.tables[table].read.is_some()
    }

    pub(crate) fn readable_relationships(&self, limited: bool, table: usize) -> Vec<usize> {
        let all = self.tables[table].relationships.iter().enumerate();
        all.filter(|(_, to)| self.is_readable(limited, to.target)).map(|(place, _)| place).collect()
    }

    pub(crate) fn aggregates(&self, limited: bool, table: usize) -> bool {
        !limited || self.tables[table].read.as_ref().is_some_and(|read| read.aggregates)
    }

    pub(crate) fn limit(&self, limited: bool, table: usize) -> Option<usize> {
        self.tables[table].read.as_ref().filter(|_| limited).and_then(|read| read.limit)
    }
}

impl Maker<'_, '_> {
    /// A root field; `None` where the caller may read no table.
    pub(crate) fn root(&mut self) -> Option<Root> {
        let tables: Vec<usize> = (0..self.world.tables.len())
            .filter(|table| self.world.is_readable(self.limited, *table))
            .collect();
        if tables.is_empty() {
            return None;
        }
        let table = *self.tape.pick(&tables);
        let has_id = self.world.readable_columns(self.limited, table).contains(&ID);
        Some(match self.tape.below(4) {
            1 if self.world.aggregates(self.limited, table) => {
                let (list, numbers, nodes) = self.aggregate(table, 2);
                Root::Aggregate(list, numbers, nodes)
            }
            2 if has_id && self.world.tables[table].view_of.is_none() => {
                let id = 1 + i64::from(self.tape.byte() % 6);
                Root::One(table, id, self.fields(table, 2))
            }
            _ => Root::List(self.list(table, 3), self.fields(table, 3)),
        })
    }

    /// A stream; `None` where the caller may read no table that has a key.
    pub(crate) fn stream(&mut self) -> Option<Stream> {
        let keyed = |table: &usize| {
            self.world.tables[*table].view_of.is_none() && self.world.is_readable(self.limited, *table)
        };
        let tables: Vec<usize> = (0..self.world.tables.len()).filter(keyed).collect();
        let table = *tables.get(self.tape.below(tables.len()))?;
        let cursor = *self.tape.pick(&self.world.readable_columns(self.limited, table));
        let condition = Condition::of_query(self.tape, self.world, self.limited, table, 1);
        let condition = if self.tape.chance(60) { Condition::TRUE } else { condition };
        Some(Stream {
            table,
            condition,
            cursor,
            start: self.world.tables[table].columns[cursor].ty.cell(self.tape),
            down: self.tape.chance(50),
            size: 1 + self.tape.below(3),
            fields: self.fields(table, 1),
        })
    }

    fn aggregate(&mut self, table: usize, depth: usize) -> (List, Vec<Number>, Option<Fields>) {
        let list = self.list(table, depth);
        let columns = self.world.readable_columns(self.limited, table);
        let mut numbers = Vec::new();
        for _ in 0..=self.tape.below(3) {
            let column = *self.tape.pick(&columns);
            let ty = self.world.tables[table].columns[column].ty;
            numbers.push(match self.tape.below(3) {
                1 if ty.is_number() => Number::Of(self.tape.pick::<&str>(&OF_NUMBERS), column),
                1 | 2 if !matches!(ty, Type::Bool | Type::Uuid) => {
                    Number::Of(self.tape.pick::<&str>(&OF_ORDERED), column)
                }
                2 => Number::Count(
                    self.tape.some(&columns, 40).into_iter().copied().collect(),
                    self.tape.chance(50),
                ),
                _ => Number::Count(Vec::new(), false),
            });
        }
        let nodes =
            if self.tape.chance(40) { Some(self.fields(table, depth.saturating_sub(1))) } else { None };
        (list, numbers, nodes)
    }

    pub(super) fn fields(&mut self, table: usize, depth: usize) -> Fields {
        let columns = self.world.readable_columns(self.limited, table);
        let mut fields: Vec<Field> =
            self.tape.some(&columns, 40).into_iter().map(|column| Field::Column(*column)).collect();
        if fields.is_empty() {
            fields.push(if self.tape.chance(10) { Field::Typename } else { Field::Column(columns[0]) });
        }
        if depth > 0 {
            let relationships = self.world.readable_relationships(self.limited, table);
            for place in relationships {
                if !self.tape.chance(35) {
                    continue;
                }
                let to = &self.world.tables[table].relationships[place];
                fields.push(if !to.many {
                    Field::One(place, self.fields(to.target, depth - 1))
                } else if self.world.aggregates(self.limited, to.target) && self.tape.chance(35) {
                    let (list, numbers, nodes) = self.aggregate(to.target, depth - 1);
                    Field::Aggregate(place, list, numbers, nodes)
                } else {
                    Field::Many(place, self.list(to.target, depth - 1), self.fields(to.target, depth - 1))
                });
            }
        }
        fields.into_iter().enumerate().map(|(number, field)| (format!("k{number}"), field)).collect()
    }

    fn list(&mut self, table: usize, depth: usize) -> List {
        let columns = self.world.readable_columns(self.limited, table);
        let has_id = columns.contains(&ID);
        let condition = self
            .tape
            .chance(45)
            .then(|| Condition::of_query(self.tape, self.world, self.limited, table, depth.min(3)));
        let mut list =
            List { table, condition, order: Vec::new(), distinct: Vec::new(), limit: None, offset: None };
        if !has_id {
            return list;
        }
        if self.tape.chance(20) {
            list.distinct = self.tape.some(&columns, 30).into_iter().copied().collect();
            for column in list.distinct.clone() {
                list.order.push((Key::Column(column), self.direction()));
            }
        }
        if self.tape.chance(40) {
            let key = self.key(table, 2);
            list.order.push((key, self.direction()));
        }
        if self.tape.chance(30) {
            list.limit = Some(self.tape.below(4));
        }
        if self.tape.chance(20) {
            list.offset = Some(self.tape.below(3));
        }
        let cut = list.limit.is_some() || list.offset.is_some() || !list.distinct.is_empty();
        if cut || !list.order.is_empty() || self.world.limit(self.limited, table).is_some() {
            list.order.push((Key::Column(ID), self.direction()));
        }
        list
    }

    fn direction(&mut self) -> Direction {
        Direction { down: self.tape.chance(50), nulls_first: self.tape.chance(50) }
    }

    fn key(&mut self, table: usize, depth: usize) -> Key {
        let columns = self.world.readable_columns(self.limited, table);
        let relationships = self.world.readable_relationships(self.limited, table);
        if depth == 0 || relationships.is_empty() || self.tape.chance(40) {
            return Key::Column(*self.tape.pick(&columns));
        }
        let place = *self.tape.pick(&relationships);
        let to = &self.world.tables[table].relationships[place];
        if !to.many {
            return Key::Through(place, Box::new(self.key(to.target, depth - 1)));
        }
        if !self.world.aggregates(self.limited, to.target) {
            return Key::Column(*self.tape.pick(&columns));
        }
        let column = *self.tape.pick(&self.world.readable_columns(self.limited, to.target));
        let ty = self.world.tables[to.target].columns[column].ty;
        if matches!(ty, Type::Bool | Type::Uuid) || self.tape.chance(40) {
            return Key::Count(place);
        }
        Key::Extreme(place, self.tape.chance(50), column)
    }
}

/// Writes queries as GraphQL; some values go into variables, some selections into fragments.
pub(crate) struct Writer<'a, 't> {
    pub(crate) world: &'a World,
    pub(crate) tape: &'a mut Tape<'t>,
    declared: Vec<String>,
    fragments: Vec<String>,
    variables: Map<String, Value>,
}

impl<'a, 't> Writer<'a, 't> {
    pub(crate) fn new(world: &'a World, tape: &'a mut Tape<'t>) -> Self {
        Self { world, tape, declared: Vec::new(), fragments: Vec::new(), variables: Map::new() }
    }

    /// The whole document of these root fields.
    pub(crate) fn finish(self, operation: &str, roots: &[String]) -> (String, Map<String, Value>) {
        let declared = if self.declared.is_empty() {
            String::new()
        } else {
            format!(" q({})", self.declared.join(", "))
        };
        let text = format!("{operation}{declared} {{ {} }}{}", roots.join(" "), self.fragments.concat());
        (text, self.variables)
    }

    pub(crate) fn root(&mut self, key: &str, root: &Root) -> String {
        match root {
            Root::List(list, fields) => {
                let name = &self.world.tables[list.table].name;
                format!("{key}: {name}{} {}", self.arguments(list), self.fields(list.table, fields))
            }
            Root::Aggregate(list, numbers, nodes) => {
                let name = &self.world.tables[list.table].name;
                format!(
                    "{key}: {name}_aggregate{} {}",
                    self.arguments(list),
                    self.numbers(list.table, numbers, nodes.as_ref())
                )
            }
            Root::One(table, id, fields) => {
                let id = self.value(&Cell::Int(*id), Type::Int, true);
                format!(
                    "{key}: {}_by_pk(id: {id}) {}",
                    self.world.tables[*table].name,
                    self.fields(*table, fields)
                )
            }
        }
    }

    pub(crate) fn stream(&mut self, stream: &Stream) -> String {
        let table = &self.world.tables[stream.table];
        let cursor = &table.columns[stream.cursor];
        let size = self.value(&Cell::Int(i64::try_from(stream.size).unwrap_or(1)), Type::Int, true);
        let start = self.value(&stream.start, cursor.ty, true);
        let condition = self.condition(stream.table, &stream.condition);
        format!(
            "r: {}_stream(batch_size: {size}, cursor: {{initial_value: {{{}: {start}}}, ordering: {}}}, where: {condition}) {}",
            table.name,
            cursor.name,
            if stream.down { "DESC" } else { "ASC" },
            self.fields(stream.table, &stream.fields)
        )
    }

    pub(crate) fn fields(&mut self, table: usize, fields: &Fields) -> String {
        let name = &self.world.tables[table].name;
        let mut written = Vec::new();
        for (key, field) in fields {
            let relationship = |place: usize| &self.world.tables[table].relationships[place];
            written.push(match field {
                Field::Typename => format!("{key}: __typename"),
                Field::Column(column) => format!("{key}: {}", self.world.tables[table].columns[*column].name),
                Field::One(place, inner) => {
                    let to = relationship(*place);
                    format!("{key}: {} {}", to.name, self.fields(to.target, inner))
                }
                Field::Many(place, list, inner) => {
                    let to = relationship(*place);
                    format!("{key}: {}{} {}", to.name, self.arguments(list), self.fields(to.target, inner))
                }
                Field::Aggregate(place, list, numbers, nodes) => {
                    let to = relationship(*place);
                    let numbers = self.numbers(to.target, numbers, nodes.as_ref());
                    format!("{key}: {}_aggregate{} {numbers}", to.name, self.arguments(list))
                }
            });
        }
        let written = written.join(" ");
        if self.tape.chance(15) {
            return format!("{{ ... on {name} {{ {written} }} }}");
        }
        if self.tape.chance(15) {
            let fragment = format!("f{}", self.fragments.len());
            self.fragments.push(format!(" fragment {fragment} on {name} {{ {written} }}"));
            return format!("{{ ...{fragment} }}");
        }
        format!("{{ {written} }}")
    }

    fn numbers(&mut self, table: usize, numbers: &[Number], nodes: Option<&Fields>) -> String {
        let name = |column: usize| &self.world.tables[table].columns[column].name;
        let mut written = Vec::new();
        for (place, number) in numbers.iter().enumerate() {
            written.push(match number {
                Number::Count(columns, _) if columns.is_empty() => format!("n{place}: count"),
                Number::Count(columns, distinct) => {
                    let columns: Vec<&str> = columns.iter().map(|column| name(*column).as_str()).collect();
                    format!("n{place}: count(columns: [{}], distinct: {distinct})", columns.join(", "))
                }
                Number::Of(function, column) => format!("n{place}: {function} {{ v: {} }}", name(*column)),
            });
        }
        let nodes = nodes.map_or_else(String::new, |fields| format!(" nodes {}", self.fields(table, fields)));
        format!("{{ aggregate {{ {} }}{nodes} }}", written.join(" "))
    }

    fn arguments(&mut self, list: &List) -> String {
        let mut arguments = Vec::new();
        if let Some(condition) = &list.condition {
            arguments.push(format!("where: {}", self.condition(list.table, condition)));
        }
        if !list.order.is_empty() {
            let keys: Vec<String> =
                list.order.iter().map(|(key, direction)| self.key(list.table, key, *direction)).collect();
            arguments.push(format!("order_by: [{}]", keys.join(", ")));
        }
        if !list.distinct.is_empty() {
            let columns = &self.world.tables[list.table].columns;
            let names: Vec<&str> =
                list.distinct.iter().map(|column| columns[*column].name.as_str()).collect();
            arguments.push(format!("distinct_on: [{}]", names.join(", ")));
        }
        for (name, number) in [("limit", list.limit), ("offset", list.offset)] {
            if let Some(number) = number.and_then(|number| i64::try_from(number).ok()) {
                arguments.push(format!("{name}: {}", self.value(&Cell::Int(number), Type::Int, false)));
            }
        }
        if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
    }

    fn key(&self, table: usize, key: &Key, direction: Direction) -> String {
        let way = format!(
            "{}_nulls_{}",
            if direction.down { "desc" } else { "asc" },
            if direction.nulls_first { "first" } else { "last" }
        );
        let relationship = |place: usize| &self.world.tables[table].relationships[place];
        match key {
            Key::Column(column) => format!("{{{}: {way}}}", self.world.tables[table].columns[*column].name),
            Key::Through(place, inner) => {
                let to = relationship(*place);
                format!("{{{}: {}}}", to.name, self.key(to.target, inner, direction))
            }
            Key::Count(place) => format!("{{{}_aggregate: {{count: {way}}}}}", relationship(*place).name),
            Key::Extreme(place, most, column) => {
                let to = relationship(*place);
                let column = &self.world.tables[to.target].columns[*column].name;
                let function = if *most { "max" } else { "min" };
                format!("{{{}_aggregate: {{{function}: {{{column}: {way}}}}}}}", to.name)
            }
        }
    }

    pub(crate) fn condition(&mut self, table: usize, condition: &Condition) -> String {
        let list = |writer: &mut Self, all: &[Condition]| {
            all.iter().map(|one| writer.condition(table, one)).collect::<Vec<_>>().join(", ")
        };
        let relationship = |place: usize| &self.world.tables[table].relationships[place];
        match condition {
            Condition::And(all) => format!("{{_and: [{}]}}", list(self, all)),
            Condition::Or(any) => format!("{{_or: [{}]}}", list(self, any)),
            Condition::Not(inner) => format!("{{_not: {}}}", self.condition(table, inner)),
            Condition::Related(place, inner) => {
                let to = relationship(*place);
                format!("{{{}: {}}}", to.name, self.condition(to.target, inner))
            }
            Condition::Count(place, inner, operator, number) => {
                let to = relationship(*place);
                let filter = self.condition(to.target, inner);
                format!(
                    "{{{}_aggregate: {{count: {{predicate: {{_{}: {number}}}, filter: {filter}}}}}}}",
                    to.name,
                    operator.name()
                )
            }
            Condition::Exists(..) => "{}".to_owned(),
            Condition::Compare(column, operator, operand) => {
                let column = &self.world.tables[table].columns[*column];
                let ty = if *operator == Operator::IsNull { Type::Bool } else { column.ty };
                let value = match operand {
                    Operand::Cell(cell) => self.value(cell, ty, true),
                    Operand::List(items) => {
                        let items: Vec<String> =
                            items.iter().map(|item| self.value(item, ty, true)).collect();
                        format!("[{}]", items.join(", "))
                    }
                    _ => "null".to_owned(),
                };
                format!("{{{}: {{_{}: {value}}}}}", column.name, operator.name())
            }
        }
    }

    /// A value, in the document or in a variable.
    pub(crate) fn value(&mut self, cell: &Cell, ty: Type, needed: bool) -> String {
        if self.tape.chance(30) {
            let name = format!("v{}", self.declared.len());
            self.declared.push(format!("${name}: {}{}", ty.graphql(), if needed { "!" } else { "" }));
            self.variables.insert(name.clone(), cell.json());
            return format!("${name}");
        }
        cell.json().to_string()
    }
}
