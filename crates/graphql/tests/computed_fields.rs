//! Fields that functions make of rows.

use base::session::Session;
use serde_json::json;

use crate::world::{ANN, World, user};

fn critic() -> Session {
    Session::new("critic", [("X-Hasura-User-Id".to_owned(), ANN.to_owned())], false)
}

#[tokio::test]
async fn a_function_makes_a_value_of_each_row() {
    let world = World::new().await;
    let admin = Session::admin();
    let query = "query($g: String!) { author(order_by: {id: asc}, limit: 2) { label
        a: greet(args: {greeting: $g}) b: greet(args: {greeting: \"Hi\", mark: \"?\"}) } }";
    let data = world.run(&admin, query, json!({"g": "Hello"})).await.unwrap();
    assert_eq!(
        data["author"],
        json!([{"label": "Ann!", "a": "Hello Ann from admin.", "b": "Hi Ann from admin?"},
               {"label": "Bob!", "a": "Hello Bob from admin.", "b": "Hi Bob from admin?"}])
    );
    let cases = [
        ("where: {label: {_eq: \"Bob!\"}}", json!([2])),
        ("where: {label: {_like: \"%n%\"}}", json!([1])),
        ("order_by: {label: desc}", json!([3, 2, 1])),
        ("where: {long_books: {pages: {_gt: 350}}}", json!([])),
        ("where: {all_books: {pages: {_gt: 350}}}", json!([2])),
        ("where: {_not: {all_books: {}}}", json!([3])),
        ("order_by: {all_books_aggregate: {max: {pages: desc_nulls_last}}}", json!([2, 1, 3])),
        ("order_by: [{all_books_aggregate: {count: desc}}, {id: desc}]", json!([2, 1, 3])),
    ];
    for (arguments, expected) in cases {
        let query = format!("{{ author({arguments}) {{ id }} }}");
        if arguments.contains("long_books") {
            // Who must be given something cannot be asked without it.
            let (_, path, message) = world.refused(&admin, &query).await;
            assert_eq!(path, "$.selectionSet.author.args.where.long_books");
            assert_eq!(message, "field \"long_books\" not found in type: 'author_bool_exp'");
            continue;
        }
        let data = world.ok(&admin, &query).await;
        let ids: Vec<_> = data["author"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(json!(ids), expected, "{arguments}");
    }
    let missing = world.refused(&admin, "{ author { greet } }").await;
    assert_eq!(missing.1, "$.selectionSet.author.selectionSet.greet.args");
    assert_eq!(missing.2, "missing required field \"args\"");
    let missing = world.refused(&admin, "{ author { greet(args: {mark: \"!\"}) } }").await;
    assert_eq!(missing.1, "$.selectionSet.author.selectionSet.greet.args.args");
    assert_eq!(missing.2, "missing required field \"greeting\"");
    let hidden = "{ author { greet(args: {greeting: \"x\", hasura_session: \"{}\"}) } }";
    assert_eq!(
        world.refused(&admin, hidden).await.2,
        "field \"hasura_session\" not found in type: 'greet_author_args'"
    );
    let summed = "{ magazine_aggregate { aggregate { sum { taxed } max { taxed } } } }";
    let data = world.ok(&admin, summed).await;
    assert_eq!(
        data["magazine_aggregate"]["aggregate"],
        json!({"sum": {"taxed": 300}, "max": {"taxed": 100}})
    );
}

#[tokio::test]
async fn a_function_leads_to_rows_of_another_table() {
    let world = World::new().await;
    let query = "{ author(order_by: {id: asc}, limit: 2) { name
        long_books(order_by: {pages: desc}, limit: 1) { title author { name } }
        some: long_books(args: {least_pages: 50}, where: {id: {_neq: 1}}) { id }
        last: all_books(distinct_on: author_id, order_by: [{author_id: asc}, {id: desc}]) { id } } }";
    let data = world.ok(&Session::admin(), query).await;
    assert_eq!(
        data["author"],
        json!([{"name": "Ann", "long_books": [{"title": "Second", "author": {"name": "Ann"}}], "some": [{"id": 2}],
                "last": [{"id": 2}]},
               {"name": "Bob", "long_books": [{"title": "Fourth \"quoted\" \\ line\nbreak", "author": {"name": "Bob"}}],
                "some": [{"id": 3}, {"id": 4}], "last": [{"id": 4}]}])
    );
    // In what a mutation shows it sees what was written.
    let insert =
        "mutation { insert_author_one(object: {name: \"Dee\", books: {data: [{title: \"D\", pages: 500}]}}) {
        label all_books { title } long_books(args: {least_pages: 600}) { title } } }";
    let data = world.ok(&Session::admin(), insert).await;
    assert_eq!(
        data["insert_author_one"],
        json!({"label": "Dee!", "all_books": [{"title": "D"}], "long_books": []})
    );
    let update = "mutation { update_author(where: {label: {_eq: \"Dee!\"}}, _set: {name: \"Eve\"}) { returning { label greet(args: {greeting: \"x\"}) } } }";
    let data = world.ok(&Session::admin(), update).await;
    assert_eq!(data["update_author"]["returning"], json!([{"label": "Eve!", "greet": "x Eve from admin."}]));
}

#[tokio::test]
async fn roles_see_what_they_are_given_and_filters_may_ask() {
    let world = World::new().await;
    // A critic sees itself by one computed field and who wrote "Third" by another.
    let query =
        "{ author(order_by: {id: asc}) { name label greet(args: {greeting: \"x\"}) all_books { title } } }";
    let data = world.ok(&critic(), query).await;
    assert_eq!(
        data["author"],
        json!([{"name": "Ann", "label": "Ann!", "greet": "x Ann from critic.", "all_books": [{"title": "First"}, {"title": "Second"}]},
               // The books are under their own table's permissions.
               {"name": "Bob", "label": "Bob!", "greet": "x Bob from critic.", "all_books": [{"title": "Third"}]}])
    );
    let by_hidden = "{ author(where: {all_books: {pages: {_gte: 400}}}) { name } }";
    assert_eq!(world.ok(&critic(), by_hidden).await, json!({"author": []}));
    let ordered = "{ author(order_by: {all_books_aggregate: {max: {pages: desc}}}) { name } }";
    assert_eq!(world.ok(&critic(), ordered).await, json!({"author": [{"name": "Bob"}, {"name": "Ann"}]}));
    for (session, query) in [
        (critic(), "{ author { is_me } }"),
        (critic(), "{ author(where: {is_me: {_eq: true}}) { id } }"),
        (user(ANN), "{ author { label } }"),
        (user(ANN), "{ author(order_by: {label: asc}) { id } }"),
        // Who may not count cannot order by a count.
        (user(ANN), "{ author(order_by: {all_books_aggregate: {count: asc}}) { id } }"),
    ] {
        assert_eq!(world.refused(&session, query).await.0, "validation-failed", "{query}");
    }
    let described = "{ __type(name: \"author\") { fields { name args { name type { name kind ofType { name } } } type { name } } } }";
    let data = world.ok(&critic(), described).await;
    let fields = data["__type"]["fields"].as_array().unwrap();
    let names: Vec<_> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["all_books", "books", "books_aggregate", "greet", "id", "label", "long_books", "name"]
    );
    assert_eq!(
        fields[3],
        json!({"name": "greet", "type": {"name": "String"},
               "args": [{"name": "args", "type": {"name": null, "kind": "NON_NULL", "ofType": {"name": "greet_author_args"}}}]})
    );
}
