//! A parsed document: its operations and fragments. Parsing is bounded in tokens and in depth.

use std::collections::HashMap;

use apollo_compiler::Node;
use apollo_compiler::ast;
use apollo_compiler::parser::Parser;
use base::project::GraphqlError;
use serde_json::Value as Json;

use super::input::literal_json;
use super::planner::invalid;

/// The most tokens of a document; more is no query that a person wrote.
const MAX_TOKENS: usize = 15_000;

/// How deep selections and values may nest in the text.
const MAX_DEPTH: usize = 50;

/// A document that parsed.
#[derive(Debug)]
pub struct Document {
    pub(super) text: String,
    operations: Vec<Node<ast::OperationDefinition>>,
    pub(super) fragments: HashMap<String, Node<ast::FragmentDefinition>>,
}

impl Document {
    /// Parses `text`.
    pub fn parse(text: &str) -> Result<Self, GraphqlError> {
        let mut parser = Parser::new().recursion_limit(MAX_DEPTH).token_limit(MAX_TOKENS);
        let parsed = parser
            .parse_ast(text, "query.graphql")
            .map_err(|_| GraphqlError::new("validation-failed", "$.query", "not a valid graphql query"))?;
        let mut document = Self { text: text.to_owned(), operations: Vec::new(), fragments: HashMap::new() };
        for definition in parsed.definitions {
            match definition {
                ast::Definition::OperationDefinition(operation) => document.operations.push(operation),
                ast::Definition::FragmentDefinition(fragment) => {
                    document.fragments.insert(fragment.name.to_string(), fragment);
                }
                _ => return Err(invalid("$.query", "a request holds operations and fragments only")),
            }
        }
        Ok(document)
    }

    /// The default values of an operation's variables.
    pub fn defaults(&self, name: Option<&str>) -> Result<Vec<(String, Json)>, GraphqlError> {
        Ok(defaults(self.operation(name)?))
    }

    /// The fields of a fragment.
    pub fn fragment(&self, name: &str) -> Option<&[ast::Selection]> {
        self.fragments.get(name).map(|fragment| &*fragment.selection_set)
    }

    /// What the document asks, written in one way: without layout, comments and `__typename`.
    pub fn normal_form(&self) -> String {
        let mut parts: Vec<String> = Vec::with_capacity(self.operations.len() + self.fragments.len());
        for operation in &self.operations {
            let mut operation = (**operation).clone();
            without_typename(&mut operation.selection_set);
            parts.push(operation.serialize().no_indent().to_string());
        }
        for fragment in self.fragments.values() {
            let mut fragment = (**fragment).clone();
            without_typename(&mut fragment.selection_set);
            parts.push(fragment.serialize().no_indent().to_string());
        }
        parts.sort_unstable();
        parts.join(" ")
    }

    /// The operation to run: the one named, or the only one there is.
    pub fn operation(&self, name: Option<&str>) -> Result<&ast::OperationDefinition, GraphqlError> {
        match (name, self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(invalid(
                "$",
                "exactly one operation has to be present in the document when operationName is not specified",
            )),
            (Some(name), operations) => operations
                .iter()
                .find(|operation| operation.name.as_ref().is_some_and(|other| other == name))
                .map(|operation| &**operation)
                .ok_or_else(|| invalid("$", format!("no such operation found in the document: {name:?}"))),
        }
    }
}

/// Takes `__typename` away: clients add it where they please. Parsing has bounded the depth.
fn without_typename(selections: &mut Vec<ast::Selection>) {
    selections.retain(|selection| {
        !matches!(selection, ast::Selection::Field(field) if field.name == "__typename" && field.alias.is_none())
    });
    for selection in selections {
        match selection {
            ast::Selection::Field(field) => without_typename(&mut field.make_mut().selection_set),
            ast::Selection::InlineFragment(fragment) => {
                without_typename(&mut fragment.make_mut().selection_set);
            }
            ast::Selection::FragmentSpread(_) => {}
        }
    }
}

/// The default values of an operation's variables.
pub(super) fn defaults(operation: &ast::OperationDefinition) -> Vec<(String, Json)> {
    let with_default = operation.variables.iter().filter_map(|variable| {
        let value = variable.default_value.as_ref().and_then(|value| literal_json(value))?;
        Some((variable.name.to_string(), value))
    });
    with_default.collect()
}
