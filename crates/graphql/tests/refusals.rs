//! Requests that are wrong: Hasura's codes, paths and messages, and never a panic.

use base::session::Session;
use serde_json::json;

use crate::world::{ANN, World, public, user};

#[tokio::test]
async fn what_is_not_permitted_is_not_there() {
    let world = World::new().await;
    let cases = [
        ("{ loan { note } }", "$.selectionSet.loan", "field \"loan\" not found in type: 'query_root'"),
        (
            "{ author { id } }",
            "$.selectionSet.author.selectionSet.id",
            "field \"id\" not found in type: 'author'",
        ),
        (
            "{ author_by_pk(id: 1) { name } }",
            "$.selectionSet.author_by_pk",
            "field \"author_by_pk\" not found in type: 'query_root'",
        ),
        (
            "{ book(where: {id: {_eq: 1}}) { title } }",
            "$.selectionSet.book.args.where",
            "field \"id\" not found in type: 'book_bool_exp'",
        ),
        (
            "{ book(order_by: {pages: asc}) { title } }",
            "$.selectionSet.book.args.order_by",
            "field \"pages\" not found in type: 'book_order_by'",
        ),
        ("mutation { lend(args: {book: 1}) { note } }", "$", "no mutations exist"),
    ];
    for (query, path, message) in cases {
        assert_eq!(
            world.refused(&public(), query).await,
            ("validation-failed".into(), path.into(), message.into()),
            "{query}"
        );
    }
    let preset = "mutation { insert_loan_one(object: {book_id: 1, reader: \"x\"}) { note } }";
    let (_, _, message) = world.refused(&user(ANN), preset).await;
    assert_eq!(message, "field \"reader\" not found in type: 'loan_insert_input'");
}

#[tokio::test]
async fn wrong_values_are_named_with_their_place() {
    let world = World::new().await;
    let cases = [
        (
            "{ book(limit: \"3\") { id } }",
            "$.selectionSet.book.args.limit",
            "expected a non-negative 32-bit integer for type \"Int\", but found a string",
        ),
        (
            "{ book(limit: -1) { id } }",
            "$.selectionSet.book.args.limit",
            "expected a non-negative 32-bit integer for type \"Int\", but found an integer",
        ),
        (
            "{ book(where: null) { id } }",
            "$.selectionSet.book.args.where",
            "expected an object for type \"book_bool_exp\", but found null",
        ),
        (
            "{ book(where: {id: {_eq: null}}) { id } }",
            "$.selectionSet.book.args.where.id._eq",
            "unexpected null value for type \"bigint\"",
        ),
        (
            "{ book(where: {title: {_eq: 5}}) { id } }",
            "$.selectionSet.book.args.where.title._eq",
            "expected a string for type \"String\", but found an integer",
        ),
        ("{ book(foo: 1) { id } }", "$.selectionSet.book", "\"book\" has no argument named \"foo\""),
        (
            "{ book { id { x } } }",
            "$.selectionSet.book.selectionSet.id",
            "unexpected subselection set for non-object field",
        ),
        ("{ book }", "$.selectionSet.book", "missing selection set for \"book\""),
        ("{ ...f } fragment f on query_root { ...f }", "$", "the fragment definition(s) f form a cycle"),
    ];
    for (query, path, message) in cases {
        let refused = world.refused(&Session::admin(), query).await;
        assert_eq!(refused, ("validation-failed".into(), path.into(), message.into()), "{query}");
    }
    for broken in ["", "{", "query", "{ a(", "\u{0}", "{ \"x\" }", "type A { a: Int }"] {
        let (code, path, _) = world.refused(&Session::admin(), broken).await;
        assert_eq!(code, "validation-failed", "{broken}");
        assert!(path == "$.query" || path == "$", "{broken}: {path}");
    }
}

#[tokio::test]
async fn variables_are_checked_by_name_and_need() {
    let world = World::new().await;
    let admin = Session::admin();
    let query = "query($n: String) { book(limit: $n) { id } }";
    let (_, path, message) = world.refused_with(&admin, query, json!({"n": "1"})).await;
    assert_eq!(path, "$.selectionSet.book.args.limit");
    assert_eq!(message, "variable \"n\" is declared as String, but used where Int is expected");
    let query = "query($id: bigint!) { book_by_pk(id: $id) { id } }";
    for variables in [json!({}), json!({"id": null}), json!({"id": {"a": 1}}), json!({"id": 1, "x": 2})] {
        let (code, _, _) = world.refused_with(&admin, query, variables.clone()).await;
        assert_eq!(code, "validation-failed", "{variables}");
    }
    // A plan that is there does not make a bad request good.
    world.run(&admin, query, json!({"id": 1})).await.unwrap();
    for variables in [json!({}), json!({"id": null}), json!({"id": 1, "x": 2})] {
        world.refused_with(&admin, query, variables).await;
    }
    let query_with_nullable_place = "mutation($t: String!, $p: numeric!) {
        insert_book_one(object: {title: $t, price: $p}) { id } }";
    let (_, path, message) =
        world.refused_with(&admin, query_with_nullable_place, json!({"t": "t", "p": null})).await;
    assert_eq!(
        (path.as_str(), message.as_str()),
        ("$.variables.p", "null value found for non-nullable type: \"numeric!\"")
    );
    let (code, _, _) = world.refused_with(&admin, query, json!({"id": "abc"})).await;
    assert_eq!(code, "data-exception");
}

#[tokio::test]
async fn a_missing_session_variable_is_named() {
    let world = World::new().await;
    let session = Session::new("user", [], false);
    let refused = world.refused(&session, "{ loan { note } }").await;
    assert_eq!(
        refused,
        ("not-found".into(), "$".into(), "missing session variables: \"x-hasura-user-id\"".into())
    );
}

#[tokio::test]
async fn blown_up_documents_are_bounded() {
    let world = World::new().await;
    let admin = Session::admin();
    let levels = (0..30).map(|level| {
        let next = level + 1;
        format!("fragment f{level} on author {{ ...f{next} ...f{next} name }}")
    });
    let levels: Vec<_> = levels.collect();
    let bomb = format!("{{ author {{ ...f0 }} }} {} fragment f30 on author {{ name }}", levels.join(" "));
    assert_eq!(world.refused(&admin, &bomb).await.0, "validation-failed");
    let deep = format!("{{ author {{ {} id {} }} }}", "books { author { ".repeat(40), "} } ".repeat(40));
    assert_eq!(world.refused(&admin, &deep).await.0, "validation-failed");
    let nested = format!("{{ book(where: {}{}) {{ id }} }}", "{_not: ".repeat(2_000), "}".repeat(2_000));
    assert_eq!(world.refused(&admin, &nested).await.0, "validation-failed");
    // Inside a variable nothing was parsed as GraphQL, so the planner's own bound must hold.
    let mut value = json!({});
    for _ in 0..100 {
        value = json!({"_not": value});
    }
    let query = "query($w: book_bool_exp) { book(where: $w) { id } }";
    assert_eq!(world.refused_with(&admin, query, json!({"w": value})).await.0, "validation-failed");
}

#[tokio::test]
async fn the_databases_refusals_are_translated() {
    let world = World::new().await;
    let admin = Session::admin();
    let cases = [
        (
            "mutation { insert_book_one(object: {author_id: 99, title: \"x\"}) { id } }",
            "constraint-violation",
            "Foreign key violation. ",
        ),
        (
            "mutation { insert_book_one(object: {title: null}) { id } }",
            "constraint-violation",
            "Not-NULL violation. ",
        ),
        (
            "{ author(where: {birthday: {_eq: \"yesterdayish\"}}) { id } }",
            "data-exception",
            "invalid input syntax for type date",
        ),
        ("{ author(where: {name: {_regex: \"(\"}}) { id } }", "data-exception", "invalid regular expression"),
    ];
    for (query, code, message) in cases {
        let refused = world.refused(&admin, query).await;
        assert_eq!(refused.0, code, "{query}: {refused:?}");
        assert!(refused.2.starts_with(message), "{query}: {refused:?}");
    }
    let rude = "mutation { insert_loan_one(object: {book_id: 1, note: \"rude\"}) { note } }";
    let path = "$.selectionSet.insert_loan_one.args.object";
    assert_eq!(world.refused(&user(ANN), rude).await, ("not-polite".into(), path.into(), "Be polite".into()));
    let long = format!("mutation {{ insert_book_one(object: {{title: \"{}\"}}) {{ id }} }}", "x".repeat(101));
    assert_eq!(world.refused(&admin, &long).await.0, "permission-error");
}
