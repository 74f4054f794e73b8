//! Documents over the library: most of them are good ones with odd words in odd places, some are broken.

use serde_json::{Map, Value, json};

use crate::tape::Tape;

/// A table as the library's user sees it: its columns with their types, and where its relationships lead.
struct Shape {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [(&'static str, &'static str)],
    one: &'static [(&'static str, usize)],
    many: &'static [(&'static str, usize)],
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "author",
        key: &["id"],
        columns: &[
            ("id", "bigint"),
            ("name", "String"),
            ("birthday", "date"),
            ("tags", "[String!]"),
            ("settings", "jsonb"),
        ],
        one: &[],
        many: &[("books", 1)],
    },
    Shape {
        name: "book",
        key: &["id"],
        columns: &[
            ("id", "bigint"),
            ("title", "String"),
            ("pages", "Int"),
            ("author_id", "bigint"),
            ("price", "numeric"),
            ("label", "short_text"),
        ],
        one: &[("author", 0)],
        many: &[("loans", 2)],
    },
    Shape {
        name: "loan",
        key: &["book_id", "reader"],
        columns: &[("book_id", "bigint"), ("reader", "uuid"), ("note", "String")],
        one: &[("book", 1)],
        many: &[],
    },
    Shape {
        name: "node",
        key: &["id"],
        columns: &[("id", "Int"), ("parent_id", "Int"), ("path", "ltree"), ("settings", "json")],
        one: &[("parent", 3)],
        many: &[("children", 3)],
    },
    Shape {
        name: "odd",
        key: &["name"],
        columns: &[("name", "String"), ("select", "Int"), ("time_of_day", "timetz"), ("label", "point")],
        one: &[],
        many: &[],
    },
    Shape {
        name: "public_book",
        key: &[],
        columns: &[("id", "bigint"), ("title", "String"), ("author_id", "bigint")],
        one: &[("author", 0)],
        many: &[],
    },
];

/// Texts that would be somebody's way in.
const TEXTS: &[&str] = &[
    "",
    "a",
    "'",
    "\\\"",
    "'; drop table author; --",
    "$1",
    "x-hasura-user-id",
    "\\\\",
    "null",
    "%_",
    "{a,b}",
    "{\\\"a\\\": [1]}",
    "2024-01-01",
    "00000000-0000-0000-0000-000000000001",
    "\\u0000",
    "\\u2028é🦀",
    "/*",
    "E'\\\\'",
    "$$",
    "1e400",
    "t0",
    "\\n",
];

const WORDS: &[&str] =
    &["a", "t0", "select", "written", "_", "x1", "__a", "excluded", "count", "A", "permission"];

/// A document with its variables.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) variables: Map<String, Value>,
}

/// The document that a tape describes.
pub(crate) fn case(tape: &mut Tape<'_>) -> Case {
    let mut writer = Writer { tape, declared: Vec::new(), variables: Map::new(), fragments: 0 };
    let operation = *writer.tape.pick(&["query", "mutation", "subscription"]);
    let shape = &SHAPES[writer.tape.below(SHAPES.len())];
    let roots = if operation == "subscription" { 1 } else { 1 + writer.tape.below(3) };
    let fields: Vec<String> = (0..roots)
        .map(
            |_| if operation == "mutation" { writer.mutation(shape) } else { writer.query(operation, shape) },
        )
        .collect();
    let declared =
        if writer.declared.is_empty() { String::new() } else { format!("({})", writer.declared.join(", ")) };
    let text = format!(
        "{operation}{declared} {{ {} }} fragment f0 on author {{ name }} fragment f1 on book {{ title id }}",
        fields.join(" ")
    );
    Case { text, variables: writer.variables }
}

struct Writer<'a, 't> {
    tape: &'a mut Tape<'t>,
    declared: Vec<String>,
    variables: Map<String, Value>,
    fragments: usize,
}

impl Writer<'_, '_> {
    fn alias(&mut self) -> String {
        if self.tape.chance(30) { format!("{}: ", self.tape.pick(WORDS)) } else { String::new() }
    }

    fn query(&mut self, operation: &str, shape: &'static Shape) -> String {
        let alias = self.alias();
        let name = shape.name;
        match self.tape.below(7) {
            0 | 1 => format!("{alias}{name}{} {}", self.list_arguments(shape, 3), self.selection(shape, 3)),
            2 => {
                format!("{alias}{name}_aggregate{} {}", self.list_arguments(shape, 2), self.aggregate(shape))
            }
            3 => {
                let key: Vec<String> = shape.key.iter().map(|key| self.argument(shape, key)).collect();
                format!("{alias}{name}_by_pk({}) {}", key.join(" "), self.selection(shape, 2))
            }
            4 if operation == "subscription" => {
                let (column, ty) = *self.tape.pick(shape.columns);
                let value = self.value(ty);
                let ordering = self.tape.pick(&["", "ordering: ASC", "ordering: DESC", "ordering: asc"]);
                let size = self.value("Int!");
                format!(
                    "{alias}{name}_stream(batch_size: {size}, cursor: {{initial_value: {{{column}: {value}}} {ordering}}}) {}",
                    self.selection(shape, 2)
                )
            }
            4 => format!(
                "{alias}long_books(args: {{least_pages: {}}}) {}",
                self.value("Int"),
                self.selection(&SHAPES[1], 2)
            ),
            5 => format!("{alias}__type(name: {}) {{ name fields {{ name }} }}", self.text()),
            _ => format!("{alias}__typename"),
        }
    }

    fn mutation(&mut self, shape: &'static Shape) -> String {
        let alias = self.alias();
        let name = shape.name;
        let answer = format!("{{ affected_rows returning {} }}", self.selection(shape, 2));
        match self.tape.below(7) {
            0 => {
                let objects: Vec<String> = (0..self.tape.below(4)).map(|_| self.object(shape, 2)).collect();
                let conflict = self.conflict(shape);
                format!("{alias}insert_{name}(objects: [{}] {conflict}) {answer}", objects.join(", "))
            }
            1 => {
                let (object, conflict) = (self.object(shape, 2), self.conflict(shape));
                format!("{alias}insert_{name}_one(object: {object} {conflict}) {}", self.selection(shape, 2))
            }
            2 => {
                let (condition, set) = (self.condition(shape, 2), self.operators(shape));
                format!("{alias}update_{name}(where: {condition} {set}) {answer}")
            }
            3 => {
                let (condition, set) = (self.condition(shape, 2), self.operators(shape));
                format!("{alias}update_{name}_many(updates: [{{where: {condition} {set}}}]) {answer}")
            }
            4 => {
                let key: Vec<String> = shape.key.iter().map(|key| self.argument(shape, key)).collect();
                let set = self.operators(shape);
                format!(
                    "{alias}update_{name}_by_pk(pk_columns: {{{}}} {set}) {}",
                    key.join(" "),
                    self.selection(shape, 1)
                )
            }
            5 => format!("{alias}delete_{name}(where: {}) {answer}", self.condition(shape, 2)),
            _ => format!("{alias}lend {}", self.selection(&SHAPES[2], 2)),
        }
    }

    fn argument(&mut self, shape: &Shape, column: &str) -> String {
        let ty = shape.columns.iter().find(|(name, _)| *name == column).map_or("String", |(_, ty)| ty);
        format!("{column}: {}", self.value(&format!("{ty}!")))
    }

    fn object(&mut self, shape: &'static Shape, depth: usize) -> String {
        let mut entries = Vec::new();
        for (column, ty) in shape.columns {
            if self.tape.chance(60) {
                entries.push(format!("{column}: {}", self.value(ty)));
            }
        }
        if depth > 0 {
            for (name, to) in shape.one {
                if self.tape.chance(30) {
                    entries.push(format!("{name}: {{data: {}}}", self.object(&SHAPES[*to], depth - 1)));
                }
            }
            for (name, to) in shape.many {
                if self.tape.chance(30) {
                    entries.push(format!("{name}: {{data: [{}]}}", self.object(&SHAPES[*to], depth - 1)));
                }
            }
        }
        format!("{{{}}}", entries.join(", "))
    }

    fn conflict(&mut self, shape: &'static Shape) -> String {
        if !self.tape.chance(40) {
            return String::new();
        }
        let columns: Vec<&str> =
            self.tape.some(shape.columns, 50).into_iter().map(|(name, _)| *name).collect();
        let condition =
            if self.tape.chance(40) { format!("where: {}", self.condition(shape, 1)) } else { String::new() };
        format!(
            "on_conflict: {{constraint: {}_pkey, update_columns: [{}] {condition}}}",
            shape.name,
            columns.join(" ")
        )
    }

    fn operators(&mut self, shape: &Shape) -> String {
        let operator = *self.tape.pick(&[
            "_set",
            "_set",
            "_inc",
            "_append",
            "_prepend",
            "_delete_key",
            "_delete_elem",
            "_delete_at_path",
        ]);
        let (column, ty) = *self.tape.pick(shape.columns);
        let value = match operator {
            "_delete_key" => self.value("String"),
            "_delete_elem" => self.value("Int"),
            "_delete_at_path" => format!("[{}]", self.value("String")),
            _ => self.value(ty),
        };
        format!("{operator}: {{{column}: {value}}}")
    }

    fn list_arguments(&mut self, shape: &'static Shape, depth: usize) -> String {
        let mut arguments = Vec::new();
        if self.tape.chance(60) {
            arguments.push(format!("where: {}", self.condition(shape, depth)));
        }
        if self.tape.chance(40) {
            arguments.push(format!("order_by: {}", self.order(shape, depth)));
        }
        if self.tape.chance(20) {
            arguments.push(format!("distinct_on: {}", self.tape.pick(shape.columns).0));
        }
        for name in ["limit", "offset"] {
            if self.tape.chance(30) {
                arguments.push(format!("{name}: {}", self.value("Int")));
            }
        }
        if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
    }

    fn order(&mut self, shape: &'static Shape, depth: usize) -> String {
        let direction = *self.tape.pick(&["asc", "desc", "asc_nulls_first", "desc_nulls_last", "null", "up"]);
        match self.tape.below(4) {
            1 if depth > 0 && !shape.one.is_empty() => {
                let (name, to) = self.tape.pick(shape.one);
                format!("{{{name}: {}}}", self.order(&SHAPES[*to], depth - 1))
            }
            2 if depth > 0 && !shape.many.is_empty() => {
                let (name, to) = self.tape.pick(shape.many);
                let column = self.tape.pick(SHAPES[*to].columns).0;
                format!("{{{name}_aggregate: {{count: {direction}, max: {{{column}: {direction}}}}}}}")
            }
            _ => format!("[{{{}: {direction}}}]", self.tape.pick(shape.columns).0),
        }
    }

    fn condition(&mut self, shape: &'static Shape, depth: usize) -> String {
        let mut entries = Vec::new();
        for _ in 0..=self.tape.below(3) {
            entries.push(match self.tape.below(if depth > 0 { 8 } else { 3 }) {
                3 => format!("_not: {}", self.condition(shape, depth - 1)),
                4 => format!(
                    "_or: [{}, {}]",
                    self.condition(shape, depth - 1),
                    self.condition(shape, depth - 1)
                ),
                5 => format!("_and: [{}]", self.condition(shape, depth - 1)),
                6 if !shape.one.is_empty() => {
                    let (name, to) = self.tape.pick(shape.one);
                    format!("{name}: {}", self.condition(&SHAPES[*to], depth - 1))
                }
                7 if !shape.many.is_empty() => {
                    let (name, to) = self.tape.pick(shape.many);
                    if self.tape.chance(40) {
                        format!("{name}_aggregate: {{count: {{predicate: {{_gt: {}}}}}}}", self.value("Int"))
                    } else {
                        format!("{name}: {}", self.condition(&SHAPES[*to], depth - 1))
                    }
                }
                _ => self.comparison(shape),
            });
        }
        format!("{{{}}}", entries.join(", "))
    }

    fn comparison(&mut self, shape: &Shape) -> String {
        let (column, ty) = *self.tape.pick(shape.columns);
        let operators = [
            "_eq",
            "_neq",
            "_gt",
            "_gte",
            "_lt",
            "_lte",
            "_in",
            "_nin",
            "_is_null",
            "_like",
            "_nilike",
            "_similar",
            "_regex",
            "_contains",
            "_contained_in",
            "_has_key",
            "_has_keys_any",
            "_ancestor",
            "_matches_any",
        ];
        let operator = *self.tape.pick(&operators);
        let value = match operator {
            "_in" | "_nin" | "_has_keys_any" | "_matches_any" => {
                let items: Vec<String> =
                    (0..self.tape.below(4)).map(|_| self.value(&format!("{ty}!"))).collect();
                format!("[{}]", items.join(", "))
            }
            "_is_null" => self.value("Boolean"),
            "_like" | "_nilike" | "_similar" | "_regex" | "_has_key" => self.value("String"),
            _ => self.value(ty),
        };
        format!("{column}: {{{operator}: {value}}}")
    }

    fn aggregate(&mut self, shape: &'static Shape) -> String {
        let column = self.tape.pick(shape.columns).0;
        let function = *self.tape.pick(&["max", "min", "sum", "avg", "stddev", "var_pop"]);
        let (one, two) = (self.alias(), self.alias());
        format!(
            "{{ aggregate {{ {one}count(columns: [{column}], distinct: true) {function} {{ {two}{column} }} }} nodes {} }}",
            self.selection(shape, 1)
        )
    }

    fn selection(&mut self, shape: &'static Shape, depth: usize) -> String {
        let mut fields = vec![format!("{}{}", self.alias(), self.tape.pick(shape.columns).0)];
        for (column, ty) in self.tape.some(shape.columns, 30) {
            let path = if ty.starts_with("json") && self.tape.chance(50) {
                format!("(path: {})", self.text())
            } else {
                String::new()
            };
            fields.push(format!("{}{column}{path}", self.alias()));
        }
        if depth > 0 {
            for (name, to) in self.tape.some(shape.one, 40) {
                fields.push(format!("{}{name} {}", self.alias(), self.selection(&SHAPES[*to], depth - 1)));
            }
            for (name, to) in self.tape.some(shape.many, 40) {
                let arguments = self.list_arguments(&SHAPES[*to], depth - 1);
                fields.push(format!(
                    "{}{name}{arguments} {}",
                    self.alias(),
                    self.selection(&SHAPES[*to], depth - 1)
                ));
            }
        }
        if self.tape.chance(10) && self.fragments < 8 {
            self.fragments += 1;
            fields.push(format!("...f{}", self.tape.below(2)));
        }
        if self.tape.chance(10) {
            fields.push(format!(
                "... on {} @include(if: {}) {{ __typename }}",
                shape.name,
                self.value("Boolean!")
            ));
        }
        format!("{{ {} }}", fields.join(" "))
    }

    fn text(&mut self) -> String {
        format!("\"{}\"", self.tape.pick(TEXTS))
    }

    /// A value of a type, more or less; sometimes in a variable.
    fn value(&mut self, ty: &str) -> String {
        if self.tape.chance(25) {
            let name = format!("v{}", self.declared.len());
            self.declared.push(format!("${name}: {ty}"));
            let value = self.json(ty.trim_end_matches('!'));
            self.variables.insert(name.clone(), value);
            return format!("${name}");
        }
        match (ty.trim_end_matches('!'), self.tape.below(10)) {
            (_, 9) => (*self.tape.pick(&[
                "null",
                "true",
                "-1",
                "1.5e3",
                "asc",
                "[1]",
                "{a: 1}",
                "99999999999999999999",
            ]))
            .to_owned(),
            ("Int" | "bigint" | "numeric", _) => self.tape.byte().to_string(),
            ("Boolean", _) => "true".to_owned(),
            ("jsonb" | "json", 1..=4) => format!("{{a: [1, {}]}}", self.text()),
            ("[String!]", 1..=4) => format!("[{}]", self.text()),
            _ => self.text(),
        }
    }

    fn json(&mut self, ty: &str) -> Value {
        let text = self.tape.pick(TEXTS).replace('\\', "");
        match (ty, self.tape.below(8)) {
            (_, 7) => Value::Null,
            (_, 6) => json!([text, {"_eq": text}]),
            ("Int" | "bigint" | "numeric", _) => json!(self.tape.byte()),
            ("Boolean", _) => json!(false),
            _ => json!(text),
        }
    }
}
