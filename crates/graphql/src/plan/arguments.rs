//! The arguments of one field: each asked for once by name; what nobody asked for is an error.

use base::project::GraphqlError;

use super::input::Input;
use super::planner::{Planner, invalid};
use super::selection::Selected;

/// The arguments of a field.
pub(super) struct Arguments<'a> {
    given: Vec<(&'a str, &'a apollo_compiler::ast::Value)>,
    field: &'a str,
    at: String,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(field: &Selected<'a>, path: &str) -> Result<Self, GraphqlError> {
        let mut given: Vec<(&str, _)> = Vec::with_capacity(field.arguments.len());
        for argument in field.arguments {
            let name = argument.name.as_str();
            if given.iter().any(|(other, _)| *other == name) {
                return Err(invalid(path, format!("the argument {name:?} is given twice")));
            }
            given.push((name, &*argument.value));
        }
        Ok(Self { given, field: field.name, at: format!("{path}.args") })
    }

    /// Takes the argument `name` of GraphQL's type `expected`, with its path; `None` where it was left out.
    pub(super) fn take(
        &mut self,
        planner: &Planner<'a>,
        name: &str,
        expected: &str,
    ) -> Result<Option<(Input<'a>, String)>, GraphqlError> {
        let Some(at) = self.given.iter().position(|(other, _)| *other == name) else { return Ok(None) };
        let (_, value) = self.given.swap_remove(at);
        let path = format!("{}.{name}", self.at);
        let input = planner.input(value, expected, &path)?;
        Ok(if planner.is_absent(&input) { None } else { Some((input, path)) })
    }

    /// Takes an argument that must be there.
    pub(super) fn require(
        &mut self,
        planner: &Planner<'a>,
        name: &str,
        expected: &str,
    ) -> Result<(Input<'a>, String), GraphqlError> {
        self.take(planner, name, expected)?
            .ok_or_else(|| invalid(&self.at, format!("missing required field {name:?}")))
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), GraphqlError> {
        match self.given.first() {
            None => Ok(()),
            Some((name, _)) => {
                let path = self.at.strip_suffix(".args").unwrap_or(&self.at);
                Err(invalid(path, format!("{:?} has no argument named {name:?}", self.field)))
            }
        }
    }
}
