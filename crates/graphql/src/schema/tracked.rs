//! Metadata joined with the catalog: each tracked table with its columns' names and its relationships found.
//! What the metadata names and the database does not have is left out, and said.

use std::collections::HashMap;
use std::sync::Arc;

use super::names::{TableNames, plain_name};
use super::{Callable, ComputedField, ComputedReturn, Refers, Relationship, SchemaOptions};
use super::{inheritance, unsupported};
use crate::catalog::{Catalog, ColumnIndex, QualifiedName, Table, TableId, Volatility};
use crate::metadata::{
    ComputedFieldMetadata, ExposedAs, ForeignKeyOn, FunctionMetadata, Metadata, RelationshipMetadata,
    TableConfiguration, TableMetadata, Using,
};

/// What is tracked, for all roles.
#[derive(Debug)]
pub struct Tracked {
    pub(super) tables: HashMap<TableId, TrackedTable>,
    pub(super) functions: Vec<TrackedFunction>,
    /// The roles from which each inherited role inherits directly; there is no circle among them.
    pub(super) inherited_roles: HashMap<String, Vec<String>>,
    inconsistencies: Vec<String>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) options: SchemaOptions,
}

/// A tracked table.
#[derive(Debug)]
pub struct TrackedTable {
    /// The table.
    pub table: Arc<Table>,
    pub(super) names: TableNames,
    pub(super) column_names: Vec<String>,
    pub(super) object_relationships: HashMap<String, Relationship>,
    pub(super) array_relationships: HashMap<String, Relationship>,
    pub(super) computed_fields: HashMap<String, Arc<ComputedField>>,
    pub(super) metadata: TableMetadata,
}

/// A tracked function.
#[derive(Debug)]
pub(super) struct TrackedFunction {
    pub(super) callable: Arc<Callable>,
    pub(super) table: TableId,
    pub(super) field_name: String,
    pub(super) exposed_as: ExposedAs,
    pub(super) roles: Vec<String>,
}

impl TrackedTable {
    /// The relationship with this name, to one row or to many.
    pub fn relationship(&self, name: &str) -> Option<&Relationship> {
        self.object_relationships.get(name).or_else(|| self.array_relationships.get(name))
    }
}

impl Tracked {
    /// Joins the metadata with the catalog.
    pub fn new(catalog: Arc<Catalog>, metadata: &Metadata, options: SchemaOptions) -> Self {
        let mut tracked = Self {
            tables: HashMap::new(),
            functions: Vec::new(),
            inherited_roles: HashMap::new(),
            inconsistencies: catalog.refused_enums.clone(),
            catalog,
            options,
        };
        tracked.inconsistencies.extend(unsupported::sentences(metadata));
        for table in &metadata.tables {
            tracked.add_table(table);
        }
        for table in &metadata.tables {
            tracked.add_relationships(table);
            tracked.add_computed_fields(table);
        }
        let (inherited_roles, refused) = inheritance::inherited_roles(&metadata.inherited_roles);
        tracked.inherited_roles = inherited_roles;
        tracked.inconsistencies.extend(refused);
        for function in &metadata.functions {
            match tracked.function(function) {
                Ok(found) => tracked.functions.push(found),
                Err(reason) => {
                    tracked.inconsistencies.push(format!("function {}: {reason}", function.function));
                }
            }
        }
        tracked
    }

    /// What the metadata says and the database contradicts, permissions included, a sentence each.
    pub fn all_inconsistencies(&self) -> Vec<String> {
        let mut all = self.inconsistencies.clone();
        all.extend(super::rules::inconsistencies(self));
        all
    }

    /// The tracked table with this place in the catalog.
    pub fn table(&self, id: TableId) -> Option<&TrackedTable> {
        self.tables.get(&id)
    }

    /// PostgreSQL's numbers of the tables whose changes can change an answer: those that are tracked, and those
    /// below tracked views.
    pub fn sources(&self) -> Vec<u32> {
        let mut sources: Vec<u32> =
            self.tables().flat_map(|table| table.table.sources.iter().copied()).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// All tracked tables.
    pub fn tables(&self) -> impl Iterator<Item = &TrackedTable> {
        self.tables.values()
    }

    fn add_table(&mut self, metadata: &TableMetadata) {
        let Some(table) = self.catalog.table_named(&metadata.table).cloned() else {
            self.inconsistencies.push(format!("table {}: there is no such table", metadata.table));
            return;
        };
        let names = TableNames::new(&table.name, &metadata.configuration);
        let column_names = table
            .columns
            .iter()
            .map(|column| column_name(&metadata.configuration, &column.name).to_owned())
            .collect();
        let tracked = TrackedTable {
            names,
            column_names,
            object_relationships: HashMap::new(),
            array_relationships: HashMap::new(),
            computed_fields: HashMap::new(),
            metadata: metadata.clone(),
            table,
        };
        self.tables.insert(tracked.table.id, tracked);
    }

    fn add_relationships(&mut self, metadata: &TableMetadata) {
        let Some(table) = self.catalog.table_named(&metadata.table).cloned() else { return };
        let both = [(&metadata.object_relationships, true), (&metadata.array_relationships, false)];
        for (relationships, to_one) in both {
            for relationship in relationships {
                let found = self.relationship(&table, relationship);
                let Some(tracked) = self.tables.get_mut(&table.id) else { continue };
                match found {
                    // A mapping written down says nothing of who refers; what is one must be there first.
                    Ok(found) if to_one => {
                        tracked.object_relationships.insert(relationship.name.clone(), found);
                    }
                    Ok(found) => {
                        let found = Relationship { refers: Refers::Other, ..found };
                        tracked.array_relationships.insert(relationship.name.clone(), found);
                    }
                    Err(reason) => self.inconsistencies.push(format!(
                        "relationship {} of table {}: {reason}",
                        relationship.name, table.name
                    )),
                }
            }
        }
    }

    fn add_computed_fields(&mut self, metadata: &TableMetadata) {
        let Some(table) = self.catalog.table_named(&metadata.table).cloned() else { return };
        for field in &metadata.computed_fields {
            let found = self.computed_field(&table, field);
            let Some(tracked) = self.tables.get_mut(&table.id) else { continue };
            match found {
                Ok(found) => {
                    tracked.computed_fields.insert(field.name.clone(), Arc::new(found));
                }
                Err(reason) => self
                    .inconsistencies
                    .push(format!("computed field {} of table {}: {reason}", field.name, table.name)),
            }
        }
    }

    fn computed_field(
        &self,
        table: &Table,
        metadata: &ComputedFieldMetadata,
    ) -> Result<ComputedField, String> {
        let tracked = self.tables.get(&table.id).ok_or("its table is not tracked")?;
        if tracked.column_names.contains(&metadata.name) || tracked.relationship(&metadata.name).is_some() {
            return Err("the table has a column or relationship of this name".to_owned());
        }
        let definition = &metadata.definition;
        let callable = Callable::find(
            self.catalog.functions_named(&definition.function),
            definition.session_argument.as_deref(),
            Some((table, definition.table_argument.as_deref())),
            format!("{}_{}_args", metadata.name, tracked.names.type_name),
        )?;
        let function = &callable.function;
        if function.volatility == Volatility::Volatile {
            return Err(format!("{} may write: it must be stable or immutable", function.name));
        }
        let returns = match function.returns_table.and_then(|oid| self.catalog.table_by_oid(oid)) {
            Some(returned) if function.returns_set && self.tables.contains_key(&returned.id) => {
                ComputedReturn::Rows(returned.id)
            }
            None if !function.returns_set && function.returns_table.is_none() => ComputedReturn::Scalar,
            _ => return Err("it must return a value, or a set of rows of a tracked table".to_owned()),
        };
        Ok(ComputedField { callable, returns })
    }

    fn relationship(&self, table: &Table, metadata: &RelationshipMetadata) -> Result<Relationship, String> {
        match &metadata.using {
            Using::ManualConfiguration(manual) => {
                let target = self.named(&manual.remote_table)?;
                let join = manual
                    .column_mapping
                    .iter()
                    .map(|(own, other)| Ok((column(table, own)?, column(target, other)?)))
                    .collect::<Result<_, String>>()?;
                Ok(Relationship { target: target.id, join, refers: Refers::This })
            }
            Using::ForeignKeyConstraintOn(on) => match on {
                ForeignKeyOn::OwnColumn(name) => self.own_key(table, std::slice::from_ref(name)),
                ForeignKeyOn::OwnColumns(names) => self.own_key(table, names),
                ForeignKeyOn::OtherColumn { table: other, column } => {
                    self.other_key(table, other, std::slice::from_ref(column))
                }
                ForeignKeyOn::OtherColumns { table: other, columns } => self.other_key(table, other, columns),
            },
        }
    }

    fn own_key(&self, table: &Table, names: &[String]) -> Result<Relationship, String> {
        let columns = columns(table, names)?;
        let key = table
            .foreign_keys
            .iter()
            .find(|key| same_columns(&key.columns, &columns))
            .ok_or("there is no such foreign key")?;
        let target = self.catalog.table_by_oid(key.target).ok_or("the table referred to is not visible")?;
        let join = key.columns.iter().copied().zip(key.target_columns.iter().copied()).collect();
        Ok(Relationship { target: target.id, join, refers: Refers::This })
    }

    fn other_key(
        &self,
        table: &Table,
        other: &QualifiedName,
        names: &[String],
    ) -> Result<Relationship, String> {
        let target = self.named(other)?;
        let columns = columns(target, names)?;
        let key = target
            .foreign_keys
            .iter()
            .find(|key| key.target == table.oid && same_columns(&key.columns, &columns))
            .ok_or("there is no such foreign key")?;
        let join = key.target_columns.iter().copied().zip(key.columns.iter().copied()).collect();
        Ok(Relationship { target: target.id, join, refers: Refers::Other })
    }

    fn named(&self, name: &QualifiedName) -> Result<&Arc<Table>, String> {
        self.catalog.table_named(name).ok_or_else(|| format!("there is no table {name}"))
    }

    fn function(&self, metadata: &FunctionMetadata) -> Result<TrackedFunction, String> {
        let field_name =
            metadata.configuration.custom_name.clone().unwrap_or_else(|| plain_name(&metadata.function));
        let callable = Callable::find(
            self.catalog.functions_named(&metadata.function),
            metadata.configuration.session_argument.as_deref(),
            None,
            format!("{field_name}_args"),
        )?;
        let function = &callable.function;
        let returns = function.returns_table.and_then(|oid| self.catalog.table_by_oid(oid));
        let returns = returns.ok_or("it does not return rows of a table")?;
        if !self.tables.contains_key(&returns.id) {
            return Err(format!("it returns rows of {}, which is not tracked", returns.name));
        }
        let by_volatility =
            if function.volatility == Volatility::Volatile { ExposedAs::Mutation } else { ExposedAs::Query };
        Ok(TrackedFunction {
            table: returns.id,
            field_name,
            exposed_as: metadata.configuration.exposed_as.unwrap_or(by_volatility),
            roles: metadata.permissions.iter().map(|permission| permission.role.clone()).collect(),
            callable: Arc::new(callable),
        })
    }
}

fn column_name<'a>(configuration: &'a TableConfiguration, name: &'a str) -> &'a str {
    let configured = configuration.column_config.get(name).and_then(|config| config.custom_name.as_deref());
    configured.or_else(|| configuration.custom_column_names.get(name).map(String::as_str)).unwrap_or(name)
}

fn column(table: &Table, name: &str) -> Result<ColumnIndex, String> {
    table.column_index(name).ok_or_else(|| format!("table {} has no column {name}", table.name))
}

fn columns(table: &Table, names: &[String]) -> Result<Vec<ColumnIndex>, String> {
    names.iter().map(|name| column(table, name)).collect()
}

fn same_columns(left: &[ColumnIndex], right: &[ColumnIndex]) -> bool {
    left.len() == right.len() && left.iter().all(|column| right.contains(column))
}
