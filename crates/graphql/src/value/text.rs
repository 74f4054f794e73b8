//! From a JSON value to the text that PostgreSQL reads for a type.
//!
//! Text format lets PostgreSQL itself parse and check every type; what is refused here is only what Hasura
//! refuses before it asks.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::catalog::{EnumType, PgType, TypeKind};

/// The largest number of rows that can be asked for.
const MAX_COUNT: u64 = i32::MAX as u64;

/// Why a value does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is of the wrong kind: what was expected, and what was found.
    Kind(String),
    /// It is of the right kind and out of bounds.
    Bounds(String),
}

/// The text of `value` as a `ty`; `None` is null.
pub fn of_json(value: &Json, ty: &Arc<PgType>) -> Result<Option<String>, Misfit> {
    let ty = ty.base();
    if value.is_null() && ty.kind != TypeKind::Json {
        return Ok(None);
    }
    Ok(Some(match (&ty.kind, value) {
        // A null for a json column is SQL's null, as everywhere else.
        (TypeKind::Json, Json::Null) => return Ok(None),
        (TypeKind::Json, value) => value.to_string(),
        (TypeKind::Array(element), Json::Array(items)) => {
            let items = items.iter().map(|item| of_json(item, element)).collect::<Result<Vec<_>, _>>()?;
            array(&items)
        }
        (TypeKind::Count, Json::Number(number))
            if number.as_u64().is_some_and(|count| count <= MAX_COUNT) =>
        {
            number.to_string()
        }
        (TypeKind::Count, other) => {
            let found = kind_name(other);
            return Err(Misfit::Kind(format!(
                "expected a non-negative 32-bit integer for type \"Int\", but found {found}"
            )));
        }
        (TypeKind::Int, Json::Number(number)) if ty.name == "int2" => {
            integer(number, i64::from(i16::MIN), i64::from(i16::MAX))?
        }
        (TypeKind::Int, Json::Number(number)) => integer(number, i64::from(i32::MIN), i64::from(i32::MAX))?,
        (TypeKind::BigInt, Json::Number(number)) => integer(number, i64::MIN, i64::MAX)?,
        (TypeKind::Float | TypeKind::Numeric | TypeKind::Other, Json::Number(number)) => number.to_string(),
        (TypeKind::Bool, Json::Bool(value)) => value.to_string(),
        (TypeKind::Other, Json::String(path)) if ty.name == "ltree" && !is_label_path(path) => {
            return Err(Misfit::Bounds(
                "Expecting label path: a sequence of zero or more labels separated by dots, for example L1.L2.L3".to_owned(),
            ));
        }
        (TypeKind::Enum(found), Json::String(name)) => enum_value(found, name)?,
        (_, Json::String(text)) => string(text)?,
        (_, other) => {
            return Err(Misfit::Kind(format!(
                "expected {} for type {:?}, but found {}",
                wanted(ty),
                ty.graphql_name(),
                kind_name(other)
            )));
        }
    }))
}

fn enum_value(ty: &EnumType, name: &str) -> Result<String, Misfit> {
    if ty.values.iter().any(|value| value.name == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = ty.values.iter().map(|value| value.name.as_str()).collect();
    Err(Misfit::Kind(format!("expected {} for type {:?}, but found {name:?}", one_of(&names), ty.name)))
}

/// A list of names as Hasura's messages have it: `one of the values a, b, or c`.
pub fn one_of(names: &[&str]) -> String {
    match names {
        [only] => format!("the value {only}"),
        [first, second] => format!("one of the values {first} or {second}"),
        [most @ .., last] => format!("one of the values {}, or {last}", most.join(", ")),
        [] => "no value".to_owned(),
    }
}

fn is_label_path(path: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
    };
    path.is_empty() || path.split('.').all(label)
}

/// Text as PostgreSQL can store it: it knows no NUL.
pub fn string(text: &str) -> Result<String, Misfit> {
    if text.contains('\0') {
        return Err(Misfit::Bounds("a text cannot contain the character U+0000".to_owned()));
    }
    Ok(text.to_owned())
}

/// An array literal (PostgreSQL, section 8.15.2). Every element is quoted, so that none can be taken for
/// anything else.
pub fn array(items: &[Option<String>]) -> String {
    let mut out = String::from("{");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match item {
            None => out.push_str("NULL"),
            Some(text) => {
                out.push('"');
                for character in text.chars() {
                    if matches!(character, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(character);
                }
                out.push('"');
            }
        }
    }
    out.push('}');
    out
}

fn integer(number: &serde_json::Number, min: i64, max: i64) -> Result<String, Misfit> {
    if let Some(value) = whole(number).filter(|value| (min..=max).contains(value)) {
        return Ok(value.to_string());
    }
    let shown = number.as_f64().map_or_else(|| number.to_string(), scientific);
    Err(Misfit::Bounds(format!(
        "The value {shown} lies outside the bounds or is not an integer.  Maybe it is a float, or is there integer overflow?"
    )))
}

/// JSON has one kind of number: `1.0` is the integer 1.
fn whole(number: &serde_json::Number) -> Option<i64> {
    /// Every integer up to here is a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() <= EXACT)?;
        format!("{value:.0}").parse().ok()
    })
}

/// A number as Hasura's messages show it: `1.5`, `40000.0`, `2.147483648e9`.
fn scientific(value: f64) -> String {
    if (0.1..10_000_000.0).contains(&value.abs()) {
        return if value.fract() == 0.0 { format!("{value:.1}") } else { value.to_string() };
    }
    let shown = format!("{value:e}");
    match shown.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => shown,
    }
}

fn wanted(ty: &PgType) -> &'static str {
    match ty.kind {
        TypeKind::Int => "a 32-bit integer",
        TypeKind::BigInt => "a 64-bit integer",
        TypeKind::Float | TypeKind::Numeric => "a float",
        TypeKind::Bool => "a boolean",
        TypeKind::Array(_) => "a list",
        TypeKind::Enum(_) => "an enum value",
        _ => "a string",
    }
}

/// What Hasura calls a kind of JSON value in its messages.
pub fn kind_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.is_f64() => "a float",
        Json::Number(_) => "an integer",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ty(name: &str, kind: TypeKind) -> Arc<PgType> {
        Arc::new(PgType { schema: "pg_catalog".into(), name: name.into(), kind })
    }

    #[test]
    fn numbers_keep_their_bounds() {
        let int = ty("int4", TypeKind::Int);
        assert_eq!(of_json(&json!(7), &int), Ok(Some("7".into())));
        assert_eq!(of_json(&json!("7"), &int), Ok(Some("7".into())));
        let Err(Misfit::Bounds(message)) = of_json(&json!(2_147_483_648_i64), &int) else { panic!() };
        assert!(message.starts_with("The value 2.147483648e9 lies outside"), "{message}");
        assert_eq!(of_json(&json!(7.0), &int), Ok(Some("7".into())));
        for (value, shown) in [(json!(1.5), "1.5"), (json!(-3e9), "-3.0e9"), (json!(1e300), "1.0e300")] {
            let Err(Misfit::Bounds(message)) = of_json(&value, &int) else { panic!() };
            assert!(message.starts_with(&format!("The value {shown} lies outside")), "{message}");
        }
        let Err(Misfit::Bounds(message)) = of_json(&json!(40_000), &ty("int2", TypeKind::Int)) else {
            panic!()
        };
        assert!(message.starts_with("The value 40000.0 lies outside"), "{message}");
        assert_eq!(of_json(&json!(i64::MAX), &ty("int8", TypeKind::BigInt)), Ok(Some(i64::MAX.to_string())));
    }

    #[test]
    fn json_is_stored_as_it_is() {
        let jsonb = ty("jsonb", TypeKind::Json);
        assert_eq!(of_json(&json!("a"), &jsonb), Ok(Some("\"a\"".into())));
        assert_eq!(of_json(&json!({"a": [1]}), &jsonb), Ok(Some("{\"a\":[1]}".into())));
        assert_eq!(of_json(&Json::Null, &jsonb), Ok(None));
    }

    #[test]
    fn arrays_quote_what_they_hold() {
        let text = ty("_text", TypeKind::Array(ty("text", TypeKind::Text)));
        assert_eq!(
            of_json(&json!(["a\"}", "b\\", null, "NULL"]), &text),
            Ok(Some(r#"{"a\"}","b\\",NULL,"NULL"}"#.into()))
        );
        assert_eq!(of_json(&json!("{a,b}"), &text), Ok(Some("{a,b}".into())));
    }

    #[test]
    fn a_wrong_kind_or_a_nul_is_refused() {
        let text = ty("text", TypeKind::Text);
        assert_eq!(
            of_json(&json!(3), &text),
            Err(Misfit::Kind("expected a string for type \"String\", but found an integer".into()))
        );
        assert!(of_json(&json!("a\0b"), &text).is_err());
    }
}
