//! Reads the catalog: one query, whose JSON answer is joined here by PostgreSQL's numbers.

use std::collections::HashMap;
use std::sync::Arc;

use db::pool::Pool;
use serde::Deserialize;

use super::enum_tables::{self, EnumTable, Enums};
use super::types::kind_of;
use super::{
    Catalog, Column, EnumType, ForeignKey, Function, FunctionArgument, PgType, QualifiedName, Table,
    TypeKind, UniqueConstraint, Volatility, Writable,
};
use crate::error::EngineError;

/// PostgreSQL sets no bound on how deep domains and arrays nest.
const MAX_TYPE_DEPTH: usize = 16;

#[derive(Deserialize)]
struct CatalogRow {
    tables: Vec<TableRow>,
    types: Vec<TypeRow>,
    functions: Vec<FunctionRow>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the row of a query")]
pub(super) struct TableRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    kind: String,
    logged: bool,
    identity_full: bool,
    identity: Vec<i16>,
    pub(super) columns: Vec<ColumnRow>,
    pub(super) keys: Vec<KeyRow>,
    sources: Vec<u32>,
    insertable: bool,
    updatable: bool,
    deletable: bool,
    comment: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ColumnRow {
    pub(super) number: i16,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: u32,
    not_null: bool,
    has_default: bool,
    generated: bool,
    comment: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct KeyRow {
    name: String,
    pub(super) kind: String,
    pub(super) columns: Vec<i16>,
    target: Option<u32>,
    target_columns: Option<Vec<i16>>,
}

#[derive(Deserialize)]
struct TypeRow {
    oid: u32,
    schema: String,
    name: String,
    kind: String,
    category: String,
    base: Option<u32>,
    element: Option<u32>,
}

#[derive(Deserialize)]
struct FunctionRow {
    schema: String,
    name: String,
    argument_types: Vec<u32>,
    argument_names: Option<Vec<String>>,
    argument_modes: Option<Vec<String>>,
    defaults: usize,
    returns: u32,
    returns_table: Option<u32>,
    returns_set: bool,
    volatility: String,
    comment: Option<String>,
}

/// Reads the database's catalog. A column that refers to one of `enum_tables` has the type that its rows make.
pub async fn load(pool: &Pool, enum_tables: &[EnumTable]) -> Result<Catalog, EngineError> {
    let rows = pool.query_text(include_str!("load_catalog.sql"), &[]).await?;
    let row = rows.first().ok_or(EngineError::CatalogAnswer("no row".to_owned()))?;
    let text: &str = row.try_get(0).map_err(|error| EngineError::CatalogAnswer(error.to_string()))?;
    let answer: CatalogRow =
        serde_json::from_str(text).map_err(|error| EngineError::CatalogAnswer(error.to_string()))?;
    let types = Types::new(answer.types);
    let mut refused_enums = Vec::new();
    let enums = enum_tables::read(pool, enum_tables, &answer.tables, &types, &mut refused_enums).await?;
    let mut catalog = assemble(answer.tables, answer.functions, &types, &enums);
    catalog.refused_enums = refused_enums;
    Ok(catalog)
}

/// What tells one state of the catalog from another.
pub async fn fingerprint(pool: &Pool) -> Result<String, EngineError> {
    let sql = concat!("select md5(c.document) from (", include_str!("load_catalog.sql"), ") as c(document)");
    let row = pool.query_one(sql, &[]).await?;
    row.try_get(0).map_err(|error| EngineError::CatalogAnswer(error.to_string()))
}

fn assemble(tables: Vec<TableRow>, functions: Vec<FunctionRow>, types: &Types, enums: &Enums) -> Catalog {
    // A relationship may lead to a table that comes later, so positions are known before any table is made.
    let positions: HashMap<u32, HashMap<i16, usize>> = tables
        .iter()
        .map(|table| {
            (table.oid, table.columns.iter().enumerate().map(|(at, column)| (column.number, at)).collect())
        })
        .collect();
    let mut catalog = Catalog::default();
    for row in tables {
        insert_table(&mut catalog, row, types, enums, &positions);
    }
    for row in functions {
        catalog.insert_function(function(row, types));
    }
    catalog
}

type Positions = HashMap<u32, HashMap<i16, usize>>;

fn resolve(positions: &Positions, table: u32, numbers: &[i16]) -> Option<Vec<usize>> {
    let known = positions.get(&table)?;
    numbers.iter().map(|number| known.get(number).copied()).collect()
}

/// The enum to whose values a column refers.
fn enum_of(row: &TableRow, column: i16, enums: &Enums) -> Option<Arc<EnumType>> {
    row.keys.iter().find_map(|key| {
        let (value, found) = enums.get(&key.target?)?;
        let refers = key.columns == [column] && key.target_columns.as_deref() == Some(&[*value]);
        refers.then(|| found.clone())
    })
}

fn insert_table(catalog: &mut Catalog, row: TableRow, types: &Types, enums: &Enums, positions: &Positions) {
    let column_types: Vec<Arc<PgType>> = row
        .columns
        .iter()
        .map(|column| {
            let ty = types.get(column.ty, 0);
            match enum_of(&row, column.number, enums) {
                None => ty,
                Some(found) => Arc::new(PgType {
                    schema: ty.schema.clone(),
                    name: ty.name.clone(),
                    kind: TypeKind::Enum(found),
                }),
            }
        })
        .collect();
    let mut primary_key = Vec::new();
    let mut unique_constraints = Vec::new();
    let mut foreign_keys = Vec::new();
    for key in row.keys {
        let Some(columns) = resolve(positions, row.oid, &key.columns) else { continue };
        if let (Some(target), Some(numbers)) = (key.target, &key.target_columns) {
            if let Some(target_columns) = resolve(positions, target, numbers) {
                foreign_keys.push(ForeignKey { columns, target, target_columns });
            }
            continue;
        }
        if key.kind == "p" {
            primary_key.clone_from(&columns);
        }
        unique_constraints.push(UniqueConstraint { name: key.name, columns });
    }
    let all = 0..row.columns.len();
    // Changes of an unlogged table never reach the log, so nothing can be told from them.
    let identity = match (row.identity_full, row.logged) {
        (_, false) => Vec::new(),
        (true, true) => all.collect(),
        (false, true) => resolve(positions, row.oid, &row.identity).unwrap_or_default(),
    };
    let sources = if matches!(row.kind.as_str(), "v" | "m") { row.sources } else { vec![row.oid] };
    let columns = row.columns.into_iter().zip(column_types).map(|(column, ty)| Column {
        name: column.name,
        ty,
        not_null: column.not_null,
        has_default: column.has_default,
        generated: column.generated,
        comment: column.comment,
    });
    let columns = columns.collect();
    catalog.insert_table(|id| Table {
        id,
        oid: row.oid,
        name: QualifiedName { schema: row.schema, name: row.name },
        columns,
        primary_key,
        unique_constraints,
        foreign_keys,
        identity,
        sources,
        writable: Writable { insert: row.insertable, update: row.updatable, delete: row.deletable },
        comment: row.comment,
    });
}

fn function(row: FunctionRow, types: &Types) -> Function {
    let arguments = input_arguments(&row, types);
    Function {
        name: QualifiedName { schema: row.schema, name: row.name },
        unfit: arguments.is_none(),
        arguments: arguments.unwrap_or_default(),
        returns: types.get(row.returns, 0),
        returns_table: row.returns_table,
        returns_set: row.returns_set,
        volatility: match row.volatility.as_str() {
            "i" => Volatility::Immutable,
            "s" => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        comment: row.comment,
    }
}

/// The arguments that a caller gives; `None` where some have no form in the API.
fn input_arguments(row: &FunctionRow, types: &Types) -> Option<Vec<FunctionArgument>> {
    let mut arguments = Vec::new();
    for (at, ty) in row.argument_types.iter().enumerate() {
        match row.argument_modes.as_ref().and_then(|modes| modes.get(at)).map(String::as_str) {
            None | Some("i") => {}
            Some("o" | "t") => continue,
            Some(_) => return None,
        }
        let name =
            row.argument_names.as_ref().and_then(|names| names.get(at)).filter(|name| !name.is_empty());
        arguments.push(FunctionArgument { name: name.cloned(), ty: types.get(*ty, 0), has_default: false });
    }
    let first_default = arguments.len().saturating_sub(row.defaults);
    for argument in arguments.iter_mut().skip(first_default) {
        argument.has_default = true;
    }
    Some(arguments)
}

pub(super) struct Types(HashMap<u32, TypeRow>);

impl Types {
    fn new(rows: Vec<TypeRow>) -> Self {
        Self(rows.into_iter().map(|row| (row.oid, row)).collect())
    }

    pub(super) fn get(&self, oid: u32, depth: usize) -> Arc<PgType> {
        let Some(row) = self.0.get(&oid).filter(|_| depth < MAX_TYPE_DEPTH) else {
            // A type that is hidden from us still has a text form.
            return Arc::new(PgType {
                schema: "pg_catalog".into(),
                name: "text".into(),
                kind: TypeKind::Text,
            });
        };
        let kind = match (row.element, row.base) {
            (Some(element), _) => TypeKind::Array(self.get(element, depth + 1)),
            (None, Some(base)) => TypeKind::Domain(self.get(base, depth + 1)),
            (None, None) if row.kind == "c" => TypeKind::Composite(format!("{}_scalar", row.name)),
            (None, None) => kind_of(&row.schema, &row.name, &row.category),
        };
        Arc::new(PgType { schema: row.schema.clone(), name: row.name.clone(), kind })
    }
}
