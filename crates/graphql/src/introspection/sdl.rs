//! A role's API as text in the schema definition language (GraphQL, section 3).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use crate::catalog::{Column, EnumType, PgType, TypeKind};
use crate::expression::{Operator, casts};
use crate::plan::DIRECTIONS;
use crate::schema::{Callable, RoleSchema, RoleTable, RootField, TableAction};
use crate::value::{comparison_name, type_name};

/// The whole schema.
pub(super) fn text(role: &RoleSchema) -> String {
    let mut sdl = Sdl {
        role,
        text: String::new(),
        defined: BTreeSet::new(),
        types: BTreeMap::new(),
        compared: BTreeMap::new(),
    };
    let mut tables: Vec<&Arc<RoleTable>> = role.tables().collect();
    tables.sort_by(|one, other| one.type_name.cmp(&other.type_name));
    for table in tables {
        sdl.outputs(table);
        sdl.inputs(table);
    }
    sdl.roots();
    sdl.scalars();
    sdl.text
}

/// A schema in the making.
pub(super) struct Sdl<'a> {
    pub(super) role: &'a RoleSchema,
    text: String,
    /// The names of types that are there; of two of one name the first stands.
    defined: BTreeSet<String>,
    /// The types of columns that were met, by their names in the API.
    types: BTreeMap<String, Arc<PgType>>,
    /// The types of which something can be asked, by the names of the inputs for it.
    compared: BTreeMap<String, Arc<PgType>>,
}

impl Sdl<'_> {
    /// Writes `kind name { fields }`, unless there are none.
    pub(super) fn define(&mut self, kind: &str, name: &str, fields: &BTreeSet<String>) {
        // What no literal can name is no value of an enum (section 2.9.6).
        let fields = fields
            .iter()
            .filter(|field| kind != "enum" || !matches!(field.as_str(), "true" | "false" | "null"));
        let fields: Vec<&String> = fields.collect();
        if fields.is_empty() || !is_name(name) || !self.defined.insert(name.to_owned()) {
            return;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{kind} {name} {{");
        for field in fields {
            let _ = writeln!(self.text, "  {field}");
        }
        let _ = writeln!(self.text, "}}");
    }

    /// What the API calls a column's type; the type is noted.
    pub(super) fn column_type(&mut self, column: &Column) -> String {
        self.named(&column.ty)
    }

    /// What the API calls a type; the type is noted.
    pub(super) fn named(&mut self, ty: &Arc<PgType>) -> String {
        let noted = match &ty.kind {
            TypeKind::Array(element) => element,
            _ => ty,
        };
        self.types.insert(noted.graphql_name().to_owned(), noted.clone());
        type_name(ty, false)
    }

    /// The name of the input with what can be asked of values of a type; the type is noted.
    pub(super) fn compared(&mut self, ty: &Arc<PgType>) -> String {
        self.named(ty);
        let name = comparison_name(ty);
        self.compared.insert(name.clone(), ty.clone());
        name
    }

    fn roots(&mut self) {
        let role = self.role;
        let mut fields = |root: &HashMap<String, RootField>| -> BTreeSet<String> {
            root.iter().filter_map(|(name, field)| self.root(name, field)).collect()
        };
        let queries = fields(&role.queries);
        let subscriptions = fields(&role.subscriptions);
        let mutations = fields(&role.mutations);
        // A schema without queries is none, so one that says nothing stands in.
        let nothing = BTreeSet::from(["no_queries_available: String!".to_owned()]);
        self.define("type", "query_root", if queries.is_empty() { &nothing } else { &queries });
        let orderings = ["ASC", "DESC"].into_iter().map(str::to_owned).collect();
        self.define("enum", "cursor_ordering", &orderings);
        self.define("type", "subscription_root", &subscriptions);
        self.define("type", "mutation_root", &mutations);
        let mut roots = BTreeSet::from(["query: query_root".to_owned()]);
        if !subscriptions.is_empty() {
            roots.insert("subscription: subscription_root".to_owned());
        }
        if !mutations.is_empty() {
            roots.insert("mutation: mutation_root".to_owned());
        }
        let _ = writeln!(self.text, "schema {{ {} }}", roots.into_iter().collect::<Vec<_>>().join(" "));
        let directions = DIRECTIONS.iter().copied().map(str::to_owned).collect();
        self.define("enum", "order_by", &directions);
    }

    fn root(&mut self, name: &str, field: &RootField) -> Option<String> {
        if !is_name(name) {
            return None;
        }
        Some(match field {
            RootField::Table(action, table) => self.table_root(name, *action, table),
            RootField::Function(function) => {
                let arguments = self.function_arguments(&function.callable);
                let of = &function.table.type_name;
                let (more, result) = if function.callable.function.returns_set {
                    (list_arguments(&function.table), format!("[{of}!]!"))
                } else {
                    (String::new(), of.clone())
                };
                format!("{name}{}: {result}", parenthesised(&[arguments, more]))
            }
            RootField::FunctionAggregate(function) => {
                let arguments = self.function_arguments(&function.callable);
                let of = &function.table.type_name;
                format!(
                    "{name}{}: {of}_aggregate!",
                    parenthesised(&[arguments, list_arguments(&function.table)])
                )
            }
        })
    }

    fn table_root(&mut self, name: &str, action: TableAction, table: &RoleTable) -> String {
        let of = &table.type_name;
        match action {
            TableAction::Select => format!("{name}({}): [{of}!]!", list_arguments(table)),
            TableAction::Aggregate => format!("{name}({}): {of}_aggregate!", list_arguments(table)),
            TableAction::Stream => format!(
                "{name}(batch_size: Int! cursor: [{of}_stream_cursor_input]! where: {of}_bool_exp): [{of}!]!"
            ),
            TableAction::SelectByPk | TableAction::DeleteByPk => {
                format!("{name}({}): {of}", self.key_arguments(table))
            }
            TableAction::Delete => format!("{name}(where: {of}_bool_exp!): {of}_mutation_response"),
            TableAction::Insert => {
                let conflict = conflict_argument(table);
                format!("{name}(objects: [{of}_insert_input!]!{conflict}): {of}_mutation_response")
            }
            TableAction::InsertOne => {
                format!("{name}(object: {of}_insert_input!{}): {of}", conflict_argument(table))
            }
            TableAction::Update => {
                format!("{name}({} where: {of}_bool_exp!): {of}_mutation_response", update_arguments(table))
            }
            TableAction::UpdateMany => format!("{name}(updates: [{of}_updates!]!): [{of}_mutation_response]"),
            TableAction::UpdateByPk => {
                format!("{name}({} pk_columns: {of}_pk_columns_input!): {of}", update_arguments(table))
            }
        }
    }

    fn key_arguments(&mut self, table: &RoleTable) -> String {
        let columns = table.table.primary_key.iter().filter_map(|column| {
            let ty = self.column_type(table.table.columns.get(*column)?);
            Some(format!("{}: {ty}!", table.column_name(*column)))
        });
        columns.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn function_arguments(&mut self, callable: &Callable) -> String {
        let mut fields = BTreeSet::new();
        let mut needed = false;
        for (place, name) in callable.argument_names().enumerate() {
            let Some(argument) = callable.function.arguments.get(place) else { continue };
            if !callable.is_input(place) || !is_name(&name) {
                continue;
            }
            let ty = self.named(&argument.ty);
            needed |= !argument.has_default;
            fields.insert(format!("{name}: {ty}"));
        }
        if fields.is_empty() {
            return String::new();
        }
        let own_type = &callable.args_type;
        self.define("input", own_type, &fields);
        format!("args: {own_type}{}", if needed { "!" } else { "" })
    }

    /// Scalars that GraphQL does not have itself, and what can be asked of each type.
    fn scalars(&mut self) {
        self.compared(&PgType::int());
        self.compared(&PgType::bool());
        self.comparisons();
        for (name, ty) in std::mem::take(&mut self.types) {
            let built_in = matches!(name.as_str(), "Int" | "Float" | "String" | "Boolean" | "ID");
            if built_in || !is_name(&name) || !self.defined.insert(name.clone()) {
                continue;
            }
            if let TypeKind::Enum(found) = &ty.base().kind {
                self.enum_type(found);
            } else {
                let _ = writeln!(self.text, "scalar {name}");
            }
        }
    }

    fn comparisons(&mut self) {
        let mut done = BTreeSet::new();
        // What can be asked of one type may bring in another one.
        while let Some((name, ty)) = self.compared.pop_first() {
            if !done.insert(name.clone()) {
                continue;
            }
            let mut fields = BTreeSet::from(["_is_null: Boolean".to_owned()]);
            for operator in Operator::all(&ty) {
                let (operand, list) = operator.operand_type(&ty);
                self.named(&operand);
                fields.insert(format!("_{}: {}", operator.name, type_name(&operand, list)));
            }
            let casts = casts(&ty).into_iter();
            let casts: BTreeSet<String> =
                casts.map(|to| format!("{}: {}", to.graphql_name(), self.compared(&to))).collect();
            if !casts.is_empty() {
                let own_type = format!("{}_cast_exp", ty.graphql_name());
                self.define("input", &own_type, &casts);
                fields.insert(format!("_cast: {own_type}"));
            }
            self.define("input", &name, &fields);
        }
    }

    /// A type whose values are the rows of a table.
    fn enum_type(&mut self, ty: &EnumType) {
        let _ = writeln!(self.text, "enum {} {{", ty.name);
        for value in &ty.values {
            // JSON's strings are GraphQL's, too (section 2.9.4).
            let description = value.description.as_ref().and_then(|text| serde_json::to_string(text).ok());
            let _ = writeln!(self.text, "  {} {}", description.unwrap_or_default(), value.name);
        }
        let _ = writeln!(self.text, "}}");
    }
}

/// The arguments of a list of rows.
pub(super) fn list_arguments(table: &RoleTable) -> String {
    let of = &table.type_name;
    let order = if has_fields(table) { format!(" order_by: [{of}_order_by!]") } else { String::new() };
    let distinct =
        if table.has_columns() { format!("distinct_on: [{of}_select_column!] ") } else { String::new() };
    format!("{distinct}limit: Int offset: Int{order} where: {of}_bool_exp")
}

/// Whether anything of the table can be ordered by.
pub(super) fn has_fields(table: &RoleTable) -> bool {
    table.fields.values().any(|field| !matches!(field, crate::schema::Field::Array(_)))
}

fn conflict_argument(table: &RoleTable) -> String {
    if !table.table.unique_constraints.iter().any(|key| is_name(&key.name)) {
        return String::new();
    }
    format!(" on_conflict: {}_on_conflict", table.type_name)
}

fn update_arguments(table: &RoleTable) -> String {
    let operators = super::inputs::update_operators(table);
    operators
        .iter()
        .map(|(name, suffix, _)| format!("{name}: {}{suffix}", table.type_name))
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn parenthesised(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { String::new() } else { format!("({})", parts.join(" ")) }
}

/// Whether GraphQL's grammar has such a name; what has none cannot be asked for (section 2.1.9).
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with("__")
}
