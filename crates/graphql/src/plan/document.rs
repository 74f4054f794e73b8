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

/// The default values of an operation's variables.
pub(super) fn defaults(operation: &ast::OperationDefinition) -> Vec<(String, Json)> {
    let with_default = operation.variables.iter().filter_map(|variable| {
        let value = variable.default_value.as_ref().and_then(|value| literal_json(value))?;
        Some((variable.name.to_string(), value))
    });
    with_default.collect()
}
