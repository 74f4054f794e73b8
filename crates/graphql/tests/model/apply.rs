//! What a mutation does to the rows, and what it answers: statement by statement, as PostgreSQL runs them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::condition::{Condition, View};
use super::evaluate::{in_any_order, object};
use super::query::Fields;
use super::world::{Cell, ID, KIND, Row, World};
use super::write::{Conflict, Mutation, Object, Rules};

/// The rows as mutations leave them, and the faults that were met on the way.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) rows: Vec<Vec<Row>>,
    pub(crate) limited: bool,
    /// The codes of everything that makes the whole fail. Which of them is told is PostgreSQL's choice.
    pub(crate) faults: BTreeSet<&'static str>,
}

const CONSTRAINT: &str = "constraint-violation";
const CHECK: &str = "permission-error";
/// One row met twice in a statement.
const TWICE: &str = "unexpected";

impl Scene<'_> {
    /// Applies a root field, and gives its answer.
    pub(crate) fn apply(&mut self, mutation: &Mutation) -> Value {
        match mutation {
            Mutation::Insert { table, objects, conflict, returning } => {
                let mut count = 0;
                let written = self.insert(*table, objects, &[], conflict.as_ref(), &mut count);
                self.answer(*table, count, &written, returning.as_ref(), &self.rows)
            }
            Mutation::Update { table, condition, set, add, returning } => {
                let written = self.update(*table, condition, set, add);
                self.answer(*table, written.len(), &written, returning.as_ref(), &self.rows)
            }
            Mutation::Delete { table, condition, returning } => {
                let before = self.rows.clone();
                let gone = self.delete(*table, condition);
                // Its relations are shown as they were.
                self.answer(*table, gone.len(), &gone, returning.as_ref(), &before)
            }
        }
    }

    fn answer(
        &self,
        table: usize,
        count: usize,
        written: &[Row],
        returning: Option<&Fields>,
        rows: &[Vec<Row>],
    ) -> Value {
        let mut answer = json!({"affected_rows": count});
        if let Some(fields) = returning {
            let view = View { world: self.world, rows, limited: self.limited };
            let shown = written.iter().map(|row| object(view, table, row, fields)).collect();
            answer["returning"] = in_any_order(shown);
        }
        answer
    }

    fn rules(&self, table: usize, of: impl Fn(&super::write::Write) -> Option<&Rules>) -> Option<&Rules> {
        self.world.tables[table].write.as_ref().filter(|_| self.limited).and_then(of)
    }

    /// Inserts rows along with those that belong to them, which makes each a statement of its own.
    fn insert(
        &mut self,
        table: usize,
        objects: &[Object],
        given: &[(usize, Cell)],
        conflict: Option<&Conflict>,
        count: &mut usize,
    ) -> Vec<Row> {
        let nested = objects.iter().any(|object| !object.one.is_empty() || !object.many.is_empty());
        if !nested {
            let rows = objects.iter().map(|object| self.row(table, &[&object.cells, given])).collect();
            let written = self.insert_rows(table, rows, conflict);
            *count += written.len();
            return written;
        }
        let relationships = &self.world.tables[table].relationships;
        let mut all = Vec::new();
        for object in objects {
            let mut given = given.to_vec();
            for (place, other) in &object.one {
                let to = &relationships[*place];
                let before = self.insert(to.target, std::slice::from_ref(other), &[], None, count);
                let Some(before) = before.first() else { continue };
                given.extend(to.join.iter().map(|(own, other)| (*own, before[*other].clone())));
            }
            let row = self.row(table, &[&object.cells, &given]);
            let written = self.insert_rows(table, vec![row], None);
            *count += written.len();
            for (place, others) in &object.many {
                let (to, Some(row)) = (&relationships[*place], written.first()) else { continue };
                let given: Vec<_> = to.join.iter().map(|(own, other)| (*other, row[*own].clone())).collect();
                self.insert(to.target, others, &given, None, count);
            }
            all.extend(written);
        }
        all
    }

    /// The row that these values make, with the role's presets.
    fn row(&self, table: usize, given: &[&[(usize, Cell)]]) -> Row {
        let mut row = vec![Cell::Null; self.world.tables[table].columns.len()];
        for (column, cell) in given.iter().copied().flatten() {
            row[*column] = cell.clone();
        }
        for preset in
            self.rules(table, |write| write.insert.as_ref()).into_iter().flat_map(|rules| &rules.presets)
        {
            row[preset.column] = preset.cell.clone();
        }
        row
    }

    /// One statement. Conditions in it see the rows as they were before.
    fn insert_rows(&mut self, table: usize, rows: Vec<Row>, conflict: Option<&Conflict>) -> Vec<Row> {
        let before = self.rows.clone();
        let mut written: Vec<Row> = Vec::new();
        for row in rows {
            if !self.is_whole(table, &row) {
                self.faults.insert(CONSTRAINT);
                continue;
            }
            let on_id = conflict.is_none_or(|conflict| conflict.on_id);
            let same_id = self.rows[table].iter().position(|other| other[ID] == row[ID]);
            let same_kind = same_id.filter(|at| self.rows[table][*at][KIND] == row[KIND]);
            let met = if on_id { same_id } else { same_kind };
            match (conflict, met) {
                (Some(conflict), Some(at)) => {
                    let changed = self.meet(table, at, &row, conflict, &before, &written);
                    written.extend(changed);
                }
                _ if same_id.is_some() => {
                    self.faults.insert(CONSTRAINT);
                }
                _ => {
                    self.check(table, &row, &before, |write| write.insert.as_ref());
                    self.rows[table].push(row.clone());
                    written.push(row);
                }
            }
        }
        self.check_keys();
        written
    }

    /// A row that is there already: changed, or left alone.
    fn meet(
        &mut self,
        table: usize,
        at: usize,
        row: &Row,
        conflict: &Conflict,
        before: &[Vec<Row>],
        written: &[Row],
    ) -> Option<Row> {
        if conflict.update.is_empty() {
            return None;
        }
        let old = self.rows[table][at].clone();
        if written.iter().any(|other| other[ID] == old[ID]) {
            self.faults.insert(TWICE);
            return None;
        }
        let (mut new, mut may) = (old.clone(), true);
        for column in &conflict.update {
            new[*column] = row[*column].clone();
        }
        if let Some(rules) = self.rules(table, |write| write.update.as_ref()) {
            may = rules.filter.is_true(self.permission(before), table, &old);
            for preset in &rules.presets {
                new[preset.column] = preset.cell.clone();
            }
        }
        let asked = View { world: self.world, rows: before, limited: self.limited };
        if !may || conflict.condition.as_ref().is_some_and(|condition| !condition.is_true(asked, table, &old))
        {
            return None;
        }
        if !self.is_whole(table, &new) {
            self.faults.insert(CONSTRAINT);
        }
        self.check(table, &new, before, |write| write.update.as_ref());
        self.rows[table][at].clone_from(&new);
        Some(new)
    }

    fn update(
        &mut self,
        table: usize,
        condition: &Condition,
        set: &[(usize, Cell)],
        add: &[(usize, i64)],
    ) -> Vec<Row> {
        let presets: Vec<(usize, Cell)> = self
            .rules(table, |write| write.update.as_ref())
            .into_iter()
            .flat_map(|rules| rules.presets.iter().map(|preset| (preset.column, preset.cell.clone())))
            .collect();
        if set.is_empty() && add.is_empty() && presets.is_empty() {
            return Vec::new();
        }
        let before = self.rows.clone();
        let mut written = Vec::new();
        for (at, old) in before[table].iter().enumerate() {
            if !self
                .may(table, old, condition, &before, |write| write.update.as_ref().map(|rules| &rules.filter))
            {
                continue;
            }
            let mut new = old.clone();
            for (column, cell) in set.iter().chain(&presets) {
                new[*column] = cell.clone();
            }
            for (column, by) in add {
                if let Cell::Int(value) = old[*column] {
                    new[*column] = Cell::Int(value + by);
                }
            }
            if !self.is_whole(table, &new) {
                self.faults.insert(CONSTRAINT);
            }
            self.check(table, &new, &before, |write| write.update.as_ref());
            self.rows[table][at].clone_from(&new);
            written.push(new);
        }
        self.check_keys();
        written
    }

    fn delete(&mut self, table: usize, condition: &Condition) -> Vec<Row> {
        let before = self.rows.clone();
        let goes = |row: &&Row| self.may(table, row, condition, &before, |write| write.delete.as_ref());
        let gone: Vec<Row> = before[table].iter().filter(goes).cloned().collect();
        self.rows[table].retain(|row| !gone.contains(row));
        self.check_keys();
        gone
    }

    /// Whether a row is among those that a write is about.
    fn may(
        &self,
        table: usize,
        row: &Row,
        condition: &Condition,
        before: &[Vec<Row>],
        filter: impl Fn(&super::write::Write) -> Option<&Condition>,
    ) -> bool {
        let asked = View { world: self.world, rows: before, limited: self.limited };
        let write = self.world.tables[table].write.as_ref().filter(|_| self.limited);
        let filter = write.and_then(filter);
        condition.is_true(asked, table, row)
            && filter.is_none_or(|filter| filter.is_true(self.permission(before), table, row))
    }

    /// How a permission's condition looks at rows: without the filters of other tables.
    fn permission<'v>(&'v self, rows: &'v [Vec<Row>]) -> View<'v> {
        View { world: self.world, rows, limited: false }
    }

    fn check(
        &mut self,
        table: usize,
        row: &Row,
        before: &[Vec<Row>],
        of: impl Fn(&super::write::Write) -> Option<&Rules>,
    ) {
        let holds = self
            .rules(table, of)
            .is_none_or(|rules| rules.check.is_true(self.permission(before), table, row));
        if !holds {
            self.faults.insert(CHECK);
        }
    }

    /// Whether nothing is null that must not be.
    fn is_whole(&self, table: usize, row: &Row) -> bool {
        let columns = &self.world.tables[table].columns;
        columns.iter().zip(row).all(|(column, cell)| column.nullable || *cell != Cell::Null)
    }

    /// Whether every foreign key leads somewhere, and what views show.
    fn check_keys(&mut self) {
        for (number, table) in self.world.tables.iter().enumerate() {
            if let Some(of) = table.view_of {
                let odd = |row: &&Row| matches!(row[ID], Cell::Int(id) if id % 2 != 0);
                self.rows[number] = self.rows[of].iter().filter(odd).cloned().collect();
            }
            for key in &table.foreign_keys {
                let refers = |row: &Row| {
                    let own = key.columns.iter().map(|column| &row[*column]);
                    let mut values = own.clone().zip([ID, KIND]);
                    own.clone().any(|cell| *cell == Cell::Null)
                        || self.rows[key.target]
                            .iter()
                            .any(|other| values.clone().all(|(cell, at)| *cell == other[at]))
                        || values.next().is_none()
                };
                if !self.rows[number].iter().all(refers) {
                    self.faults.insert(CONSTRAINT);
                }
            }
        }
    }
}
