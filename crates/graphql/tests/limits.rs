//! What callers may use of the API: batches, depth, time, rows, sizes, sockets, the allow list, introspection.

use std::time::{Duration, Instant};

use graphql::metadata_api::Mode;
use graphql::{EndpointOptions, EngineOptions, LimitOptions};
use serde_json::json;

use crate::served::{ADMIN, ANN, NOBODY, Served, Socket};

async fn with(engine: EngineOptions, endpoint: EndpointOptions) -> Served {
    Served::with(engine, endpoint, Mode::Change).await
}

#[tokio::test]
async fn a_batch_runs_in_order_and_each_request_has_its_own_answer() {
    let served =
        with(EngineOptions::default(), EndpointOptions { batch: 4, ..EndpointOptions::default() }).await;
    let body = json!([
        {"query": "mutation { update_book_by_pk(pk_columns: {id: 1}, _inc: {pages: 1}) { pages } }"},
        {"query": "query($i: bigint!) { book_by_pk(id: $i) { pages } }", "variables": {"i": 1}},
        {"query": "{ nothing }"},
        {"quarry": "{ book { id } }"},
    ]);
    let (_, answer) = served.post("/v1/graphql", ADMIN, body.to_string()).await;
    let answers = answer.as_array().unwrap();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0], json!({"data": {"update_book_by_pk": {"pages": 101}}}));
    assert_eq!(answers[1], json!({"data": {"book_by_pk": {"pages": 101}}}));
    assert_eq!(answers[2]["errors"][0]["extensions"]["code"], "validation-failed");
    assert_eq!(answers[3]["errors"][0]["extensions"]["code"], "parse-failed");
    assert_eq!(served.post("/v1/graphql", ADMIN, " \n[]").await.1, json!([]));
    let five = json!(vec![json!({"query": "{ __typename }"}); 5]);
    let (_, answer) = served.post("/v1/graphql", ADMIN, five.to_string()).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "batch-limit-exceeded");
    for rubbish in ["[", "[1", "[{}]]", "[null]"] {
        let (_, answer) = served.post("/v1/graphql", ADMIN, rubbish).await;
        assert!(answer["errors"].is_array() || answer[0]["errors"].is_array(), "{rubbish}: {answer}");
    }
}

#[tokio::test]
async fn limits_of_the_metadata_hold_for_all_but_the_administrator() {
    let served = Served::new().await;
    let limits = json!({"depth_limit": {"global": 3, "per_role": {"user": 2}}, "node_limit": {"global": 2, "per_role": {}},
        "batch_limit": {"global": 1, "per_role": {}}});
    served.done("set_api_limits", limits).await;
    assert!(served.ask(ANN, "{ book { title } }").await["data"].is_object());
    let deep = "{ book { author { name } } }";
    assert_eq!(served.code(ANN, deep).await, "depth-limit-exceeded");
    assert!(served.ask(ADMIN, deep).await["data"].is_object());
    assert_eq!(
        served.code(ANN, "{ a: book { title } b: book { title } c: book { title } }").await,
        "node-limit-exceeded"
    );
    let two = json!([{"query": "{ book { title } }"}, {"query": "{ book { title } }"}]).to_string();
    let (_, answer) = served.post("/v1/graphql", ANN, two.clone()).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "batch-limit-exceeded");
    assert!(served.post("/v1/graphql", ADMIN, two).await.1.is_array());
    let mut socket = Socket::open(&served.listen().await, ANN).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "connection_ack");
    socket.subscribe("1", "subscription { book { author { name } } }").await;
    let heard = socket.hear().await.unwrap();
    assert_eq!(heard["payload"][0]["extensions"]["code"], "depth-limit-exceeded");
    served.done("remove_api_limits", json!({})).await;
    assert!(served.ask(ANN, deep).await["data"].is_object());
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cut_off_and_has_done_nothing() {
    let served = Served::new().await;
    served.sql("create function slow(seconds float8) returns setof author language plpgsql volatile as
        $$ begin update author set tags = '{slow}'; perform pg_sleep(seconds); return query select * from author; end $$").await;
    let list = json!([
        {"type": "track_function", "args": "slow"},
        {"type": "create_function_permission", "args": {"function": "slow", "role": "user"}},
        {"type": "set_api_limits", "args": {"time_limit": {"global": 20, "per_role": {"user": 1}}}},
    ]);
    served.done("bulk", list).await;
    let slow = |seconds: f64| format!("mutation {{ slow(args: {{seconds: {seconds}}}) {{ id }} }}");
    let started = Instant::now();
    assert_eq!(served.code(ANN, &slow(15.0)).await, "time-limit-exceeded");
    assert!(started.elapsed() < Duration::from_secs(12));
    assert_eq!(served.sql("select count(*) from author where tags = '{slow}'").await[1][0], "0");
    for _ in 0..8 {
        assert!(served.ask(ANN, "{ author { id } }").await["data"].is_object());
    }
    assert!(served.ask(ADMIN, &slow(1.5)).await["data"].is_object());
}

#[tokio::test]
async fn rows_are_bounded_also_where_no_limit_is_asked_for() {
    let limits = LimitOptions { rows: Some(2), ..LimitOptions::default() };
    let options = EngineOptions { limits, ..EngineOptions::default() };
    let served = with(options, EndpointOptions::default()).await;
    let count = async |who, query| served.ask(who, query).await["data"]["author"].as_array().unwrap().len();
    assert_eq!(count(ANN, "{ author { id } }").await, 2);
    assert_eq!(count(ANN, "{ author(limit: 50) { id } }").await, 2);
    assert_eq!(count(ANN, "{ author(limit: 1) { id } }").await, 1);
    assert_eq!(count(ADMIN, "{ author { id } }").await, 3);
    // What is exported is what came in.
    let tables = served.done("export_metadata", json!({})).await["sources"][0]["tables"].take();
    assert_eq!(tables[0]["select_permissions"][0]["permission"].get("limit"), None);
}

#[tokio::test]
async fn with_an_allow_list_only_its_documents_are_answered() {
    let options = EngineOptions { allow_list: true, ..EngineOptions::default() };
    let served = with(options, EndpointOptions::default()).await;
    let query = "query titles { book(order_by: {id: asc}, limit: 1) { title } }";
    assert_eq!(served.code(ANN, query).await, "validation-failed");
    assert!(served.ask(ADMIN, query).await["data"].is_object());
    // The program's own documents are nobody's business.
    assert!(served.world.run(&crate::world::user(crate::world::ANN), query, json!({})).await.is_ok());
    assert_eq!(served.code(ANN, query).await, "validation-failed");
    let list = json!([
        {"type": "create_query_collection", "args": {"name": "c", "definition": {"queries": []}}},
        {"type": "add_query_to_collection", "args": {"collection_name": "c", "query_name": "q", "query": query}},
        {"type": "add_query_to_collection", "args": {"collection_name": "c", "query_name": "s",
            "query": "subscription { author { name } }"}},
        {"type": "add_collection_to_allowlist", "args": {"collection": "c"}},
    ]);
    served.done("bulk", list).await;
    let spaced = "query titles {\n  book(order_by: {id: asc}, limit: 1) { __typename title } # the first\n}";
    assert!(served.ask(ANN, spaced).await["data"].is_object());
    assert_eq!(
        served.code(ANN, "query titles { book(order_by: {id: asc}, limit: 2) { title } }").await,
        "validation-failed"
    );
    let mut socket = Socket::open(&served.listen().await, ANN).await;
    socket.hear().await.unwrap();
    socket.subscribe("1", "subscription { author { name } }").await;
    assert_eq!(socket.hear().await.unwrap()["type"], "next");
    socket.subscribe("2", "subscription { author { id } }").await;
    let heard = socket.hear().await.unwrap();
    assert_eq!(
        (&heard["type"], &heard["payload"][0]["message"]),
        (&json!("error"), &json!("query is not in any of the allowlists"))
    );
    let (code, _, _) = served.refused("drop_query_collection", json!({"collection": "c"})).await;
    assert_eq!(code, "dependency-error");
    served.done("drop_collection_from_allowlist", json!({"collection": "c"})).await;
    assert_eq!(served.code(ANN, query).await, "validation-failed");
}

#[tokio::test]
async fn introspection_is_closed_for_the_roles_that_say_so() {
    let served = Served::new().await;
    let ask = "{ __schema { queryType { name } } }";
    assert!(served.ask(ANN, ask).await["data"].is_object());
    served.done("set_graphql_schema_introspection_options", json!({"disabled_for_roles": ["user"]})).await;
    let answer = served.ask(ANN, ask).await;
    assert_eq!(answer["errors"][0]["message"], "field \"__schema\" not found in type: 'query_root'");
    assert_eq!(served.code(ANN, "{ __type(name: \"book\") { name } }").await, "validation-failed");
    assert!(served.ask(ANN, "{ __typename book { __typename } }").await["data"].is_object());
    assert!(served.ask(ADMIN, ask).await["data"].is_object());
    assert!(served.ask(NOBODY, ask).await["data"].is_object());
}

#[tokio::test]
async fn any_bytes_get_a_graphql_error_in_bounded_time() {
    let served =
        with(EngineOptions::default(), EndpointOptions { body_bytes: 4096, ..EndpointOptions::default() })
            .await;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "\"query\"",
        ":",
        "\"{ book { id } }\"",
        ",",
        "null",
        "\\u0000",
        "\"",
        "1e999",
        "{\"query\":\"{",
        "}\"}",
    ];
    for round in 0..400 {
        let mut body = Vec::new();
        for _ in 0..random() % 40 {
            if round % 2 == 0 {
                body.push(random().to_le_bytes()[0]);
            } else {
                body.extend(pieces[usize::try_from(random()).unwrap_or(0) % pieces.len()].bytes());
            }
        }
        let (status, answer) = served.post("/v1/graphql", ADMIN, body.clone()).await;
        assert_eq!(status, 200);
        assert!(
            answer.is_array() || answer["errors"].is_array() || answer["data"].is_object(),
            "{body:?}: {answer}"
        );
    }
    for body in
        ["[".repeat(4000), "{\"query\":".repeat(400), format!("{{\"query\": \"{}\"}}", "{a".repeat(1900))]
    {
        assert!(served.post("/v1/graphql", ADMIN, body).await.1["errors"].is_array());
    }
    let (_, answer) = served.post("/v1/graphql", ADMIN, vec![b' '; 5000]).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "bad-request");
}

#[tokio::test]
async fn sockets_and_what_runs_on_them_are_bounded() {
    let bounds =
        EndpointOptions { sockets: 3, sockets_per_user: 2, operations: 2, ..EndpointOptions::default() };
    let served = with(EngineOptions::default(), bounds).await;
    let address = served.listen().await;
    let mut first = Socket::open(&address, ANN).await;
    let mut second = Socket::open(&address, ANN).await;
    assert!(first.hear().await.is_ok() && second.hear().await.is_ok());
    let mut third = Socket::open(&address, ANN).await;
    assert_eq!(third.hear().await, Err(4429));
    let mut other = Socket::open(&address, NOBODY).await;
    assert_eq!(other.hear().await.unwrap()["type"], "connection_ack");
    let mut fourth = Socket::open(&address, NOBODY).await;
    assert_eq!(fourth.hear().await, Err(4429));
    for id in ["1", "2", "3"] {
        first.subscribe(id, "subscription { author { name } }").await;
    }
    let closed = loop {
        if let Err(code) = first.hear().await {
            break code;
        }
    };
    assert_eq!(closed, 4400);
    drop((first, second));
    // Their places come back when the server has noticed.
    let until = Instant::now() + Duration::from_secs(20);
    while Socket::open(&address, ANN).await.hear().await.is_err() {
        assert!(Instant::now() < until, "a place does not come back");
    }
}

#[tokio::test]
async fn requests_over_the_rate_are_refused() {
    let served = Served::new().await;
    let rule = json!({"unique_params": ["x-hasura-user-id"], "max_reqs_per_min": 3});
    served.done("set_api_limits", json!({"rate_limit": {"per_role": {"user": rule}}})).await;
    for _ in 0..3 {
        assert!(served.ask(ANN, "{ __typename }").await["data"].is_object());
    }
    assert_eq!(served.code(ANN, "{ __typename }").await, "rate-limit-exceeded");
    assert!(served.ask(NOBODY, "{ __typename }").await["data"].is_object());
    assert!(served.ask(ADMIN, "{ __typename }").await["data"].is_object());
}

#[tokio::test]
async fn what_the_database_said_is_for_the_administrator_of_a_developers_server() {
    let options = EndpointOptions { internal_errors: true, ..EndpointOptions::default() };
    let developers = with(EngineOptions::default(), options).await;
    let usual = Served::new().await;
    let wrong = "mutation { insert_book_one(object: {author_id: 1, title: null}) { id } }";
    let internal = async |served: &Served, who, query| {
        served.ask(who, query).await["errors"][0]["extensions"]["internal"].take()
    };
    assert_eq!(internal(&developers, ADMIN, wrong).await["error"]["status_code"], "23502");
    assert!(internal(&usual, ADMIN, wrong).await.is_null());
    let anns = "mutation { insert_book_one(object: {author_id: 99, title: \"x\"}) { id } }";
    assert!(internal(&developers, ANN, anns).await.is_null());
}
