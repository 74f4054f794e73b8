//! Streams: which rows they tell, in which batches, and what wakes them.

use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::world::{ANN, BOB, World, user};

struct Followed {
    batches: BoxStream<'static, Result<Bytes, GraphqlError>>,
    field: &'static str,
}

impl Followed {
    fn new(
        world: &World,
        session: &Session,
        field: &'static str,
        arguments: &str,
        of: &str,
        variables: Value,
    ) -> Self {
        let declared = if variables.get("v").is_some() { "($v: bigint!, $n: Int!)" } else { "" };
        let query = format!("subscription{declared} {{ {field}({arguments}) {{ {of} }} }}");
        Self { batches: world.engine.watch(session, GraphqlRequest::new(&query, variables)), field }
    }

    /// The values of the rows of the next batch.
    async fn next(&mut self) -> Vec<Value> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.batches.next()).await.expect("in time");
        let data: Value = serde_json::from_slice(&next.expect("goes on").expect("no error")).expect("JSON");
        let rows = data[self.field].as_array().expect("a list");
        rows.iter().map(|row| row.as_object().unwrap().values().next().unwrap().clone()).collect()
    }

    async fn refused(&mut self) -> (String, String, String) {
        let next = tokio::time::timeout(Duration::from_secs(10), self.batches.next()).await.expect("in time");
        let error = next.expect("says something").expect_err("is refused");
        assert!(self.batches.next().await.is_none(), "an error ends a stream");
        (error.code.into_owned(), error.path, error.message)
    }
}

fn books(world: &World, session: &Session, arguments: &str) -> Followed {
    Followed::new(world, session, "book_stream", arguments, "id", json!({}))
}

async fn add_book(world: &World, id: i64, pages: i64) {
    let add = format!(
        "mutation {{ insert_book_one(object: {{id: {id}, author_id: 1, title: \"T\", pages: {pages}}}) {{ id }} }}"
    );
    world.ok(&Session::admin(), &add).await;
}

#[tokio::test]
async fn full_batches_follow_each_other_and_then_come_new_rows() {
    let world = World::new().await;
    world.streaming().await;
    let mut stream =
        books(&world, &Session::admin(), "batch_size: 3, cursor: {initial_value: {id: 0}, ordering: ASC}");
    assert_eq!(stream.next().await, [1, 2, 3]);
    assert_eq!(stream.next().await, [4]);
    add_book(&world, 7, 0).await;
    assert_eq!(stream.next().await, [7]);
    // What stands before the cursor is past; what changes behind it comes again.
    add_book(&world, 6, 0).await;
    add_book(&world, 8, 0).await;
    assert_eq!(stream.next().await, [8]);
}

#[tokio::test]
async fn the_cursor_may_be_a_variable_and_go_down() {
    let world = World::new().await;
    let arguments = "batch_size: $n, cursor: [{initial_value: {id: $v}, ordering: DESC}, null]";
    let variables = json!({"v": 4, "n": 2});
    let mut stream = Followed::new(&world, &Session::admin(), "book_stream", arguments, "id", variables);
    assert_eq!(stream.next().await, [3, 2]);
    assert_eq!(stream.next().await, [1]);
}

#[tokio::test]
async fn rows_with_equal_cursors_all_come_once() {
    let world = World::new().await;
    world.streaming().await;
    for id in 20..27 {
        add_book(&world, id, 1_000).await;
    }
    let mut stream = books(&world, &Session::admin(), "batch_size: 2, cursor: {initial_value: {pages: 300}}");
    let mut all = Vec::new();
    while all.len() < 8 {
        all.extend(stream.next().await);
    }
    assert_eq!(all, [4, 20, 21, 22, 23, 24, 25, 26]);
    add_book(&world, 30, 1_000).await;
    assert_eq!(stream.next().await, [30]);
    // The key has two columns, of which the cursor is one.
    for book in 1..=3 {
        for reader in [ANN, BOB] {
            let lend = format!(
                "mutation {{ insert_loan_one(object: {{book_id: {book}, reader: \"{reader}\"}}) {{ note }} }}"
            );
            world.ok(&Session::admin(), &lend).await;
        }
    }
    let mut loans = Followed::new(
        &world,
        &Session::admin(),
        "loan_stream",
        "batch_size: 1, cursor: {initial_value: {book_id: 0}}",
        "reader",
        json!({}),
    );
    for _ in 1..=3 {
        assert_eq!((loans.next().await, loans.next().await), (vec![json!(ANN)], vec![json!(BOB)]));
    }
}

#[tokio::test]
async fn a_stream_is_under_the_permissions() {
    let world = World::new().await;
    world.streaming().await;
    // Book 4 is Bob's and not public; three rows are the most that the role may have at once.
    add_book(&world, 9, 0).await;
    add_book(&world, 10, 0).await;
    let mut anns = books(&world, &user(ANN), "batch_size: 10, cursor: {initial_value: {id: 0}}");
    assert_eq!(anns.next().await, [1, 2, 3]);
    assert_eq!(anns.next().await, [9, 10]);
    let mut bobs = books(&world, &user(BOB), "batch_size: 10, cursor: {initial_value: {id: 1}}");
    assert_eq!(bobs.next().await, [3, 4]);
    world
        .ok(
            &Session::admin(),
            "mutation { update_book_by_pk(pk_columns: {id: 9}, _set: {is_public: true}) { id } }",
        )
        .await;
    assert_eq!(bobs.next().await, [9]);
    let hidden = "batch_size: 1, cursor: {initial_value: {price: 0}}";
    let path = "$.selectionSet.book_stream.args.cursor[0].initial_value";
    let message = "field \"price\" not found in type: 'book_stream_cursor_value_input'";
    assert_eq!(
        books(&world, &user(ANN), hidden).refused().await,
        ("validation-failed".to_owned(), path.to_owned(), message.to_owned())
    );
}

#[tokio::test]
async fn a_view_can_be_followed_and_a_condition_narrows() {
    let world = World::new().await;
    world.streaming().await;
    let mut view = Followed::new(
        &world,
        &user(ANN),
        "public_book_stream",
        "batch_size: 5, cursor: {initial_value: {id: 0}}, where: {author: {name: {_eq: \"Bob\"}}}",
        "title",
        json!({}),
    );
    assert_eq!(view.next().await, ["Third"]);
    world
        .ok(
            &Session::admin(),
            "mutation { update_book_by_pk(pk_columns: {id: 4}, _set: {is_public: true, title: \"Now\"}) { id } }",
        )
        .await;
    assert_eq!(view.next().await, ["Now"]);
}

#[tokio::test]
async fn what_is_no_stream_is_refused() {
    let world = World::new().await;
    let cases = [
        ("batch_size: 1, cursor: []", ".args", "one streaming column field is expected"),
        ("batch_size: 1, cursor: {initial_value: {}}", ".args", "one streaming column field is expected"),
        (
            "batch_size: 1, cursor: {initial_value: {id: 1, pages: 1}}",
            ".args",
            "multiple column cursors are not supported yet",
        ),
        ("cursor: {initial_value: {id: 1}}", ".args", "missing required field \"batch_size\""),
        ("batch_size: 1", ".args", "missing required field \"cursor\""),
        ("batch_size: 1, cursor: {}", ".args.cursor[0]", "missing required field \"initial_value\""),
        (
            "batch_size: 1, cursor: {initial_value: {id: null}}",
            ".args.cursor[0].initial_value.id",
            "unexpected null value for type \"bigint\"",
        ),
        (
            "batch_size: 1, cursor: {initial_value: {id: 1}, ordering: asc}",
            ".args.cursor[0].ordering",
            "expected one of the values ASC or DESC for type \"cursor_ordering\", but found \"asc\"",
        ),
        (
            "batch_size: -1, cursor: {initial_value: {id: 1}}",
            ".args.batch_size",
            "expected a non-negative 32-bit integer for type \"Int\", but found an integer",
        ),
        (
            "batch_size: 1, limit: 2, cursor: {initial_value: {id: 1}}",
            "",
            "\"book_stream\" has no argument named \"limit\"",
        ),
    ];
    for (arguments, at, message) in cases {
        let refused = books(&world, &Session::admin(), arguments).refused().await;
        let path = format!("$.selectionSet.book_stream{at}");
        assert_eq!(refused, ("validation-failed".to_owned(), path, message.to_owned()), "{arguments}");
    }
    let bad = "batch_size: 1, cursor: {initial_value: {printed_at: \"x\"}}";
    assert_eq!(books(&world, &Session::admin(), bad).refused().await.0, "data-exception");
    let stream = "book_stream(batch_size: 1, cursor: {initial_value: {id: 0}}) { id }";
    let (_, _, message) = world.refused(&Session::admin(), &format!("{{ {stream} }}")).await;
    assert_eq!(message, "field \"book_stream\" not found in type: 'query_root'");
    let (code, _, _) = world.refused(&Session::admin(), &format!("subscription {{ {stream} }}")).await;
    assert_eq!(code, "not-supported");
}

#[tokio::test]
async fn introspection_shows_streams() {
    let world = World::new().await;
    let query = "{ root: __type(name: \"subscription_root\") { fields { name args { name type { kind ofType { kind name ofType { name } } } } } }
        cursor: __type(name: \"book_stream_cursor_input\") { inputFields { name type { kind name ofType { name } } } }
        value: __type(name: \"book_stream_cursor_value_input\") { inputFields { name } }
        ordering: __type(name: \"cursor_ordering\") { enumValues { name } } }";
    let shown = world.ok(&user(ANN), query).await;
    let fields = shown["root"]["fields"].as_array().unwrap();
    let stream = fields.iter().find(|field| field["name"] == "book_stream").unwrap();
    let arguments: Vec<_> = stream["args"].as_array().unwrap().iter().map(|arg| &arg["name"]).collect();
    assert_eq!(arguments, ["batch_size", "cursor", "where"]);
    assert_eq!(stream["args"][1]["type"]["ofType"]["ofType"]["name"], "book_stream_cursor_input");
    assert_eq!(shown["cursor"]["inputFields"][0]["type"]["ofType"]["name"], "book_stream_cursor_value_input");
    assert_eq!(shown["cursor"]["inputFields"][1]["type"]["name"], "cursor_ordering");
    let values = shown["value"]["inputFields"].as_array().unwrap();
    assert!(values.iter().any(|field| field["name"] == "pages"));
    assert!(values.iter().all(|field| field["name"] != "price"), "a column that the role may not read");
    assert_eq!(shown["ordering"]["enumValues"], json!([{"name": "ASC"}, {"name": "DESC"}]));
}

/// Many who stand at the same place are told by few reads, and each is told everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_each_tell_everything_once() {
    let world = World::new().await;
    world.streaming().await;
    let follow = |from: i64| {
        let arguments = format!("batch_size: 2, cursor: {{initial_value: {{id: {from}}}}}");
        let mut stream = books(&world, &Session::admin(), &arguments);
        tokio::spawn(async move {
            let mut seen: Vec<i64> = Vec::new();
            while seen.last() != Some(&149) {
                seen.extend(stream.next().await.iter().filter_map(Value::as_i64));
            }
            seen
        })
    };
    let followers: Vec<_> = (0..200).map(|number| (number % 5, follow(number % 5))).collect();
    for id in 100..150 {
        add_book(&world, id, 0).await;
    }
    for (from, follower) in followers {
        let expected: Vec<i64> = (from + 1..=4).chain(100..150).collect();
        assert_eq!(follower.await.unwrap(), expected);
    }
}
