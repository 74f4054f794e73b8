//! The JSON of rows, written here. PostgreSQL returns the columns as they are, in its binary format, which costs it
//! about half of what making JSON does; the bytes go into the answer as they come.
//!
//! Invariant: what is written equals, byte for byte, what [`crate::sql`] lets PostgreSQL write for the same plan. Types
//! for which that is not proven by a test come as JSON text from PostgreSQL ([`Codec::Json`]).

mod codec;
mod date;

use std::sync::atomic::{AtomicUsize, Ordering};

use base::project::GraphqlError;
use db::WireValue;
use db::tokio_postgres::Row;

use crate::plan::Rows;

pub use codec::Codec;

/// So much memory is taken for an answer before its length is known.
const MAX_EXPECTED: usize = 256 * 1024;

/// How the rows of a statement become the answer's `data`.
#[derive(Debug)]
pub struct RowsAnswer {
    /// What stands before the rows' own root field, and its key.
    pub before: String,
    /// Whether the root field is a list or one row.
    pub rows: Rows,
    /// The object of a row.
    pub row: Object,
    /// What stands behind the root field.
    pub after: String,
    /// How long the last answer was: the next one of the plan is about as long.
    pub last_length: AtomicUsize,
}

/// A JSON object of which the keys are known.
#[derive(Debug, Default)]
pub struct Object {
    /// Its parts, one after another.
    pub parts: Vec<Part>,
}

/// A part of an object's text.
#[derive(Debug)]
pub enum Part {
    /// What is the same in every row: braces, keys, names of types.
    Text(String),
    /// The value of a column of the statement's result, by its place.
    Column(usize, Codec),
    /// An object, or null where the column at this place is null.
    Optional(usize, Object),
}

/// A row is not as the statement's plan has it.
#[derive(Debug, thiserror::Error)]
pub enum ReadRow {
    /// A column is not there.
    #[error("column {0} cannot be read")]
    Column(usize, #[source] db::tokio_postgres::Error),
    /// The bytes of a column are not of its type.
    #[error("column {0} is no {1:?}")]
    Value(usize, Codec),
}

impl RowsAnswer {
    /// The answer's `data`.
    pub fn write(&self, rows: &[Row]) -> Result<Vec<u8>, GraphqlError> {
        let expected = self.last_length.load(Ordering::Relaxed);
        let mut out = Vec::with_capacity(expected + expected / 8);
        self.write_all(&mut out, rows).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a row cannot be read");
            GraphqlError::new("unexpected", "$", "internal error")
        })?;
        self.last_length.store(out.len().min(MAX_EXPECTED), Ordering::Relaxed);
        Ok(out)
    }

    fn write_all(&self, out: &mut Vec<u8>, rows: &[Row]) -> Result<(), ReadRow> {
        out.extend_from_slice(self.before.as_bytes());
        match (self.rows, rows) {
            (Rows::One, []) => out.extend_from_slice(b"null"),
            (Rows::One, [row, ..]) => self.row.write(out, row)?,
            (Rows::Many, rows) => {
                out.push(b'[');
                for (index, row) in rows.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.row.write(out, row)?;
                }
                out.push(b']');
            }
        }
        out.extend_from_slice(self.after.as_bytes());
        Ok(())
    }
}

impl Object {
    /// Adds text that is the same in every row.
    pub fn text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    fn write(&self, out: &mut Vec<u8>, row: &Row) -> Result<(), ReadRow> {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Column(place, codec) => match bytes_of(row, *place)? {
                    Some(bytes) => codec.write(out, bytes).ok_or(ReadRow::Value(*place, *codec))?,
                    None => out.extend_from_slice(b"null"),
                },
                Part::Optional(place, object) => match bytes_of(row, *place)? {
                    Some(_) => object.write(out, row)?,
                    None => out.extend_from_slice(b"null"),
                },
            }
        }
        Ok(())
    }
}

fn bytes_of(row: &Row, place: usize) -> Result<Option<&[u8]>, ReadRow> {
    let value = row.try_get::<_, Option<WireValue<'_>>>(place);
    value.map(|value| value.map(|value| value.0)).map_err(|error| ReadRow::Column(place, error))
}
