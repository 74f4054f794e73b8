//! Mutations of a generated world: what `user` may write, what is asked, and how GraphQL writes that.

use serde_json::{Map, Value, json};

use super::condition::Condition;
use super::query::{Fields, Maker, Writer};
use super::world::{Cell, ID, KIND, Row, SECRET_COLUMN, SESSION, Type, World};
use crate::tape::Tape;

/// What `user` may write into a table.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) insert: Option<Rules>,
    pub(crate) update: Option<Rules>,
    pub(crate) delete: Option<Condition>,
}

/// What may be written, of which rows, and what must hold then. An insert has no rows to choose from.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) columns: Vec<usize>,
    pub(crate) filter: Condition,
    pub(crate) check: Condition,
    pub(crate) presets: Vec<Preset>,
}

/// A column that is set for the role, to a constant or to a session variable.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) column: usize,
    pub(crate) cell: Cell,
    pub(crate) session: Option<usize>,
}

/// A mutation's root field.
#[derive(Debug)]
pub(crate) enum Mutation {
    Insert {
        table: usize,
        objects: Vec<Object>,
        conflict: Option<Conflict>,
        returning: Option<Fields>,
    },
    Update {
        table: usize,
        condition: Condition,
        set: Vec<(usize, Cell)>,
        add: Vec<(usize, i64)>,
        returning: Option<Fields>,
    },
    Delete {
        table: usize,
        condition: Condition,
        returning: Option<Fields>,
    },
}

/// A row to be inserted, with those to which it refers and those that refer to it.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) cells: Vec<(usize, Cell)>,
    pub(crate) one: Vec<(usize, Object)>,
    pub(crate) many: Vec<(usize, Vec<Object>)>,
}

#[derive(Debug)]
pub(crate) struct Conflict {
    pub(crate) on_id: bool,
    pub(crate) update: Vec<usize>,
    pub(crate) condition: Option<Condition>,
}

/// The permissions of a table, whose foreign keys the role may always give.
pub(crate) fn write(tape: &mut Tape<'_>, world: &World, table: usize) -> Write {
    let all = writable(world, table);
    let check = |tape: &mut Tape<'_>| {
        if tape.chance(65) { Condition::TRUE } else { Condition::of_permission(tape, world, table, 2) }
    };
    let rules = |tape: &mut Tape<'_>, keys: bool| {
        let mut columns: Vec<usize> = tape.some(&all, 80).into_iter().copied().collect();
        let mut presets = Vec::new();
        if tape.chance(30)
            && let Some(column) = columns.pop().filter(|column| !is_key(world, table, *column))
        {
            presets.push(preset(tape, column, world.tables[table].columns[column].ty));
        }
        if keys {
            columns.extend([ID, KIND]);
        }
        columns.sort_unstable();
        columns.dedup();
        Rules { columns, filter: check(tape), check: check(tape), presets }
    };
    let insert = tape.chance(85).then(|| rules(tape, true));
    let update = tape.chance(80).then(|| rules(tape, false));
    let delete = tape.chance(70).then(|| check(tape));
    Write { insert, update, delete }
}

/// The columns that mutations write: not the secret, and not the `id` of rows that are there.
fn writable(world: &World, table: usize) -> Vec<usize> {
    (KIND..world.tables[table].columns.len()).filter(|column| *column != SECRET_COLUMN).collect()
}

fn is_key(world: &World, table: usize, column: usize) -> bool {
    column == KIND || world.tables[table].foreign_keys.iter().any(|key| key.columns.contains(&column))
}

fn preset(tape: &mut Tape<'_>, column: usize, ty: Type) -> Preset {
    let session = match ty {
        Type::Int | Type::BigInt => Some(0),
        Type::Text => Some(2),
        _ => None,
    };
    let cell = ty.cell(tape);
    match session.filter(|_| tape.chance(60)) {
        Some(0) => Preset { column, cell: Cell::Int(2), session: Some(0) },
        Some(place) => Preset { column, cell: Cell::Text(SESSION[place].1.to_owned()), session: Some(place) },
        None => Preset { column, cell, session: None },
    }
}

impl World {
    pub(crate) fn write_permissions(&self, number: usize, entry: &mut Value) {
        let table = &self.tables[number];
        let Some(write) = &table.write else { return };
        let rules = |rules: &Rules| {
            let name = |column: usize| table.columns[column].name.clone();
            let columns: Vec<String> = rules.columns.iter().map(|column| name(*column)).collect();
            let set = rules.presets.iter().map(|preset| {
                let value =
                    preset.session.map_or_else(|| preset.cell.json(), |place| json!(SESSION[place].0));
                (name(preset.column), value)
            });
            json!({
                "columns": columns,
                "filter": rules.filter.metadata(self, number),
                "check": rules.check.metadata(self, number),
                "set": set.collect::<Map<String, Value>>(),
            })
        };
        let role = |permission: Value| json!([{"role": "user", "permission": permission}]);
        if let Some(insert) = &write.insert {
            entry["insert_permissions"] = role(rules(insert));
        }
        if let Some(update) = &write.update {
            entry["update_permissions"] = role(rules(update));
        }
        if let Some(delete) = &write.delete {
            entry["delete_permissions"] = role(json!({"filter": delete.metadata(self, number)}));
        }
    }

    /// The columns that the caller may give in an insert.
    pub(crate) fn insertable(&self, limited: bool, table: usize) -> Option<Vec<usize>> {
        let table = &self.tables[table];
        match &table.write {
            None => None,
            Some(_) if !limited => Some((0..table.columns.len()).collect()),
            Some(write) => write.insert.as_ref().map(|rules| rules.columns.clone()),
        }
    }

    pub(crate) fn updatable(&self, limited: bool, table: usize) -> Option<Vec<usize>> {
        match &self.tables[table].write {
            None => None,
            Some(_) if !limited => Some(writable(self, table)),
            Some(write) => write.update.as_ref().map(|rules| rules.columns.clone()),
        }
    }
}

impl Maker<'_, '_> {
    /// A mutation over the rows that there are; `None` where the caller may not do what was drawn.
    pub(crate) fn mutation(&mut self, rows: &[Vec<Row>]) -> Option<Mutation> {
        let table = self.tape.below(self.world.tables.len());
        let write = self.world.tables[table].write.as_ref()?;
        Some(match self.tape.below(4) {
            2 => {
                let columns = self.world.updatable(self.limited, table)?;
                let (mut set, mut add) = (Vec::new(), Vec::new());
                for column in self.tape.some(&columns, 40) {
                    let about = &self.world.tables[table].columns[*column];
                    if about.ty.is_number()
                        && about.ty != Type::Numeric
                        && *column != KIND
                        && self.tape.chance(40)
                    {
                        add.push((*column, *self.tape.pick(&[1, -2, 7])));
                    } else {
                        set.push((*column, self.cell(rows, table, *column)));
                    }
                }
                let condition = self.condition(table);
                Mutation::Update { table, condition, set, add, returning: self.returning(table) }
            }
            3 if !self.limited || write.delete.is_some() => {
                Mutation::Delete { table, condition: self.condition(table), returning: self.returning(table) }
            }
            _ => {
                self.world.insertable(self.limited, table)?;
                let objects: Vec<Object> =
                    (0..self.tape.below(4)).map(|_| self.object(rows, table, 2, &[])).collect();
                let nested = objects.iter().any(|object| !object.one.is_empty() || !object.many.is_empty());
                let conflict = (!nested && self.tape.chance(50)).then(|| self.conflict(table));
                Mutation::Insert { table, objects, conflict, returning: self.returning(table) }
            }
        })
    }

    fn condition(&mut self, table: usize) -> Condition {
        if !self.world.is_readable(self.limited, table) || self.tape.chance(45) {
            return Condition::TRUE;
        }
        Condition::of_query(self.tape, self.world, self.limited, table, 2)
    }

    fn returning(&mut self, table: usize) -> Option<Fields> {
        (self.world.is_readable(self.limited, table) && self.tape.chance(70)).then(|| self.fields(table, 1))
    }

    fn conflict(&mut self, table: usize) -> Conflict {
        let columns = self.world.updatable(self.limited, table).unwrap_or_default();
        let update = self.tape.some(&columns, 50).into_iter().copied().collect();
        let condition = (self.tape.chance(30)).then(|| self.condition(table));
        Conflict { on_id: self.tape.chance(70), update, condition }
    }

    /// A value for a column; for one of a foreign key mostly what there is to refer to.
    fn cell(&mut self, rows: &[Vec<Row>], table: usize, column: usize) -> Cell {
        let about = &self.world.tables[table].columns[column];
        let key = self.world.tables[table].foreign_keys.iter().find(|key| key.columns.contains(&column));
        if let Some(key) = key {
            let place = if key.columns[0] == column { ID } else { KIND };
            let targets = &rows[key.target];
            if targets.is_empty() || self.tape.chance(20) {
                return if self.tape.chance(30) { Cell::Int(77) } else { Cell::Null };
            }
            return self.tape.pick(targets)[place].clone();
        }
        if self.tape.chance(if about.nullable { 20 } else { 1 }) {
            Cell::Null
        } else {
            about.ty.cell(self.tape)
        }
    }

    /// A row to be inserted. The columns in `determined` have their values from another one.
    fn object(&mut self, rows: &[Vec<Row>], table: usize, depth: usize, determined: &[usize]) -> Object {
        let mut object = Object { cells: Vec::new(), one: Vec::new(), many: Vec::new() };
        let mut determined = determined.to_vec();
        for (place, to) in self.world.tables[table].relationships.iter().enumerate() {
            let open = depth > 0 && self.world.insertable(self.limited, to.target).is_some();
            if !open || !self.tape.chance(20) {
                continue;
            }
            let (own, others): (Vec<usize>, Vec<usize>) = to.join.iter().copied().unzip();
            if to.many {
                let many = (0..self.tape.below(3)).map(|_| self.object(rows, to.target, depth - 1, &others));
                let many = many.collect();
                object.many.push((place, many));
            } else if own.iter().all(|column| !determined.contains(column)) {
                determined.extend(own);
                object.one.push((place, self.object(rows, to.target, depth - 1, &[])));
            }
        }
        for column in self.world.insertable(self.limited, table).unwrap_or_default() {
            let seldom = if self.world.tables[table].columns[column].nullable { 30 } else { 2 };
            if determined.contains(&column) {
                continue;
            }
            if column == ID {
                object.cells.push((ID, Cell::Int(1 + i64::from(self.tape.byte() % 24))));
            } else if !self.tape.chance(seldom) {
                object.cells.push((column, self.cell(rows, table, column)));
            }
        }
        object
    }
}

impl Writer<'_, '_> {
    pub(crate) fn mutation(&mut self, key: &str, mutation: &Mutation) -> String {
        match mutation {
            Mutation::Insert { table, objects, conflict, returning } => {
                let name = &self.world.tables[*table].name;
                let objects: Vec<String> = objects.iter().map(|object| self.object(*table, object)).collect();
                let conflict =
                    conflict.as_ref().map_or_else(String::new, |conflict| self.conflict(*table, conflict));
                let answer = self.answer(*table, returning.as_ref());
                format!("{key}: insert_{name}(objects: [{}]{conflict}) {answer}", objects.join(", "))
            }
            Mutation::Update { table, condition, set, add, returning } => {
                let name = &self.world.tables[*table].name;
                let condition = self.condition(*table, condition);
                let set = self.cells(*table, set);
                let add: Vec<(usize, Cell)> =
                    add.iter().map(|(column, by)| (*column, Cell::Int(*by))).collect();
                let add = if add.is_empty() {
                    String::new()
                } else {
                    format!(" _inc: {{{}}}", self.cells(*table, &add))
                };
                let answer = self.answer(*table, returning.as_ref());
                format!("{key}: update_{name}(where: {condition} _set: {{{set}}}{add}) {answer}")
            }
            Mutation::Delete { table, condition, returning } => {
                let name = &self.world.tables[*table].name;
                let condition = self.condition(*table, condition);
                format!(
                    "{key}: delete_{name}(where: {condition}) {}",
                    self.answer(*table, returning.as_ref())
                )
            }
        }
    }

    fn answer(&mut self, table: usize, returning: Option<&Fields>) -> String {
        let returning =
            returning.map_or_else(String::new, |fields| format!(" returning {}", self.fields(table, fields)));
        format!("{{ affected_rows{returning} }}")
    }

    fn cells(&mut self, table: usize, cells: &[(usize, Cell)]) -> String {
        let written = cells.iter().map(|(column, cell)| {
            let column = &self.world.tables[table].columns[*column];
            format!("{}: {}", column.name, self.value(cell, column.ty, false))
        });
        written.collect::<Vec<_>>().join(", ")
    }

    fn object(&mut self, table: usize, object: &Object) -> String {
        let mut entries = vec![self.cells(table, &object.cells)];
        let relationships = &self.world.tables[table].relationships;
        for (place, other) in &object.one {
            let to = &relationships[*place];
            entries.push(format!("{}: {{data: {}}}", to.name, self.object(to.target, other)));
        }
        for (place, others) in &object.many {
            let to = &relationships[*place];
            let others: Vec<String> = others.iter().map(|other| self.object(to.target, other)).collect();
            entries.push(format!("{}: {{data: [{}]}}", to.name, others.join(", ")));
        }
        entries.retain(|entry| !entry.is_empty());
        format!("{{{}}}", entries.join(", "))
    }

    fn conflict(&mut self, table: usize, conflict: &Conflict) -> String {
        let about = &self.world.tables[table];
        let constraint = if conflict.on_id { "pkey" } else { "kind_key" };
        let columns: Vec<&str> =
            conflict.update.iter().map(|column| about.columns[*column].name.as_str()).collect();
        let condition = conflict
            .condition
            .as_ref()
            .map_or_else(String::new, |condition| format!(", where: {}", self.condition(table, condition)));
        format!(
            ", on_conflict: {{constraint: {}_{constraint}, update_columns: [{}]{condition}}}",
            about.name,
            columns.join(", ")
        )
    }
}
