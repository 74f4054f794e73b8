//! Reads the filters, checks and presets of permissions: Hasura's boolean expressions with SQL's own column
//! names, session variables, and the older spellings (`$or`, `$eq`, `_ne`, a bare value).

use std::sync::Arc;

use serde_json::Value as Json;

use super::ComputedReturn;
use super::tracked::{Tracked, TrackedTable};
use crate::catalog::{ColumnIndex, PgType, QualifiedName, TableId};
use crate::expression::{Cell, CellOf, ColumnOperand, Comparison, Filter, Operator, Value, Way, cast_to};
use crate::value::{Source, text};

const SESSION_PREFIX: &str = "x-hasura-";

/// Reads the conditions of one table's permissions.
pub(super) struct PermissionReader<'a> {
    tracked: &'a Tracked,
    root: TableId,
}

impl<'a> PermissionReader<'a> {
    pub(super) fn new(tracked: &'a Tracked, root: TableId) -> Self {
        Self { tracked, root }
    }

    /// The condition in `json` on rows of the table.
    pub(super) fn filter(&self, json: &Json) -> Result<Filter, String> {
        let filter = self.condition(json, self.root)?;
        // A role's filter goes along wherever a relationship leads to its table.
        let has_root = json.to_string().contains(r#"["$","#);
        Ok(if has_root { Filter::Rooted(Box::new(filter)) } else { filter })
    }

    /// The preset of `column`: a session variable or a constant.
    pub(super) fn preset(&self, column: ColumnIndex, json: &Json) -> Result<Value, String> {
        let table = &self.table(self.root)?.table;
        let column = table.columns.get(column).ok_or("no such column")?;
        Ok(Value { source: source(json, &column.ty, false)?, ty: column.ty.clone(), list: false })
    }

    fn table(&self, id: TableId) -> Result<&TrackedTable, String> {
        self.tracked.table(id).ok_or_else(|| "it leads to a table that is not tracked".to_owned())
    }

    fn condition(&self, json: &Json, table: TableId) -> Result<Filter, String> {
        let entries = match json {
            Json::Null => return Ok(Filter::TRUE),
            Json::Object(entries) => entries,
            other => return Err(format!("a condition is an object, not {other}")),
        };
        let mut all = Vec::new();
        for (key, value) in entries {
            all.push(self.entry(key, value, table)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    fn entry(&self, key: &str, value: &Json, table: TableId) -> Result<Filter, String> {
        match key.strip_prefix(['_', '$']) {
            Some("and") => return Ok(Filter::And(self.conditions(value, table)?)),
            Some("or") => return Ok(Filter::Or(self.conditions(value, table)?)),
            Some("not") => return Ok(Filter::Not(Box::new(self.condition(value, table)?))),
            Some("exists") => return self.exists(value),
            _ => {}
        }
        let tracked = self.table(table)?;
        if let Some(relationship) = tracked.relationship(key) {
            let target = self.table(relationship.target)?.table.clone();
            let filter = Box::new(self.condition(value, relationship.target)?);
            return Ok(Filter::Exists { table: target, way: Way::Join(relationship.join.clone()), filter });
        }
        if let Some(field) = tracked.computed_fields.get(key) {
            let call = field.callable.call().ok_or_else(|| format!("{key} needs arguments"))?;
            return match field.returns {
                ComputedReturn::Scalar => {
                    self.comparisons(&Cell { of: CellOf::Call(call), seen_in: None }, value, table)
                }
                ComputedReturn::Rows(target) => Ok(Filter::Exists {
                    table: self.table(target)?.table.clone(),
                    way: Way::Call(call),
                    filter: Box::new(self.condition(value, target)?),
                }),
            };
        }
        let column = tracked
            .table
            .column_index(key)
            .ok_or_else(|| format!("there is no column, relationship or computed field {key}"))?;
        self.comparisons(&Cell::column(column), value, table)
    }

    fn conditions(&self, json: &Json, table: TableId) -> Result<Vec<Filter>, String> {
        let Json::Array(items) = json else {
            return Err(format!("expected a list of conditions, not {json}"));
        };
        items.iter().map(|item| self.condition(item, table)).collect()
    }

    fn exists(&self, json: &Json) -> Result<Filter, String> {
        let name = match json.get("_table") {
            Some(Json::String(name)) => QualifiedName { schema: "public".to_owned(), name: name.clone() },
            Some(other) => serde_json::from_value(other.clone()).map_err(|error| error.to_string())?,
            None => return Err("_exists needs _table".to_owned()),
        };
        let table =
            self.tracked.catalog.table_named(&name).ok_or_else(|| format!("there is no table {name}"))?;
        let filter = Box::new(self.condition(json.get("_where").unwrap_or(&Json::Null), table.id)?);
        Ok(Filter::Exists { table: table.clone(), way: Way::Join(Vec::new()), filter })
    }

    fn comparisons(&self, cell: &Cell, json: &Json, table: TableId) -> Result<Filter, String> {
        let ty = cell.ty(&self.table(table)?.table).ok_or("no such column")?.clone();
        let mut all: Vec<Filter> = self
            .comparison_list(&ty, json, table)?
            .into_iter()
            .map(|comparison| Filter::Compare { cell: cell.clone(), comparison })
            .collect();
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    /// What is asked of a value of type `ty` in rows of `table`.
    fn comparison_list(
        &self,
        ty: &Arc<PgType>,
        json: &Json,
        table: TableId,
    ) -> Result<Vec<Comparison>, String> {
        let Json::Object(operators) = json else { return Ok(vec![self.comparison(ty, "eq", json, table)?]) };
        let all = operators.iter().map(|(key, value)| {
            let name = key.strip_prefix(['_', '$']).ok_or_else(|| format!("unknown operator {key}"))?;
            self.comparison(ty, name, value, table)
        });
        all.collect()
    }

    fn comparison(
        &self,
        ty: &Arc<PgType>,
        name: &str,
        json: &Json,
        table: TableId,
    ) -> Result<Comparison, String> {
        let tracked = self.table(table)?;
        if name == "cast" {
            let (to, json) = match json {
                Json::Object(entries) if entries.len() == 1 => entries.iter().next(),
                _ => None,
            }
            .ok_or("_cast takes one type")?;
            let to = cast_to(ty, to).ok_or_else(|| format!("there is no cast to {to}"))?;
            let asked = self.comparison_list(&to, json, table)?;
            return Ok(Comparison::Cast(to, asked));
        }
        if name == "is_null" {
            let null = json.as_bool().ok_or("_is_null takes true or false")?;
            return Ok(Comparison::IsNull(null));
        }
        if let Some(operator) = name.strip_prefix('c').and_then(|name| Operator::named(spelling(name), ty)) {
            // `_contains` and `_contained_in` begin with a c as well, and are found below.
            if Operator::named(name, ty).is_none() {
                let operand = self.column_operand(json, tracked)?;
                return Ok(Comparison::Column(operator, operand));
            }
        }
        let operator =
            Operator::named(spelling(name), ty).ok_or_else(|| format!("unknown operator _{name}"))?;
        let (ty, list) = operator.operand_type(ty);
        let value = Value { source: source(json, &ty, list)?, ty, list };
        Ok(Comparison::Value(operator, value))
    }

    fn column_operand(&self, json: &Json, table: &TrackedTable) -> Result<ColumnOperand, String> {
        let find = |tracked: &TrackedTable, name: &Json| {
            let name = name.as_str().ok_or("a column's name is a string")?;
            tracked.table.column_index(name).ok_or_else(|| format!("there is no column {name}"))
        };
        match json {
            Json::Array(path) => match path.as_slice() {
                [Json::String(dollar), name] if dollar == "$" => {
                    Ok(ColumnOperand::Root(find(self.table(self.root)?, name)?))
                }
                [name] => Ok(ColumnOperand::Current(find(table, name)?)),
                _ => Err(format!("{json} names no column")),
            },
            name => Ok(ColumnOperand::Current(find(table, name)?)),
        }
    }
}

fn spelling(name: &str) -> &str {
    if name == "ne" { "neq" } else { name }
}

fn source(json: &Json, ty: &Arc<PgType>, list: bool) -> Result<Source, String> {
    if let Json::String(text) = json
        && text.to_ascii_lowercase().starts_with(SESSION_PREFIX)
    {
        return Ok(Source::Session(text.to_ascii_lowercase()));
    }
    if !list {
        return text::of_json(json, ty).map(Source::Constant).map_err(|misfit| format!("{misfit:?}"));
    }
    let Json::Array(items) = json else { return Err(format!("expected a list, not {json}")) };
    items.iter().map(|item| source(item, ty, false)).collect::<Result<_, _>>().map(Source::List)
}
