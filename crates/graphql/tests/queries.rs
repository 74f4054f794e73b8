//! Reading: fields, arguments, relationships, permissions, variables.

use base::session::Session;
use serde_json::json;

use crate::world::{ANN, BOB, World, public, user};

#[tokio::test]
async fn the_administrator_reads_everything_in_the_order_asked_for() {
    let world = World::new().await;
    let data = world
        .ok(
            &Session::admin(),
            "{ author(order_by: {id: asc}, limit: 1) { __typename name id birthday tags settings
               books(order_by: {pages: desc}) { title price isPublic: is_public printed_at author { name } } } }",
        )
        .await;
    assert_eq!(
        data.to_string(),
        json!({"author": [{"__typename": "author", "name": "Ann", "id": 1, "birthday": "1970-01-02", "tags": ["a", "b c"],
            "settings": {"dark": true}, "books": [
            {"title": "Second", "price": null, "isPublic": false, "printed_at": null, "author": {"name": "Ann"}},
            {"title": "First", "price": 9.50, "isPublic": true, "printed_at": "2024-01-01T00:00:00+00:00",
             "author": {"name": "Ann"}}]}]})
        .to_string()
    );
    let odd = world.ok(&Session::admin(), "{ book_by_pk(id: 4) { title } }").await;
    assert_eq!(odd["book_by_pk"]["title"], "Fourth \"quoted\" \\ line\nbreak");
}

#[tokio::test]
async fn a_role_sees_its_rows_and_no_more() {
    let world = World::new().await;
    let titles = "{ book { title } }";
    let of = |data: serde_json::Value| data["book"].as_array().map(Vec::len);
    assert_eq!(of(world.ok(&Session::admin(), titles).await), Some(4));
    // Both public books, one of Ann's own; the permission's limit is 3.
    assert_eq!(of(world.ok(&user(ANN), titles).await), Some(3));
    assert_eq!(of(world.ok(&public(), titles).await), Some(2));
    assert_eq!(of(world.ok(&user(ANN), "{ book(limit: 100) { title } }").await), Some(3));
    let hidden = world.ok(&user(ANN), "{ book_by_pk(id: 4) { id } }").await;
    assert_eq!(hidden, json!({"book_by_pk": null}));
    // A relationship carries the other table's filter: Bob's private book counts for nobody else.
    let by_private = "{ author(where: {books: {pages: {_eq: 400}}}) { name } }";
    assert_eq!(world.ok(&user(ANN), by_private).await, json!({"author": []}));
    assert_eq!(world.ok(&user(BOB), by_private).await, json!({"author": [{"name": "Bob"}]}));
}

#[tokio::test]
async fn conditions_orders_and_pages() {
    let world = World::new().await;
    let cases = [
        ("where: {_or: [{id: {_eq: 1}}, {title: {_ilike: \"%IRD\"}}]}", json!([1, 3])),
        ("where: {_not: {id: {_in: [1, 2]}}}", json!([3, 4])),
        ("where: {id: {_in: []}}", json!([])),
        ("where: {id: {_nin: []}, pages: {_gt: 100, _lte: 300}}", json!([2, 3])),
        ("where: {price: {_is_null: true}}", json!([2, 4])),
        ("where: {author: {name: {_eq: \"Bob\"}}}", json!([3, 4])),
        ("where: {author: {}}", json!([1, 2, 3, 4])),
        ("order_by: [{author: {name: desc}}, {pages: desc}]", json!([4, 3, 2, 1])),
        ("order_by: {price: desc_nulls_last}, limit: 2", json!([3, 1])),
        ("order_by: {id: asc}, limit: 2, offset: 1", json!([2, 3])),
        ("order_by: {id: asc}, offset: \"3\"", json!([4])),
        ("where: {id: {_eq: \"2\"}}", json!([2])),
    ];
    for (arguments, expected) in cases {
        let query = if arguments.contains("order_by") {
            format!("{{ book({arguments}) {{ id }} }}")
        } else {
            format!("{{ book({arguments}, order_by: {{id: asc}}) {{ id }} }}")
        };
        let data = world.ok(&Session::admin(), &query).await;
        let ids: Vec<_> = data["book"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(json!(ids), expected, "{arguments}");
    }
}

#[tokio::test]
async fn one_document_serves_variables_of_every_shape() {
    let world = World::new().await;
    let query = "query($where: book_bool_exp, $ids: [bigint!], $n: Int = 10, $more: Boolean = false, $by: [book_order_by!]) {
        a: book(where: $where, limit: $n, order_by: $by) { id pages @include(if: $more) }
        b: book(where: {id: {_in: $ids}}, order_by: {id: asc}) { id } }";
    let cases = [
        (
            json!({"ids": [1], "by": {"id": "asc"}}),
            json!([{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]),
            json!([{"id": 1}]),
        ),
        (
            json!({"ids": ["2", 3], "n": 1, "by": [{"id": "desc"}]}),
            json!([{"id": 4}]),
            json!([{"id": 2}, {"id": 3}]),
        ),
        (
            json!({"where": {"id": {"_eq": 2}}, "ids": [], "more": true}),
            json!([{"id": 2, "pages": 200}]),
            json!([]),
        ),
        (json!({"where": {"id": {"_eq": 3}}, "ids": [], "more": false}), json!([{"id": 3}]), json!([])),
        (json!({"where": {"pages": {"_gt": 350}}, "ids": [9]}), json!([{"id": 4}]), json!([])),
    ];
    // Twice: the second time from the cache, in the other order.
    for (variables, a, b) in cases.iter().chain(cases.iter().rev()) {
        let data = world.run(&Session::admin(), query, variables.clone()).await.unwrap();
        assert_eq!((&data["a"], &data["b"]), (a, b), "{variables}");
    }
}

#[tokio::test]
async fn fragments_aliases_operations_and_views() {
    let world = World::new().await;
    let query = "query A { author_by_pk(id: 1) { ...names } }
        query B { author_by_pk(id: 2) { ...names ... on author { id } } }
        fragment names on author { name books(where: {is_public: {_eq: true}}) { title } books(where: {is_public: {_eq: true}}) { id } }";
    let mut request = base::project::GraphqlRequest::new(query, json!({}));
    request.operation_name = Some("B".to_owned());
    let data = world.engine.execute(&Session::admin(), &request).await.unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&data).unwrap(),
        json!({"author_by_pk": {"name": "Bob", "books": [{"title": "Third", "id": 3}], "id": 2}})
    );
    let view = world.ok(&user(ANN), "{ public_book(order_by: {id: asc}) { title author { name } } }").await;
    assert_eq!(view["public_book"][1], json!({"title": "Third", "author": {"name": "Bob"}}));
}

#[tokio::test]
async fn functions_answer_within_the_permissions_of_their_table() {
    let world = World::new().await;
    let query = "{ books_longer_than(args: {least_pages: 150}, where: {id: {_neq: 2}}) { id } }";
    let all = world.ok(&Session::admin(), query).await;
    assert_eq!(all, json!({"books_longer_than": [{"id": 3}, {"id": 4}]}));
    let some = world.ok(&user(ANN), query).await;
    assert_eq!(some, json!({"books_longer_than": [{"id": 3}]}));
}

#[tokio::test]
async fn many_long_keys_are_no_problem() {
    let world = World::new().await;
    let long = "k".repeat(200);
    let fields = (0..150).map(|n| format!("{long}{n}: name")).collect::<Vec<_>>().join(" ");
    let data = world.ok(&Session::admin(), &format!("{{ author_by_pk(id: 1) {{ {fields} }} }}")).await;
    assert_eq!(data["author_by_pk"][format!("{long}149")], "Ann");
}

#[tokio::test]
async fn rows_are_counted_and_summed() {
    let world = World::new().await;
    let admin = Session::admin();
    let query = "{ book_aggregate(where: {id: {_gt: 1}}) { __typename
        aggregate { count n: count(columns: [price]) d: count(columns: author_id, distinct: true)
          sum { pages price } avg { pages } min { title } max { printed_at pages } } nodes { id } } }";
    let data = world.ok(&admin, query).await;
    let aggregate = &data["book_aggregate"]["aggregate"];
    assert_eq!((&aggregate["count"], &aggregate["n"], &aggregate["d"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(aggregate["sum"], json!({"pages": 900, "price": 12.00}));
    assert_eq!(aggregate["avg"]["pages"].as_f64(), Some(300.0));
    assert_eq!(aggregate["max"], json!({"printed_at": null, "pages": 400}));
    assert_eq!(data["book_aggregate"]["nodes"].as_array().unwrap().len(), 3);
    let by_number = "{ author(where: {books_aggregate: {count: {predicate: {_gt: 1}, filter: {pages: {_gt: 250}}}}},
        order_by: {books_aggregate: {count: desc}}) { name books_aggregate(where: {is_public: {_eq: true}}) { aggregate { count } } } }";
    let data = world.ok(&admin, by_number).await;
    assert_eq!(data["author"], json!([{"name": "Bob", "books_aggregate": {"aggregate": {"count": 1}}}]));
    // Who may not count finds nothing to count with.
    for query in
        ["{ book_aggregate { aggregate { count } } }", "{ author { books_aggregate { nodes { id } } } }"]
    {
        assert!(world.run(&user(ANN), query, json!({})).await.is_err(), "{query}");
    }
    let first_of_each =
        "{ book(distinct_on: author_id, order_by: [{author_id: asc}, {pages: desc}]) { id } }";
    assert_eq!(world.ok(&admin, first_of_each).await, json!({"book": [{"id": 2}, {"id": 4}]}));
    let path = "{ author_by_pk(id: 1) { a: settings(path: \"$.dark\") b: settings(path: \"x[0]\") } }";
    assert_eq!(world.ok(&admin, path).await, json!({"author_by_pk": {"a": true, "b": null}}));
}

const INTROSPECTION: &str = "query { __schema { queryType { name } mutationType { name } types { kind name
    fields(includeDeprecated: true) { name args { name type { name ofType { name } } } type { name kind ofType { name kind } } }
    inputFields { name type { name ofType { name } } } enumValues { name } } } }";

#[tokio::test]
async fn the_api_describes_itself_to_each_role_as_the_role_sees_it() {
    let world = World::new().await;
    let types = |data: &serde_json::Value| {
        let types = data["__schema"]["types"].as_array().unwrap().clone();
        types
            .into_iter()
            .map(|ty| (ty["name"].as_str().unwrap().to_owned(), ty))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let fields = |ty: &serde_json::Value| {
        let fields = ty["fields"].as_array().unwrap().iter();
        fields.map(|field| field["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = types(&world.ok(&Session::admin(), INTROSPECTION).await);
    assert!(all.contains_key("book_insert_input") && all.contains_key("author_aggregate_bool_exp"));
    let few = types(&world.ok(&public(), INTROSPECTION).await);
    assert_eq!(fields(&few["query_root"]), ["author", "book", "books_longer_than"]);
    assert_eq!(fields(&few["book"]), ["author", "title"]);
    assert!(!few.contains_key("mutation_root") && !few.contains_key("loan"));
    let users = world.ok(&user(ANN), INTROSPECTION).await;
    assert_eq!(users["__schema"]["mutationType"]["name"], "mutation_root");
    let mixed =
        "query($n: String!) { t: __type(name: $n) { name kind } book_by_pk(id: 1) { title } __typename }";
    for (name, kind) in [("book", json!({"name": "book", "kind": "OBJECT"})), ("nothing", json!(null))] {
        let data = world.run(&user(ANN), mixed, json!({"n": name})).await.unwrap();
        assert_eq!(data, json!({"t": kind, "book_by_pk": {"title": "First"}, "__typename": "query_root"}));
    }
}

#[tokio::test]
async fn a_filter_that_looks_back_at_its_row_does_so_through_relationships_too() {
    let world = World::new().await;
    let reader = Session::new("reader", [], false);
    let titles = world.ok(&reader, "{ book(order_by: {id: asc}) { id } }").await;
    assert_eq!(titles, json!({"book": [{"id": 2}, {"id": 4}]}));
    let nested = world.ok(&reader, "{ author(order_by: {id: asc}, limit: 2) { books { id } } }").await;
    assert_eq!(nested, json!({"author": [{"books": [{"id": 2}]}, {"books": [{"id": 4}]}]}));
    // Bob's third book is not his longest, so it is not there to ask for either.
    for (pages, names) in [(400, json!([{"name": "Bob"}])), (300, json!([]))] {
        let query = format!("{{ author(where: {{books: {{pages: {{_eq: {pages}}}}}}}) {{ name }} }}");
        assert_eq!(world.ok(&reader, &query).await["author"], names, "{pages}");
    }
}

#[tokio::test]
async fn names_that_graphql_does_not_have_break_nothing() {
    let world = World::new().await;
    let admin = Session::admin();
    let odd = world.ok(&admin, "{ odd_one { id true type } odd_one_by_pk(id: 1) { true } }").await;
    assert_eq!(odd["odd_one"], json!([{"id": 1, "true": "b", "type": 1.5}]));
    let query = "query($t: float8!) { odd_one(where: {type: {_gt: $t}}) { id } }";
    assert_eq!(world.run(&admin, query, json!({"t": 1})).await.unwrap(), json!({"odd_one": [{"id": 1}]}));
    let described = "{ row: __type(name: \"odd_one\") { fields { name } } column: __type(name: \"odd_one_select_column\") { enumValues { name } } }";
    let data = world.ok(&admin, described).await;
    assert_eq!(data["row"]["fields"], json!([{"name": "id"}, {"name": "true"}, {"name": "type"}]));
    assert_eq!(data["column"]["enumValues"], json!([{"name": "id"}, {"name": "type"}]));
}

#[tokio::test]
async fn a_permission_may_name_its_root_fields() {
    let world = World::new().await;
    let seller = Session::new("seller", [], false);
    assert_eq!(
        world.ok(&seller, "{ odd_one_by_pk(id: 1) { id } }").await,
        json!({"odd_one_by_pk": {"id": 1}})
    );
    for query in [
        "{ odd_one { id } }",
        "{ odd_one_aggregate { aggregate { count } } }",
        "subscription { odd_one_by_pk(id: 1) { id } }",
    ] {
        assert_eq!(world.refused(&seller, query).await.0, "validation-failed", "{query}");
    }
    let query = "{ __schema { queryType { fields { name } } subscriptionType { fields { name } } } }";
    let data = world.ok(&seller, query).await;
    let names = |of: &str| {
        let fields = data["__schema"][of]["fields"].as_array().unwrap().iter();
        let names = fields.map(|field| field["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.starts_with("odd_")).collect::<Vec<_>>()
    };
    assert_eq!(names("queryType"), ["odd_one_by_pk"]);
    assert_eq!(names("subscriptionType"), ["odd_one", "odd_one_stream"]);
}

#[tokio::test]
async fn arrays_and_jsonb_are_compared_in_their_own_ways() {
    let world = World::new().await;
    let cases = [
        ("numbers: {_contains: [1]}", json!([1, 5])),
        ("numbers: {_contained_in: [1, 3]}", json!([2, 3, 5])),
        ("numbers: {_eq: [1, $n]}", json!([1])),
        ("numbers: {_eq: \"{3}\"}", json!([2])),
        ("numbers: {_in: [[1, 2], []]}", json!([1, 3])),
        ("numbers: {_nin: [[1, 2], []]}", json!([2, 5])),
        ("facts: {_cast: {String: {_like: \"%\\\"x\\\"%\"}}}", json!([1])),
        ("facts: {_cast: {String: {_in: [\"{}\", \"[\\\"b\\\"]\"]}}}", json!([2, 5])),
        ("facts: {_cast: {}}", json!([1, 2, 3, 4, 5])),
    ];
    for (asked, expected) in cases {
        let query =
            format!("query($n: Int = 2) {{ magazine(where: {{{asked}}}, order_by: {{id: asc}}) {{ id }} }}");
        let data = world.ok(&Session::admin(), &query).await;
        let ids: Vec<_> = data["magazine"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(json!(ids), expected, "{asked}");
    }
    let wrong = "{ magazine(where: {facts: {_cast: {Int: {_eq: 1}}}}) { id } }";
    assert_eq!(
        world.refused(&Session::admin(), wrong).await.2,
        "field \"Int\" not found in type: 'jsonb_cast_exp'"
    );
}
