//! A schema to throw documents at, made without a database: every kind of type, names that need quotes, keys of
//! several columns, a tree, a view, functions, and three roles.

use std::sync::Arc;

use base::session::Session;
use graphql::catalog::{
    Catalog, Column, ColumnIndex, ForeignKey, Function, FunctionArgument, PgType, QualifiedName, Table,
    TypeKind, UniqueConstraint, Volatility, Writable,
};
use graphql::metadata::MetadataFolder;
use graphql::schema::{RoleSchema, SchemaOptions, Tracked};

const METADATA: &str = include_str!("library.yaml");

/// The names that statements give their own columns.
const OWN_NAMES: &[&str] =
    &["is there", "distinct key 0", "distinct key 1", "distinct key 2", "request number", "request place"];

/// Every name of the catalog, and of the types that it uses.
const NAMES: &[&str] = &[
    "public",
    "odd schema",
    "author",
    "book",
    "loan",
    "node",
    "we\"ird",
    "public_book",
    "long_books",
    "lend",
    "id",
    "owner",
    "name",
    "born",
    "tags",
    "settings",
    "author_id",
    "title",
    "pages",
    "price",
    "is_public",
    "printed_at",
    "weight",
    "label",
    "book_id",
    "reader",
    "note",
    "parent_id",
    "path",
    "na\"me",
    "select",
    "time of day",
    "least_pages",
    "hasura_session",
    "author_pkey",
    "author_name_key",
    "book_pkey",
    "loan_pkey",
    "node_pkey",
    "we\"ird_pkey",
    "permission check",
    // Types.
    "pg_catalog",
    "int8",
    "int4",
    "text",
    "bool",
    "uuid",
    "jsonb",
    "json",
    "numeric",
    "float8",
    "timestamptz",
    "date",
    "timetz",
    "xid8",
    "ltree",
    "lquery",
    "ltxtquery",
    "short_text",
    "point",
];

/// The roles of the library, each with its schema and a caller.
pub(crate) struct Library {
    roles: Vec<(RoleSchema, Session)>,
}

impl Library {
    pub(crate) fn new() -> Self {
        let folder = MetadataFolder::from_files([("databases/databases.yaml", METADATA)]);
        let metadata = folder.metadata().expect("the library's metadata can be read");
        let tracked = Tracked::new(Arc::new(catalog()), &metadata, SchemaOptions::default());
        assert_eq!(tracked.all_inconsistencies(), Vec::<String>::new());
        let variables = [("x-hasura-user-id".to_owned(), "00000000-0000-0000-0000-000000000001".to_owned())];
        let sessions =
            [Session::admin(), Session::new("user", variables, false), Session::new("public", [], false)];
        let roles = sessions.map(|session| (RoleSchema::build(&tracked, session.role()), session));
        Self { roles: roles.into_iter().collect() }
    }

    /// One of the roles.
    pub(crate) fn role(&self, number: u8) -> (&RoleSchema, &Session) {
        let (schema, session) = &self.roles[usize::from(number) % self.roles.len()];
        (schema, session)
    }

    /// Whether a quoted identifier may stand in a statement over the library.
    pub(crate) fn has_name(name: &str) -> bool {
        NAMES.contains(&name) || OWN_NAMES.contains(&name)
    }
}

fn ty(schema: &str, name: &str, kind: TypeKind) -> Arc<PgType> {
    Arc::new(PgType { schema: schema.to_owned(), name: name.to_owned(), kind })
}

fn builtin(name: &str) -> Arc<PgType> {
    let kind = match name {
        "int4" => TypeKind::Int,
        "int8" => TypeKind::BigInt,
        "float8" => TypeKind::Float,
        "numeric" => TypeKind::Numeric,
        "bool" => TypeKind::Bool,
        "text" => TypeKind::Text,
        "uuid" => TypeKind::Uuid,
        "json" | "jsonb" => TypeKind::Json,
        "_text" => TypeKind::Array(builtin("text")),
        "short_text" => return ty("public", name, TypeKind::Domain(builtin("text"))),
        "ltree" => return ty("public", name, TypeKind::Other),
        _ => TypeKind::Other,
    };
    ty("pg_catalog", name, kind)
}

fn name(schema: &str, name: &str) -> QualifiedName {
    QualifiedName { schema: schema.to_owned(), name: name.to_owned() }
}

/// A table in the making: columns as `name type`, with `!` behind what is never null.
struct Sketch<'a> {
    oid: u32,
    name: QualifiedName,
    columns: &'a [(&'a str, &'a str)],
    key: &'a [ColumnIndex],
    refers: &'a [(&'a [ColumnIndex], u32, &'a [ColumnIndex])],
}

fn add(catalog: &mut Catalog, sketch: &Sketch<'_>) {
    let columns = sketch.columns.iter().map(|(name, ty)| Column {
        name: (*name).to_owned(),
        ty: builtin(ty.trim_end_matches('!')),
        not_null: ty.ends_with('!'),
        has_default: *name == "id",
        generated: false,
        comment: None,
    });
    let columns: Vec<Column> = columns.collect();
    let foreign_keys = sketch.refers.iter().map(|(columns, target, target_columns)| ForeignKey {
        columns: columns.to_vec(),
        target: *target,
        target_columns: target_columns.to_vec(),
    });
    let foreign_keys = foreign_keys.collect();
    let mut unique_constraints = Vec::new();
    if !sketch.key.is_empty() {
        let name = format!("{}_pkey", sketch.name.name);
        unique_constraints.push(UniqueConstraint { name, columns: sketch.key.to_vec() });
    }
    if sketch.name.name == "author" {
        unique_constraints.push(UniqueConstraint { name: "author_name_key".to_owned(), columns: vec![2] });
    }
    let all = !sketch.key.is_empty();
    catalog.insert_table(|id| Table {
        id,
        oid: sketch.oid,
        name: sketch.name.clone(),
        columns,
        primary_key: sketch.key.to_vec(),
        unique_constraints,
        foreign_keys,
        identity: sketch.key.to_vec(),
        sources: vec![sketch.oid],
        writable: Writable { insert: all, update: all, delete: all },
        comment: None,
    });
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    add_tables(&mut catalog);
    let argument = |name: &str, of: &str, has_default| FunctionArgument {
        name: Some(name.to_owned()),
        ty: builtin(of),
        has_default,
    };
    for (function, argument, returns, volatile) in [
        ("long_books", argument("least_pages", "int4", true), 2, false),
        ("lend", argument("hasura_session", "json", false), 3, true),
    ] {
        catalog.insert_function(Function {
            name: name("public", function),
            arguments: vec![argument],
            returns: builtin("record"),
            returns_table: Some(returns),
            returns_set: !volatile,
            unfit: false,
            volatility: if volatile { Volatility::Volatile } else { Volatility::Stable },
            comment: None,
        });
    }
    catalog
}

fn add_tables(catalog: &mut Catalog) {
    let author = [
        ("id", "int8!"),
        ("owner", "uuid"),
        ("name", "text!"),
        ("born", "date"),
        ("tags", "_text!"),
        ("settings", "jsonb"),
    ];
    let book = [
        ("id", "int8!"),
        ("author_id", "int8"),
        ("title", "text!"),
        ("pages", "int4!"),
        ("price", "numeric"),
        ("is_public", "bool!"),
        ("printed_at", "timestamptz"),
        ("weight", "float8"),
        ("label", "short_text"),
    ];
    let loan = [("book_id", "int8!"), ("reader", "uuid!"), ("note", "text")];
    let node = [("id", "int4!"), ("parent_id", "int4"), ("path", "ltree"), ("settings", "json")];
    let odd = [("na\"me", "text!"), ("select", "int4"), ("time of day", "timetz"), ("label", "point")];
    let view = [("id", "int8"), ("title", "text"), ("author_id", "int8")];
    let sketches = [
        Sketch { oid: 1, name: name("public", "author"), columns: &author, key: &[0], refers: &[] },
        Sketch {
            oid: 2,
            name: name("public", "book"),
            columns: &book,
            key: &[0],
            refers: &[(&[1], 1, &[0])],
        },
        Sketch {
            oid: 3,
            name: name("public", "loan"),
            columns: &loan,
            key: &[0, 1],
            refers: &[(&[0], 2, &[0])],
        },
        Sketch {
            oid: 4,
            name: name("public", "node"),
            columns: &node,
            key: &[0],
            refers: &[(&[1], 4, &[0])],
        },
        Sketch { oid: 5, name: name("odd schema", "we\"ird"), columns: &odd, key: &[0], refers: &[] },
        Sketch { oid: 6, name: name("public", "public_book"), columns: &view, key: &[], refers: &[] },
    ];
    for sketch in &sketches {
        add(catalog, sketch);
    }
}
