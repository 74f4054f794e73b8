//! What a mutation answers: the one row, or how many rows and which.

use base::project::GraphqlError;
use std::sync::Arc;

use super::arguments::Arguments;
use super::planner::{Planner, invalid, word};
use super::selection::Selected;
use super::tree::{Answer, From, ManyOutput, Rows};
use crate::schema::RoleTable;

impl<'a> Planner<'a> {
    /// The row that was written, or null.
    pub(super) fn answer_one(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Answer, GraphqlError> {
        Ok(Answer::One(Box::new(self.plain(From::Written, Rows::One, table, field, path)?)))
    }

    /// `affected_rows` and `returning`.
    pub(super) fn answer_many(
        &self,
        table: &Arc<RoleTable>,
        field: &Selected<'a>,
        path: &str,
    ) -> Result<Answer, GraphqlError> {
        let type_name = format!("{}_mutation_response", table.type_name);
        let mut outputs = Vec::new();
        for inner in self.selected(&field.selections, &type_name, path)? {
            let at = format!("{path}.selectionSet.{}", inner.name);
            Arguments::new(&inner, &at)?.finish()?;
            let output = match inner.name {
                "__typename" => ManyOutput::Typename(word(&type_name, &at)?),
                "affected_rows" => ManyOutput::AffectedRows,
                "returning" if table.select.is_some() => ManyOutput::Returning(Box::new(self.plain(
                    From::Written,
                    Rows::Many,
                    table,
                    &inner,
                    &at,
                )?)),
                name => return Err(invalid(&at, format!("field {name:?} not found in type: '{type_name}'"))),
            };
            outputs.push((word(inner.key, &at)?, output));
        }
        if outputs.is_empty() {
            return Err(invalid(path, format!("missing selection set for {:?}", field.name)));
        }
        Ok(Answer::Many(outputs))
    }
}
