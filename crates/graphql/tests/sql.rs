//! The SQL that the engine writes, to be read by a person.

use std::sync::Arc;

use base::session::Session;
use db::testing::TestDatabase;
use graphql::metadata::Metadata;
use graphql::plan::{Document, plan};
use graphql::schema::{RoleSchema, Tracked, enum_tables};
use graphql::sql::{InsertSteps, Statements, WriteStatements, shared, statements};
use serde_json::{Map, Value, json};

use crate::world::{ANN, metadata, user};

async fn schema(role: &str) -> RoleSchema {
    RoleSchema::build(&tracked(&metadata()).await, role)
}

/// The fixture's tables under this metadata.
pub(crate) async fn tracked(metadata: &Metadata) -> Tracked {
    let migrations =
        db::migrate::MigrationSet::from_entries("fixture", [("1_fixture", include_str!("fixture/up.sql"))]);
    let database = TestDatabase::create(&[&migrations.unwrap()]).await;
    let catalog = graphql::catalog::load(&database.pool().await, &enum_tables(metadata)).await.unwrap();
    Tracked::new(Arc::new(catalog), metadata, graphql::schema::SchemaOptions::default())
}

fn written(schema: &RoleSchema, session: &Session, query: &str, variables: Value) -> String {
    let variables: Map<String, Value> = serde_json::from_value(variables).unwrap();
    let plan = plan(schema, &Document::parse(query).unwrap(), None, &variables, session).unwrap();
    match statements(&plan) {
        Statements::Known(answer) => answer,
        Statements::Read(statement)
        | Statements::ReadRows(statement, _)
        | Statements::Live(statement)
        | Statements::Stream(statement) => statement.sql.to_string(),
        Statements::Write(fields) => {
            let mut all: Vec<_> = fields.iter().map(|field| shown(&field.run)).collect();
            if let Some(shared) = shared(&plan) {
                all.push(format!("-- shared\n{}", shared.write.sql));
                all.extend(shared.read.map(|read| read.sql.to_string()));
            }
            all.join("\n;\n")
        }
    }
}

fn shown(run: &WriteStatements) -> String {
    match run {
        WriteStatements::Fixed(word) => word.as_str().to_owned(),
        WriteStatements::Alone(statement) => statement.sql.to_string(),
        WriteStatements::ThenRead(write, read) => format!("{}\n;\n{}", write.sql, read.sql),
        WriteStatements::Nested(steps, read) => format!("{}\n;\n{}", shown_steps(steps), read.sql),
        WriteStatements::Each(writes) => writes.iter().map(shown).collect::<Vec<_>>().join("\n;\n"),
    }
}

fn shown_steps(steps: &InsertSteps) -> String {
    let mut all = Vec::new();
    for step in &steps.steps {
        all.extend(step.before.iter().map(shown_steps));
        all.push(step.statement.sql.to_string());
        all.extend(step.after.iter().map(|(after, _)| shown_steps(after)));
    }
    all.join("\n;\n")
}

#[tokio::test]
async fn the_sql_is_as_it_was() {
    let schema = schema("user").await;
    let session = user(ANN);
    let cases = [
        (
            "page",
            "query($a: bigint!, $n: Int) { book(where: {author_id: {_eq: $a}}, order_by: {id: desc}, limit: $n) { id title author { name } } }",
            json!({"a": 1, "n": 50}),
        ),
        (
            "list",
            "{ author(order_by: {name: asc_nulls_first}) { name birthday books { title } } }",
            json!({}),
        ),
        ("by_pk", "{ book_by_pk(id: 1) { title } }", json!({})),
        ("function", "{ books_longer_than(args: {least_pages: 3}) { title } }", json!({})),
        ("live", "subscription { loan { note } }", json!({})),
        (
            "stream",
            "subscription($from: Int!) { book_stream(batch_size: 5, cursor: {initial_value: {pages: $from}, ordering: DESC}, where: {author_id: {_eq: 1}}) { title } }",
            json!({"from": 500}),
        ),
        (
            "insert",
            "mutation { insert_book_one(object: {title: \"t\"}, on_conflict: {constraint: book_pkey, update_columns: [title]}) { id title } }",
            json!({}),
        ),
        (
            "insert_then_read",
            "mutation { insert_book_one(object: {title: \"t\"}) { id author { name } } }",
            json!({}),
        ),
        (
            "update",
            "mutation { update_author_by_pk(pk_columns: {id: 1}, _set: {name: \"t\"}) { name } }",
            json!({}),
        ),
        ("delete", "mutation { delete_loan_by_pk(book_id: 1, reader: \"x\") { note } }", json!({})),
    ];
    for (name, query, variables) in cases {
        insta::assert_snapshot!(name, written(&schema, &session, query, variables));
    }
}

#[tokio::test]
async fn the_administrators_sql_is_as_it_was() {
    let schema = schema("admin").await;
    let cases = [
        (
            "nested",
            "mutation { insert_author(objects: [{name: \"n\", books: {data: [{title: \"t\", loans: {data: []}}]}}]) { affected_rows returning { id books { title } } } }",
            json!({}),
        ),
        (
            "computed",
            "{ author { label long_books(args: {least_pages: 3}, limit: 1) { title } } }",
            json!({}),
        ),
        (
            "aggregate",
            "{ author(where: {books_aggregate: {count: {predicate: {_gt: 1}}}}, order_by: {books_aggregate: {max: {pages: desc}}}) { books_aggregate { aggregate { count sum { pages } } nodes { title } } } }",
            json!({}),
        ),
    ];
    for (name, query, variables) in cases {
        insta::assert_snapshot!(name, written(&schema, &Session::admin(), query, variables));
    }
}

#[tokio::test]
async fn a_hidden_cell_is_hidden_in_the_sql() {
    let schema = schema("press").await;
    let session = Session::new("press", [("X-Hasura-Author-Id".to_owned(), "1".to_owned())], false);
    let query =
        "{ magazine(where: {price: {_gt: 3}}, order_by: {price: asc}, distinct_on: price) { title price } }";
    insta::assert_snapshot!("hidden_cell", written(&schema, &session, query, json!({})));
}
