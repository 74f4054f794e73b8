//! A value in PostgreSQL's binary format, written as the JSON that PostgreSQL's `to_json` makes of it.

use super::date;
use crate::catalog::{PgType, TypeKind};

/// How the bytes of a column become JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// They are JSON: text that PostgreSQL made, or a `json`.
    Json,
    /// A `jsonb`: a version, and its text.
    Jsonb,
    /// Text of any kind.
    Text,
    /// `int2`.
    Int2,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `bool`.
    Bool,
    /// `uuid`.
    Uuid,
    /// `date`.
    Date,
    /// `timestamp`.
    Timestamp,
    /// `timestamptz`, shown in UTC, which is the time zone of all our connections.
    TimestampTz,
}

impl Codec {
    /// The codec for a type; `None` where PostgreSQL has to make the JSON.
    pub fn of(ty: &PgType) -> Option<Self> {
        if let TypeKind::Domain(base) = &ty.kind {
            // The result of a statement shows a domain's values as those of its type.
            return Self::of(base);
        }
        if ty.schema != "pg_catalog" {
            return None;
        }
        Some(match ty.name.as_str() {
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "text" | "varchar" | "bpchar" => Self::Text,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "bool" => Self::Bool,
            "uuid" => Self::Uuid,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            _ => return None,
        })
    }

    /// Writes the JSON of a value that is not null. `None`: the bytes are not of this type.
    pub fn write(self, out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
        match self {
            Self::Json => out.extend_from_slice(bytes),
            Self::Jsonb => out.extend_from_slice(bytes.strip_prefix(&[1])?),
            Self::Text => write_string(out, bytes),
            Self::Int2 => write_number(out, i16::from_be_bytes(bytes.try_into().ok()?)),
            Self::Int4 => write_number(out, i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Int8 => write_number(out, i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Bool => out.extend_from_slice(if bytes == [0] { b"false" } else { b"true" }),
            Self::Uuid => {
                let mut text = uuid::Uuid::encode_buffer();
                let uuid = uuid::Uuid::from_slice(bytes).ok()?;
                out.push(b'"');
                out.extend_from_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
                out.push(b'"');
            }
            Self::Date => date::write_date(out, i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Timestamp => date::write_timestamp(out, i64::from_be_bytes(bytes.try_into().ok()?), ""),
            Self::TimestampTz => {
                date::write_timestamp(out, i64::from_be_bytes(bytes.try_into().ok()?), "+00:00");
            }
        }
        Some(())
    }
}

pub(super) fn write_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// As PostgreSQL's `escape_json` does: `"`, `\` and what is below the space; nothing else.
fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(other >> 4), digit(other & 15)]);
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
