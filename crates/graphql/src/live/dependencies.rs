//! Which rows a plan depends on: every table that it looks at, and where a column of the table's replica
//! identity is fixed by the request, the session or a join with such a one, that column's value.
//!
//! Too wide costs a read; too narrow would lose a change. What cannot be told is wide.

use base::project::GraphqlError;
use changes::{ANY_RELATION, Interest};

use crate::catalog::{ColumnIndex, Table, TypeKind, Volatility};
use crate::execute::{Earlier, Values, bind};
use crate::expression::{Cell, CellOf, Comparison, Filter, RowsNumber, Value, Way};
use crate::plan::{
    Action, Aggregate, AggregateColumn, AggregateField, AggregateNumber, From, OrderTarget, Output, Plan,
    Select,
};

/// The interests of a plan with these values.
pub(super) fn dependencies(plan: &Plan, values: Values<'_>) -> Result<Vec<Interest>, GraphqlError> {
    let mut walk = Walk { values, found: Vec::new() };
    for field in &plan.fields {
        match &field.action {
            Action::Select(select) => walk.select(select, &[])?,
            Action::Aggregate(aggregate) => walk.aggregate(aggregate, &[])?,
            Action::Stream(stream) => walk.select(&stream.rows, &[])?,
            _ => {}
        }
    }
    Ok(walk.found)
}

/// Columns of a row of which the value is known, as text.
type Known = [(ColumnIndex, String)];

struct Walk<'a> {
    values: Values<'a>,
    found: Vec<Interest>,
}

impl Walk<'_> {
    fn select(&mut self, select: &Select, outer: &Known) -> Result<(), GraphqlError> {
        if matches!(select.from, From::Function(_)) {
            self.anything();
        }
        let known = self.rows(&select.table, &select.join, &select.filter, outer)?;
        for cell in &select.distinct {
            self.cell(cell, &known)?;
        }
        for key in &select.order {
            self.order(&key.target, &known)?;
        }
        for (_, output) in &select.fields {
            match output {
                Output::Related(inner) => self.select(inner, &known)?,
                Output::Aggregate(inner) => self.aggregate(inner, &known)?,
                Output::Cell(output) => self.cell(&output.cell, &known)?,
                Output::Typename(_) => {}
            }
        }
        Ok(())
    }

    fn aggregate(&mut self, aggregate: &Aggregate, outer: &Known) -> Result<(), GraphqlError> {
        self.select(&aggregate.rows, outer)?;
        for (_, field) in &aggregate.fields {
            match field {
                AggregateField::Nodes(nodes) => self.select(nodes, outer)?,
                AggregateField::Numbers(numbers) => {
                    numbers.iter().try_for_each(|(_, number)| self.number(number))?;
                }
                AggregateField::Typename(_) => {}
            }
        }
        Ok(())
    }

    fn number(&mut self, number: &AggregateNumber) -> Result<(), GraphqlError> {
        match number {
            AggregateNumber::Typename(_) => Ok(()),
            AggregateNumber::Count(count) => count.columns.iter().try_for_each(|cell| self.cell(cell, &[])),
            AggregateNumber::Columns(_, columns) => columns.iter().try_for_each(|(_, column)| match column {
                AggregateColumn::Cell { cell, .. } => self.cell(cell, &[]),
                AggregateColumn::Typename(_) => Ok(()),
            }),
        }
    }

    /// Notes what a value depends on beside its row.
    fn cell(&mut self, cell: &Cell, known: &Known) -> Result<(), GraphqlError> {
        if matches!(&cell.of, CellOf::Call(made) if made.function.volatility != Volatility::Immutable) {
            self.anything();
        }
        cell.seen_in.as_ref().map_or(Ok(()), |filter| self.conditions(filter, known))
    }

    /// A function reads what it likes.
    fn anything(&mut self) {
        self.add(Interest { relation: ANY_RELATION, key: None });
    }

    fn order(&mut self, target: &OrderTarget, outer: &Known) -> Result<(), GraphqlError> {
        match target {
            OrderTarget::Cell(cell) => self.cell(cell, outer),
            OrderTarget::Related { table, join, filter, target } => {
                let known = self.rows(table, join, filter, outer)?;
                self.order(target, &known)
            }
            OrderTarget::Aggregate { table, way, filter, function: (_, cell) } => {
                let known = self.reached(table, way, filter, outer)?;
                cell.as_ref().map_or(Ok(()), |cell| self.cell(cell, &known))
            }
        }
    }

    /// Notes the rows of a table to which a way leads from a row of which `outer` is known.
    fn reached(
        &mut self,
        table: &Table,
        way: &Way,
        filter: &Filter,
        outer: &Known,
    ) -> Result<Vec<(ColumnIndex, String)>, GraphqlError> {
        match way {
            Way::Join(join) => self.rows(table, join, filter, outer),
            Way::Call(_) => {
                self.anything();
                self.rows(table, &[], filter, outer)
            }
        }
    }

    /// Notes the rows of a table that are joined to a row of which `outer` is known, and says what is known of
    /// them.
    fn rows(
        &mut self,
        table: &Table,
        join: &[(ColumnIndex, ColumnIndex)],
        filter: &Filter,
        outer: &Known,
    ) -> Result<Vec<(ColumnIndex, String)>, GraphqlError> {
        let mut known = Vec::new();
        for (theirs, own) in join {
            let value = outer.iter().find(|(column, _)| column == theirs);
            known.extend(value.map(|(_, value)| (*own, value.clone())));
        }
        self.fixed(filter, &mut known)?;
        let key = known.iter().find(|(column, _)| table.identity.contains(column));
        let key =
            key.and_then(|(column, value)| Some((table.columns.get(*column)?.name.clone(), value.clone())));
        for source in &table.sources {
            // A view's columns are not those of the tables below it.
            let key = key.clone().filter(|_| *source == table.oid);
            self.add(Interest { relation: *source, key });
        }
        self.conditions(filter, &known)?;
        Ok(known)
    }

    /// Adds the columns that `filter` fixes to one value.
    fn fixed(&self, filter: &Filter, known: &mut Vec<(ColumnIndex, String)>) -> Result<(), GraphqlError> {
        match filter {
            Filter::And(all) => all.iter().try_for_each(|filter| self.fixed(filter, known)),
            Filter::Rooted(inner) => self.fixed(inner, known),
            Filter::Compare { cell, comparison: Comparison::Value(operator, value) }
                if operator.name == "eq" =>
            {
                if let (Some(column), Some(text)) = (cell.as_column(), self.canonical(value)?) {
                    known.push((column, text));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Notes the tables that a condition looks into.
    fn conditions(&mut self, filter: &Filter, known: &Known) -> Result<(), GraphqlError> {
        match filter {
            Filter::And(all) | Filter::Or(all) => {
                all.iter().try_for_each(|filter| self.conditions(filter, known))
            }
            Filter::Not(inner) | Filter::Rooted(inner) => self.conditions(inner, known),
            Filter::Compare { cell, .. } => self.cell(cell, known),
            Filter::Exists { table, way, filter } => self.reached(table, way, filter, known).map(drop),
            Filter::Aggregate { table, way, filter, number, .. } => {
                let known = self.reached(table, way, filter, known)?;
                match number {
                    RowsNumber::Count { columns, .. } => {
                        columns.iter().try_for_each(|cell| self.cell(cell, &known))
                    }
                    RowsNumber::All(cell) | RowsNumber::Any(cell) => self.cell(cell, &known),
                }
            }
        }
    }

    /// A value as PostgreSQL writes it, where that can be told.
    fn canonical(&self, value: &Value) -> Result<Option<String>, GraphqlError> {
        if value.list {
            return Ok(None);
        }
        let bound = bind(std::slice::from_ref(value), self.values, Earlier::default())?;
        let Some(text) = bound.first().and_then(|bound| bound.0.as_deref()) else { return Ok(None) };
        Ok(match &value.ty.kind {
            TypeKind::Int | TypeKind::BigInt => {
                text.trim().parse::<i64>().ok().map(|number| number.to_string())
            }
            TypeKind::Uuid => uuid::Uuid::try_parse(text.trim()).ok().map(|id| id.hyphenated().to_string()),
            TypeKind::Text if matches!(value.ty.name.as_str(), "text" | "varchar") => Some(text.to_owned()),
            _ => None,
        })
    }

    fn add(&mut self, interest: Interest) {
        if !self.found.contains(&interest) {
            self.found.push(interest);
        }
    }
}
