//! One planning: what it reads from, what it has assumed so far, and how far it may go.

use std::cell::{Cell, RefCell};

use apollo_compiler::ast;
use base::project::GraphqlError;
use base::session::Session;
use db::sql::Word;
use serde_json::{Map, Value as Json};

use super::document::{Document, defaults};
use super::tree::{Action, Operation, Plan, RootPlan};
use crate::schema::{RoleSchema, RootField, TableAction};
use crate::value::variables::{Assumption, Shape};
use crate::value::{VariablePath, Variables};

/// The most fields of a plan, fragments spread: what a short document can blow up to is bounded by this.
const MAX_FIELDS: usize = 5_000;

/// How many tables deep a plan may go.
const MAX_DEPTH: usize = 30;

/// Plans the operation of `document` that `operation_name` names, for a role and these variables.
///
/// The plan is good for other requests of the same role with the same document whose variables fulfil its
/// assumptions.
pub fn plan(
    schema: &RoleSchema,
    document: &Document,
    operation_name: Option<&str>,
    variables: &Map<String, Json>,
    session: &Session,
) -> Result<Plan, GraphqlError> {
    let operation = document.operation(operation_name)?;
    let defaults = defaults(operation);
    check_variables(operation, variables)?;
    let planner = Planner {
        schema,
        document,
        operation,
        variables: Variables::new(variables, &defaults),
        trusted: session.is_trusted(),
        assumptions: RefCell::new(Vec::new()),
        fields_left: Cell::new(MAX_FIELDS),
        rows: Cell::new(0),
        introspected: RefCell::new(None),
        depth: Cell::new(0),
    };
    let fields = planner.root_fields()?;
    planner.check_needed_variables()?;
    let kind = match operation.operation_type {
        ast::OperationType::Query => Operation::Query,
        ast::OperationType::Mutation => Operation::Mutation,
        ast::OperationType::Subscription => Operation::Subscription,
    };
    if kind == Operation::Subscription && fields.len() != 1 {
        return Err(invalid("$", "subscriptions must select one top level field"));
    }
    let variables = operation.variables.iter().map(|variable| variable.name.to_string()).collect();
    Ok(Plan { operation: kind, fields, variables, assumptions: planner.assumptions.into_inner() })
}

/// One planning.
pub(super) struct Planner<'a> {
    pub(super) schema: &'a RoleSchema,
    pub(super) document: &'a Document,
    operation: &'a ast::OperationDefinition,
    pub(super) variables: Variables<'a>,
    pub(super) trusted: bool,
    assumptions: RefCell<Vec<Assumption>>,
    fields_left: Cell<usize>,
    rows: Cell<usize>,
    introspected: RefCell<Option<Map<String, Json>>>,
    depth: Cell<usize>,
}

impl<'a> Planner<'a> {
    /// The declaration of a variable.
    pub(super) fn declared(&self, name: &str) -> Option<&'a ast::VariableDefinition> {
        self.operation.variables.iter().find(|variable| variable.name == name).map(|variable| &**variable)
    }

    /// Notes that the plan holds only where `path` has this shape.
    pub(super) fn assume(&self, path: &VariablePath, shape: Shape) {
        let assumption = Assumption::new(path.clone(), shape);
        let mut assumptions = self.assumptions.borrow_mut();
        if !assumptions.contains(&assumption) {
            assumptions.push(assumption);
        }
    }

    /// Counts a field, and refuses the one too many.
    pub(super) fn count_field(&self, at: &str) -> Result<(), GraphqlError> {
        match self.fields_left.get().checked_sub(1) {
            Some(left) => {
                self.fields_left.set(left);
                Ok(())
            }
            None => Err(invalid(at, format!("the request has more than {MAX_FIELDS} fields"))),
        }
    }

    /// Counts a row to be written, and refuses the one over `most`.
    pub(super) fn count_row(&self, most: usize, at: &str) -> Result<(), GraphqlError> {
        self.rows.set(self.rows.get() + 1);
        if self.rows.get() > most {
            Err(invalid(at, format!("the request writes more than {most} rows")))
        } else {
            Ok(())
        }
    }

    /// Plans one table deeper, and refuses the one too deep.
    pub(super) fn deeper<T>(
        &self,
        at: &str,
        plan: impl FnOnce() -> Result<T, GraphqlError>,
    ) -> Result<T, GraphqlError> {
        let depth = self.depth.get();
        if depth == MAX_DEPTH {
            return Err(invalid(at, format!("the request is deeper than {MAX_DEPTH} tables")));
        }
        self.depth.set(depth + 1);
        let planned = plan();
        self.depth.set(depth);
        planned
    }

    /// Refuses null where a variable's type does, after everything that says so by the place of its use.
    fn check_needed_variables(&self) -> Result<(), GraphqlError> {
        for variable in &self.operation.variables {
            if !variable.ty.is_non_null() || variable.default_value.is_some() {
                continue;
            }
            let path = VariablePath::root(&variable.name);
            if self.variables.get(&path).is_none_or(Json::is_null) {
                let message =
                    format!("null value found for non-nullable type: {:?}", variable.ty.to_string());
                return Err(invalid(&format!("$.variables.{}", variable.name), message));
            }
            self.assume(&path, Shape::Present);
        }
        Ok(())
    }

    fn root_fields(&self) -> Result<Vec<RootPlan>, GraphqlError> {
        let (type_name, known) = match self.operation.operation_type {
            ast::OperationType::Query => ("query_root", &self.schema.queries),
            ast::OperationType::Subscription => ("subscription_root", &self.schema.subscriptions),
            ast::OperationType::Mutation
                if !self.schema.mutations.values().any(|field| self.is_open(field)) =>
            {
                return Err(invalid("$", "no mutations exist"));
            }
            ast::OperationType::Mutation => ("mutation_root", &self.schema.mutations),
        };
        let selected = self.selected(&[&self.operation.selection_set], type_name, "$")?;
        let mut fields = Vec::with_capacity(selected.len());
        for field in selected {
            let path = format!("$.selectionSet.{}", field.name);
            let action = if field.name == "__typename" {
                Action::Typename(word(type_name, &path)?)
            } else if matches!(field.name, "__schema" | "__type")
                && type_name == "query_root"
                && self.schema.introspection
            {
                Action::Introspection(self.introspect(field.key, &path)?)
            } else {
                let root = known.get(field.name).filter(|root| self.is_open(root)).ok_or_else(|| {
                    invalid(&path, format!("field {:?} not found in type: '{type_name}'", field.name))
                })?;
                self.action(root, &field, &path)?
            };
            fields.push(RootPlan { key: word(field.key, &path)?, path, action });
        }
        Ok(fields)
    }

    /// The answer of an introspection field. It is a part of the plan, so the plan is for these variables alone.
    fn introspect(&self, key: &str, at: &str) -> Result<String, GraphqlError> {
        for variable in &self.operation.variables {
            let path = VariablePath::root(&variable.name);
            let shape = self.variables.get(&path).map_or(Shape::Absent, |value| Shape::Equals(value.clone()));
            self.assume(&path, shape);
        }
        if self.introspected.borrow().is_none() {
            let introspector = self.schema.introspector().map_err(|reason| {
                tracing::error!(graphql.role = self.schema.role, reason, "the API cannot be described");
                GraphqlError::new("unexpected", at, "the API cannot be described")
            })?;
            let name = self.operation.name.as_ref().map(apollo_compiler::Name::as_str);
            let answers = introspector.answer(&self.document.text, name, self.variables.all())?;
            *self.introspected.borrow_mut() = Some(answers);
        }
        let answers = self.introspected.borrow();
        let answer = answers.as_ref().and_then(|answers| answers.get(key)).unwrap_or(&Json::Null);
        Ok(answer.to_string())
    }

    /// Whether the caller may use a root field: some are for those alone who show the admin secret.
    fn is_open(&self, field: &RootField) -> bool {
        let RootField::Table(action, table) = field else { return true };
        let trusted_only = match action {
            TableAction::Insert | TableAction::InsertOne => {
                table.insert.as_ref().map(|rules| rules.trusted_only)
            }
            TableAction::Update | TableAction::UpdateMany | TableAction::UpdateByPk => {
                table.update.as_ref().map(|rules| rules.trusted_only)
            }
            TableAction::Delete | TableAction::DeleteByPk => {
                table.delete.as_ref().map(|rules| rules.trusted_only)
            }
            TableAction::Select | TableAction::SelectByPk | TableAction::Aggregate | TableAction::Stream => {
                None
            }
        };
        self.trusted || trusted_only != Some(true)
    }

    fn action(
        &self,
        root: &RootField,
        field: &super::selection::Selected<'a>,
        path: &str,
    ) -> Result<Action, GraphqlError> {
        let (action, table) = match root {
            RootField::Table(action, table) => (*action, table),
            RootField::Function(function) => {
                return Ok(Action::Select(Box::new(self.select_function(function, field, path)?)));
            }
            RootField::FunctionAggregate(function) => {
                return Ok(Action::Aggregate(Box::new(self.aggregate_function(function, field, path)?)));
            }
        };
        Ok(match action {
            TableAction::Select => Action::Select(Box::new(self.select_many(table, field, path)?)),
            TableAction::SelectByPk => Action::Select(Box::new(self.select_by_pk(table, field, path)?)),
            TableAction::Aggregate => Action::Aggregate(Box::new(self.aggregate(table, field, path)?)),
            TableAction::Stream => Action::Stream(Box::new(self.stream(table, field, path)?)),
            TableAction::Insert => self.insert_many(table, field, path)?,
            TableAction::InsertOne => self.insert_one(table, field, path)?,
            TableAction::Update => self.update_where(table, field, path)?,
            TableAction::UpdateMany => self.update_many(table, field, path)?,
            TableAction::UpdateByPk => self.update_by_pk(table, field, path)?,
            TableAction::Delete => self.delete_where(table, field, path)?,
            TableAction::DeleteByPk => self.delete_by_pk(table, field, path)?,
        })
    }
}

/// Refuses variables that the operation does not declare, and the lack of those that it needs.
fn check_variables(
    operation: &ast::OperationDefinition,
    variables: &Map<String, Json>,
) -> Result<(), GraphqlError> {
    let unknown: Vec<&str> = variables
        .keys()
        .map(String::as_str)
        .filter(|name| !operation.variables.iter().any(|variable| variable.name == *name))
        .collect();
    if !unknown.is_empty() {
        return Err(invalid("$", format!("unexpected variables in variableValues: {}", unknown.join(", "))));
    }
    for variable in &operation.variables {
        let needed = variable.ty.is_non_null() && variable.default_value.is_none();
        if needed && !variables.contains_key(variable.name.as_str()) {
            let message =
                format!("expecting a value for non-nullable variable: {:?}", variable.name.as_str());
            return Err(invalid("$", message));
        }
    }
    Ok(())
}

/// An error of a request that does not fit the schema.
pub(super) fn invalid(at: &str, message: impl Into<String>) -> GraphqlError {
    GraphqlError::new("validation-failed", at, message)
}

/// A GraphQL name as a word for SQL; the grammar of names (GraphQL, section 2.1.9) allows no other.
pub(super) fn word(name: &str, at: &str) -> Result<Word, GraphqlError> {
    Word::new(name).ok_or_else(|| invalid(at, format!("{name:?} is not a name")))
}
