//! Tables whose rows are the values of a type: which of those named are fit for it, and what they hold.
//!
//! The values are read when the catalog is loaded and are fixed from then on, as all of the API is.

use std::collections::HashMap;
use std::sync::Arc;

use db::pool::Pool;
use db::sql::SqlWriter;

use super::QualifiedName;
use super::load::{TableRow, Types};
use super::types::{EnumType, EnumValue, TypeKind};
use crate::error::EngineError;

/// The most values of an enum; a table with more rows is none.
const MAX_VALUES: usize = 1_000;

/// A table whose rows are the values of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumTable {
    /// The table: one text column is its primary key; a second one, if there is any, describes the values.
    pub table: QualifiedName,
    /// What the API calls the type.
    pub type_name: String,
}

/// The enums by the number of their table, and the number of the column that holds the values.
pub(super) type Enums = HashMap<u32, (i16, Arc<EnumType>)>;

/// Reads the values of the tables in `wanted`. Why one is no enum is added to `refused`, a sentence each.
pub(super) async fn read(
    pool: &Pool,
    wanted: &[EnumTable],
    tables: &[TableRow],
    types: &Types,
    refused: &mut Vec<String>,
) -> Result<Enums, EngineError> {
    let mut enums = Enums::new();
    for wanted in wanted {
        // A table that is not there is told of elsewhere.
        let Some(row) =
            tables.iter().find(|row| row.schema == wanted.table.schema && row.name == wanted.table.name)
        else {
            continue;
        };
        let read = async {
            let (value, description) = columns(row, types)?;
            let values = values(pool, row, value, description).await?;
            let value = row.columns.get(value).map(|column| column.number);
            let value = value.ok_or_else(|| Refused::Table("it has no such column".to_owned()))?;
            Ok::<_, Refused>((value, EnumType { name: wanted.type_name.clone(), values }))
        };
        match read.await {
            Ok((column, found)) => {
                enums.insert(row.oid, (column, Arc::new(found)));
            }
            Err(Refused::Table(reason)) => {
                refused.push(format!("table {} cannot be an enum: {reason}", wanted.table));
            }
            Err(Refused::Database(error)) => return Err(error),
        }
    }
    Ok(enums)
}

/// Why a table's values are not there.
enum Refused {
    Table(String),
    Database(EngineError),
}

/// The places of the column with the values, and of the one that describes them.
fn columns(row: &TableRow, types: &Types) -> Result<(usize, Option<usize>), Refused> {
    let refused = |reason: &str| Err(Refused::Table(reason.to_owned()));
    let key = row.keys.iter().find(|key| key.kind == "p").map(|key| key.columns.as_slice());
    let Some([key]) = key else { return refused("it must have a primary key of one column") };
    let mut value = None;
    let mut description = None;
    for (at, column) in row.columns.iter().enumerate() {
        if types.get(column.ty, 0).base().kind != TypeKind::Text {
            return refused("its columns must be texts");
        }
        if column.number == *key {
            value = Some(at);
        } else if description.replace(at).is_some() {
            return refused("it may have one column beside its primary key");
        }
    }
    value.map_or_else(|| refused("its primary key is not visible"), |value| Ok((value, description)))
}

async fn values(
    pool: &Pool,
    row: &TableRow,
    value: usize,
    description: Option<usize>,
) -> Result<Vec<EnumValue>, Refused> {
    let mut sql = SqlWriter::<()>::new();
    sql.literal("select ");
    for column in [Some(value), description] {
        match column.and_then(|column| row.columns.get(column)) {
            Some(column) => sql.identifier(&column.name).literal("::text, "),
            None => sql.literal("null::text, "),
        };
    }
    sql.literal("null::text from ").qualified(&row.schema, &row.name);
    sql.literal(" order by 1 limit ").number(MAX_VALUES + 1);
    let rows = pool.query_text(&sql.finish().0, &[]).await;
    let rows = rows.map_err(|error| Refused::Database(error.into()))?;
    if rows.is_empty() || rows.len() > MAX_VALUES {
        return Err(Refused::Table(format!("it must have 1 to {MAX_VALUES} rows")));
    }
    let mut values = Vec::with_capacity(rows.len());
    for row in &rows {
        let text = |at: usize| {
            row.try_get::<_, Option<String>>(at)
                .map_err(|error| Refused::Database(EngineError::CatalogAnswer(error.to_string())))
        };
        let name = text(0)?.unwrap_or_default();
        if !is_value(&name) {
            return Err(Refused::Table(format!("{name:?} is no name of GraphQL's")));
        }
        values.push(EnumValue { name, description: text(1)?.filter(|text| !text.is_empty()) });
    }
    values.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(values)
}

/// Whether GraphQL's grammar has such an enum value (section 2.9.6).
fn is_value(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!(text, "true" | "false" | "null")
        && !text.starts_with("__")
}
