//! `__schema` and `__type`: a role's API described in GraphQL's own language (section 4), and asked by
//! apollo-compiler. Made at the first request for it and kept with the role's schema.

mod inputs;
mod outputs;
mod sdl;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::Schema;
use apollo_compiler::collections::HashMap;
use apollo_compiler::introspection::partial_execute;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::{ExtendedType, Implementers, Name};
use apollo_compiler::validation::Valid;
use base::project::GraphqlError;
use serde_json::{Map, Value as Json};

use crate::schema::RoleSchema;

/// A role's API, ready to be described.
#[derive(Debug)]
pub(crate) struct Introspector {
    schema: Valid<Schema>,
    implementers: HashMap<Name, Implementers>,
}

impl Introspector {
    /// Describes the API of `role`. What it says must be a valid schema.
    pub(crate) fn new(role: &RoleSchema) -> Result<Self, String> {
        let text = sdl::text(role);
        let mut schema =
            Schema::parse(text, "schema.graphql").map_err(|invalid| invalid.errors.to_string())?;
        // Names come in the order of the alphabet everywhere, in the types that describe types, too.
        for ty in schema.types.values_mut() {
            if let ExtendedType::Enum(found) = ty {
                found.make_mut().values.sort_keys();
            }
        }
        let schema = schema.validate().map_err(|invalid| invalid.errors.to_string())?;
        let implementers = schema.implementers_map();
        Ok(Self { schema, implementers })
    }

    /// Answers the introspection fields of an operation, by their keys.
    pub(crate) fn answer(
        &self,
        document: &str,
        operation: Option<&str>,
        variables: &Map<String, Json>,
    ) -> Result<Map<String, Json>, GraphqlError> {
        let refused = |reason: String| GraphqlError::new("validation-failed", "$", first_line(&reason));
        let document = ExecutableDocument::parse_and_validate(&self.schema, document, "query.graphql")
            .map_err(|invalid| refused(invalid.errors.to_string()))?;
        let operation =
            document.operations.get(operation).map_err(|error| refused(error.message().to_string()))?;
        let values: JsonMap = serde_json::to_value(variables)
            .and_then(serde_json::from_value)
            .map_err(|error| refused(error.to_string()))?;
        let values = coerce_variable_values(&self.schema, operation, &values);
        let values = values.map_err(|error| refused(error.message().to_string()))?;
        let answer = partial_execute(&self.schema, &self.implementers, &document, operation, &values);
        let answer = answer.map_err(|error| refused(error.message().to_string()))?;
        if let Some(error) = answer.errors.first() {
            return Err(refused(error.message.clone()));
        }
        let data = serde_json::to_value(answer.data).map_err(|error| refused(error.to_string()))?;
        match data {
            Json::Object(fields) => Ok(fields),
            _ => Ok(Map::new()),
        }
    }
}

fn first_line(reason: &str) -> &str {
    let line = reason.lines().next().unwrap_or_default();
    line.strip_prefix("Error: ").unwrap_or(line)
}
