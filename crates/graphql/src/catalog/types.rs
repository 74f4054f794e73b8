//! PostgreSQL's types as the engine sees them: how a value goes in, how it comes out, and what GraphQL
//! calls it.

use std::sync::Arc;

/// A type of the database.
#[derive(Debug, PartialEq, Eq)]
pub struct PgType {
    /// Its schema.
    pub schema: String,
    /// Its name, as PostgreSQL keeps it (`int8`, `_text`).
    pub name: String,
    /// How its values behave.
    pub kind: TypeKind,
}

/// How the values of a type behave on their way in and out.
#[derive(Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// `int2`, `int4`: 16- and 32-bit integers.
    Int,
    /// `int8`.
    BigInt,
    /// A number of rows: an integer that is not negative.
    Count,
    /// `float4`, `float8`.
    Float,
    /// `numeric`: exact.
    Numeric,
    /// `bool`.
    Bool,
    /// Text of any kind.
    Text,
    /// `uuid`.
    Uuid,
    /// `json`, `jsonb`.
    Json,
    /// An array of the inner type.
    Array(Arc<PgType>),
    /// A domain: the inner type with a rule.
    Domain(Arc<PgType>),
    /// A row's type, with what the API calls it: not as the table, whose rows are objects there.
    Composite(String),
    /// A text that is one of the values in a table.
    Enum(Arc<EnumType>),
    /// Whatever PostgreSQL reads from text: dates, enums, ranges, networks.
    Other,
}

/// A type whose values are the rows of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
    /// What the API calls it.
    pub name: String,
    /// Its values, by name.
    pub values: Vec<EnumValue>,
}

/// A value of an enum.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumValue {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: Option<String>,
}

impl PgType {
    /// PostgreSQL's `text`.
    pub fn text() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "text".to_owned(), kind: TypeKind::Text })
    }

    /// A number of rows, as in `limit`.
    pub fn count() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "int8".to_owned(), kind: TypeKind::Count })
    }

    /// PostgreSQL's `bool`.
    pub fn bool() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "bool".to_owned(), kind: TypeKind::Bool })
    }

    /// PostgreSQL's `int4`.
    pub fn int() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "int4".to_owned(), kind: TypeKind::Int })
    }

    /// PostgreSQL's `int8`.
    pub fn bigint() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "int8".to_owned(), kind: TypeKind::BigInt })
    }

    /// PostgreSQL's `xid8`, a transaction's number.
    pub fn xid8() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "xid8".to_owned(), kind: TypeKind::Other })
    }

    /// PostgreSQL's `json`.
    pub fn json() -> Arc<Self> {
        Arc::new(Self { schema: "pg_catalog".to_owned(), name: "json".to_owned(), kind: TypeKind::Json })
    }

    /// The type below all domains.
    pub fn base(self: &Arc<Self>) -> &Arc<Self> {
        let mut ty = self;
        while let TypeKind::Domain(base) = &ty.kind {
            ty = base;
        }
        ty
    }

    /// What GraphQL calls the type: Hasura's names (`Int`, `String`, `bigint`, `timestamptz`).
    pub fn graphql_name(&self) -> &str {
        match &self.kind {
            TypeKind::Composite(name) => return name,
            TypeKind::Enum(found) => return &found.name,
            _ => {}
        }
        match (self.schema.as_str(), self.name.as_str()) {
            ("pg_catalog", "int4") => "Int",
            ("pg_catalog", "int2") => "smallint",
            ("pg_catalog", "int8") => "bigint",
            // Hasura's names: what GraphQL calls Float is `real`, and `double precision` has a name of its own.
            ("pg_catalog", "float4") => "Float",
            ("pg_catalog", "bool") => "Boolean",
            ("pg_catalog", "text" | "varchar") => "String",
            (_, name) => name,
        }
    }

    /// Whether PostgreSQL finds the greatest and the least of such values, as far as can be told.
    pub fn has_greatest(self: &Arc<Self>) -> bool {
        let base = self.base();
        let number =
            matches!(base.kind, TypeKind::Int | TypeKind::BigInt | TypeKind::Float | TypeKind::Numeric);
        let without = base.schema == "pg_catalog"
            && (WITHOUT_GREATEST.contains(&base.name.as_str()) || base.name.ends_with("range"));
        number || base.kind == TypeKind::Text || (base.kind == TypeKind::Other && !without)
    }

    /// Whether the text that PostgreSQL writes for a value of this type is JSON already.
    pub fn writes_json(&self) -> bool {
        match &self.kind {
            TypeKind::Int | TypeKind::BigInt | TypeKind::Json => true,
            TypeKind::Domain(base) => base.writes_json(),
            _ => false,
        }
    }
}

/// Types of which PostgreSQL has no `max`, beside ranges.
const WITHOUT_GREATEST: &[&str] = &[
    "bit", "varbit", "box", "bytea", "circle", "line", "lseg", "macaddr", "macaddr8", "path", "point",
    "polygon", "tsquery", "tsvector", "xml",
];

/// The kind of a type by PostgreSQL's own name for it and its category (`pg_type.typcategory`).
pub(super) fn kind_of(schema: &str, name: &str, category: &str) -> TypeKind {
    match (schema, name) {
        ("pg_catalog", "int2" | "int4") => TypeKind::Int,
        ("pg_catalog", "int8") => TypeKind::BigInt,
        ("pg_catalog", "float4" | "float8") => TypeKind::Float,
        ("pg_catalog", "numeric") => TypeKind::Numeric,
        ("pg_catalog", "bool") => TypeKind::Bool,
        ("pg_catalog", "uuid") => TypeKind::Uuid,
        ("pg_catalog", "json" | "jsonb") => TypeKind::Json,
        _ if category == "S" => TypeKind::Text,
        _ => TypeKind::Other,
    }
}
