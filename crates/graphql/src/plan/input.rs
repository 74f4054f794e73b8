//! Arguments, wherever they stand: as literals in the document or inside variables. Whoever plans walks down
//! an [`Input`] and need not care which; what it looked at in a variable becomes an assumption of the plan.

use apollo_compiler::ast;
use base::project::GraphqlError;
use serde_json::Value as Json;

use super::planner::{Planner, invalid};
use crate::catalog::{PgType, TypeKind};
use crate::expression::Value;
use crate::value::variables::Shape;
use crate::value::{Source, Template, VariablePath, text, type_name};
use std::sync::Arc;

/// A value in a request.
#[derive(Clone, Debug)]
pub(super) enum Input<'a> {
    /// It stands in the document.
    Literal(&'a ast::Value),
    /// It is in a variable.
    Variable(VariablePath),
}

impl<'a> Planner<'a> {
    /// The value of an argument or entry that must be of GraphQL's type `expected` (`Int!`, `[uuid!]`).
    pub(super) fn input(
        &self,
        value: &'a ast::Value,
        expected: &str,
        at: &str,
    ) -> Result<Input<'a>, GraphqlError> {
        let ast::Value::Variable(name) = value else { return Ok(Input::Literal(value)) };
        let declared = self
            .declared(name)
            .ok_or_else(|| invalid(at, format!("unbound variable {:?}", name.as_str())))?;
        if !fits(
            &declared.ty,
            expected,
            declared.default_value.as_ref().is_some_and(|value| !value.is_null()),
        ) {
            let message = format!(
                "variable {:?} is declared as {}, but used where {expected} is expected",
                name.as_str(),
                declared.ty
            );
            return Err(invalid(at, message));
        }
        Ok(Input::Variable(VariablePath::root(name)))
    }

    /// Whether it is a variable that the request left out; then it is as if it were not written at all.
    pub(super) fn is_absent(&self, input: &Input<'a>) -> bool {
        let Input::Variable(path) = input else { return false };
        let absent = self.variables.get(path).is_none();
        self.assume(path, if absent { Shape::Absent } else { Shape::Given });
        absent
    }

    /// Whether it is null, or was left out.
    pub(super) fn is_null(&self, input: &Input<'a>) -> bool {
        match input {
            Input::Literal(value) => value.is_null(),
            Input::Variable(path) => {
                let (null, shape) = match self.variables.get(path) {
                    None => (true, Shape::Absent),
                    Some(Json::Null) => (true, Shape::Null),
                    Some(_) => (false, Shape::Present),
                };
                self.assume(path, shape);
                null
            }
        }
    }

    /// The entries of an object of GraphQL's type `type_name`, without those that were left out. `expected`
    /// gives the type of an entry by its key, or refuses it.
    pub(super) fn entries(
        &self,
        input: &Input<'a>,
        type_name: &str,
        at: &str,
        expected: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, Input<'a>)>, GraphqlError> {
        let unknown = |key: &str| invalid(at, format!("field {key:?} not found in type: '{type_name}'"));
        let mut entries = Vec::new();
        match input {
            Input::Literal(ast::Value::Object(literal)) => {
                for (key, value) in literal {
                    let ty = expected(key).ok_or_else(|| unknown(key))?;
                    let entry = self.input(value, &ty, &format!("{at}.{key}"))?;
                    if !self.is_absent(&entry) {
                        entries.push((key.to_string(), entry));
                    }
                }
            }
            Input::Literal(other) => return Err(wrong_kind(at, "an object", type_name, literal_kind(other))),
            Input::Variable(path) => match self.variables.get(path) {
                Some(Json::Object(map)) => {
                    self.assume(path, Shape::Object(map.keys().cloned().collect()));
                    for key in map.keys() {
                        expected(key).ok_or_else(|| unknown(key))?;
                        entries.push((key.clone(), Input::Variable(path.key(key))));
                    }
                }
                other => {
                    return Err(wrong_kind(
                        at,
                        "an object",
                        type_name,
                        other.map_or("null", text::kind_name),
                    ));
                }
            },
        }
        Ok(entries)
    }

    /// The items of a list; a single value counts as a list of one (GraphQL, section 3.11).
    pub(super) fn items(
        &self,
        input: &Input<'a>,
        item_type: &str,
        at: &str,
    ) -> Result<Vec<Input<'a>>, GraphqlError> {
        match input {
            Input::Literal(ast::Value::List(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.input(item, item_type, &format!("{at}[{index}]")))
                .collect(),
            Input::Literal(_) => Ok(vec![input.clone()]),
            Input::Variable(path) => match self.variables.get(path) {
                Some(Json::Array(items)) => {
                    self.assume(path, Shape::List(items.len()));
                    Ok((0..items.len()).map(|index| Input::Variable(path.index(index))).collect())
                }
                // What is one item here may be a list at another time, so the plan is for this value alone.
                Some(value) => {
                    self.assume(path, Shape::Equals(value.clone()));
                    Ok(vec![input.clone()])
                }
                None => Ok(Vec::new()),
            },
        }
    }

    /// A name of an enum. A plan is for this name alone.
    pub(super) fn enum_name(
        &self,
        input: &Input<'a>,
        type_name: &str,
        at: &str,
    ) -> Result<String, GraphqlError> {
        match input {
            Input::Literal(ast::Value::Enum(name)) => Ok(name.to_string()),
            Input::Literal(other) => Err(wrong_kind(at, "an enum value", type_name, literal_kind(other))),
            Input::Variable(path) => match self.variables.get(path) {
                Some(Json::String(name)) => {
                    self.assume(path, Shape::Equals(Json::String(name.clone())));
                    Ok(name.clone())
                }
                other => {
                    Err(wrong_kind(at, "an enum value", type_name, other.map_or("null", text::kind_name)))
                }
            },
        }
    }

    /// A boolean that decides the plan.
    pub(super) fn boolean(&self, input: &Input<'a>, at: &str) -> Result<bool, GraphqlError> {
        match input {
            Input::Literal(ast::Value::Boolean(value)) => Ok(*value),
            Input::Literal(other) => Err(wrong_kind(at, "a boolean", "Boolean", literal_kind(other))),
            Input::Variable(path) => match self.variables.get(path) {
                Some(Json::Bool(value)) => {
                    self.assume(path, Shape::Equals(Json::Bool(*value)));
                    Ok(*value)
                }
                other => Err(wrong_kind(at, "a boolean", "Boolean", other.map_or("null", text::kind_name))),
            },
        }
    }

    /// A value that must not be null.
    pub(super) fn value(
        &self,
        input: &Input<'a>,
        ty: &Arc<PgType>,
        list: bool,
        at: &str,
    ) -> Result<Value, GraphqlError> {
        if self.is_null(input) {
            return Err(invalid(at, format!("unexpected null value for type {:?}", type_name(ty, list))));
        }
        self.nullable_value(input, ty, list, at)
    }

    /// A value that may be null.
    pub(super) fn nullable_value(
        &self,
        input: &Input<'a>,
        ty: &Arc<PgType>,
        list: bool,
        at: &str,
    ) -> Result<Value, GraphqlError> {
        let source = match input {
            Input::Variable(path) => Source::Variable { path: path.clone(), at: at.to_owned() },
            Input::Literal(ast::Value::Variable(_)) => return Err(invalid(at, "unexpected variable")),
            Input::Literal(ast::Value::List(items)) if list => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    let at = format!("{at}[{index}]");
                    let item = self.input(item, &type_name(ty, false), &at)?;
                    Ok(self.nullable_value(&item, ty, false, &at)?.source)
                });
                Source::List(items.collect::<Result<_, GraphqlError>>()?)
            }
            Input::Literal(single) if list => {
                Source::List(vec![self.nullable_value(&Input::Literal(single), ty, false, at)?.source])
            }
            Input::Literal(value) => match (value, &ty.base().kind) {
                // An array with variables among its elements is a list of its elements' type.
                (ast::Value::List(_), TypeKind::Array(element)) if literal_json(value).is_none() => {
                    return self.nullable_value(input, element, true, at);
                }
                _ => self.literal(value, ty, at)?,
            },
        };
        Ok(Value { source, ty: ty.clone(), list })
    }

    fn literal(&self, value: &'a ast::Value, ty: &Arc<PgType>, at: &str) -> Result<Source, GraphqlError> {
        if ty.base().kind == TypeKind::Json {
            return Ok(match self.template(value, at)? {
                Template::Fixed(json) => {
                    Source::Constant(text::of_json(&json, ty).map_err(|misfit| misfit_error(misfit, at))?)
                }
                template => Source::Json(template),
            });
        }
        if matches!(value, ast::Value::Float(_))
            && ty.base().kind == TypeKind::Int
            && ty.base().name == "int4"
        {
            return Err(wrong_kind(at, "a 32-bit integer", "Int", "a float"));
        }
        if let (ast::Value::Float(number), TypeKind::Float | TypeKind::Numeric | TypeKind::Other) =
            (value, &ty.base().kind)
        {
            // The digits as they were written: a numeric column keeps them all.
            return Ok(Source::Constant(Some(number.as_str().to_owned())));
        }
        if matches!(ty.base().kind, TypeKind::Enum(_))
            && !matches!(value, ast::Value::Enum(_) | ast::Value::Null)
        {
            return Err(wrong_kind(at, "an enum value", ty.base().graphql_name(), literal_kind(value)));
        }
        let json = literal_json(value).ok_or_else(|| invalid(at, "unexpected variable"))?;
        text::of_json(&json, ty).map(Source::Constant).map_err(|misfit| misfit_error(misfit, at))
    }

    fn template(&self, value: &'a ast::Value, at: &str) -> Result<Template, GraphqlError> {
        if let Some(json) = literal_json(value) {
            return Ok(Template::Fixed(json));
        }
        Ok(match value {
            ast::Value::Variable(name) => {
                self.declared(name)
                    .ok_or_else(|| invalid(at, format!("unbound variable {:?}", name.as_str())))?;
                Template::Hole(VariablePath::root(name))
            }
            ast::Value::List(items) => {
                Template::List(items.iter().map(|item| self.template(item, at)).collect::<Result<_, _>>()?)
            }
            ast::Value::Object(entries) => Template::Object(
                entries
                    .iter()
                    .map(|(key, item)| Ok((key.to_string(), self.template(item, at)?)))
                    .collect::<Result<_, GraphqlError>>()?,
            ),
            _ => Template::Fixed(Json::Null),
        })
    }
}

/// The error of a name that is not among those of an enum.
pub(super) fn unknown_name<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
    type_name: &str,
    at: &str,
) -> GraphqlError {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let known = text::one_of(&known);
    invalid(at, format!("expected {known} for type {type_name:?}, but found {name:?}"))
}

/// The error of a value that does not fit its type.
pub(crate) fn misfit_error(misfit: text::Misfit, at: &str) -> GraphqlError {
    match misfit {
        text::Misfit::Kind(message) => invalid(at, message),
        text::Misfit::Bounds(message) => GraphqlError::new("parse-failed", at, message),
    }
}

/// Whether a variable of type `declared` may stand where `expected` is wanted (GraphQL, section 5.8.5).
/// Types are compared by name.
fn fits(declared: &ast::Type, expected: &str, has_default: bool) -> bool {
    let (expected, required) = match expected.strip_suffix('!') {
        Some(inner) => (inner, true),
        None => (expected, false),
    };
    if required && !declared.is_non_null() && !has_default {
        return false;
    }
    match (declared, expected.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'))) {
        (ast::Type::Named(name) | ast::Type::NonNullNamed(name), None) => name == expected,
        (ast::Type::List(item) | ast::Type::NonNullList(item), Some(inner)) => fits(item, inner, false),
        // A single value may stand for a list of one.
        (ast::Type::Named(_) | ast::Type::NonNullNamed(_), Some(inner)) => {
            fits(declared, inner.strip_suffix('!').unwrap_or(inner), false)
        }
        (ast::Type::List(_) | ast::Type::NonNullList(_), None) => false,
    }
}

/// The JSON of a literal, if there is no variable in it.
pub(crate) fn literal_json(value: &ast::Value) -> Option<Json> {
    Some(match value {
        ast::Value::Null => Json::Null,
        ast::Value::Boolean(value) => Json::Bool(*value),
        ast::Value::String(text) => Json::String(text.clone()),
        ast::Value::Enum(name) => Json::String(name.to_string()),
        ast::Value::Int(number) => number_json(number.as_str()),
        ast::Value::Float(number) => number_json(number.as_str()),
        ast::Value::List(items) => {
            Json::Array(items.iter().map(|item| literal_json(item)).collect::<Option<_>>()?)
        }
        ast::Value::Object(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, item)| Some((key.to_string(), literal_json(item)?)))
                .collect::<Option<_>>()?,
        ),
        ast::Value::Variable(_) => return None,
    })
}

fn number_json(digits: &str) -> Json {
    // What JSON's numbers cannot hold stays text, which every numeric type reads.
    serde_json::from_str(digits).unwrap_or_else(|_| Json::String(digits.to_owned()))
}

fn literal_kind(value: &ast::Value) -> &'static str {
    match value {
        ast::Value::Enum(_) => "an enum value",
        ast::Value::Variable(_) => "a variable",
        other => literal_json(other).as_ref().map_or("an object", text::kind_name),
    }
}

fn wrong_kind(at: &str, wanted: &str, type_name: &str, found: &str) -> GraphqlError {
    invalid(at, format!("expected {wanted} for type {type_name:?}, but found {found}"))
}
