//! A query's JSON is written here, a subscription's by PostgreSQL: for the same document both must be the same bytes.

use base::project::GraphqlRequest;
use base::session::Session;
use db::migrate::MigrationSet;
use db::testing::TestDatabase;
use futures::StreamExt;
use graphql::metadata::MetadataFolder;
use graphql::{Engine, EngineOptions};
use serde_json::json;

use crate::world::{ANN, user};

/// What stands in the braces of the document, with the variables `$n` and `$id`.
const DOCUMENTS: &[&str] = &[
    "thing(order_by: {id: asc}) { id int2 int4 int8 bool text varchar bpchar letter pg_name uuid }",
    "thing(order_by: {id: asc}) { date stamp stamptz time timetz span stamps day }",
    "thing(order_by: {id: asc}) { float4 float8 exact money2 json jsonb texts numbers colour short bytes net bits span8 place }",
    "things: thing(where: {id: {_gt: $id}}, order_by: {id: desc}, limit: $n, offset: 3) { __typename key: id part: jsonb(path: \"n\") whole: jsonb none: jsonb(path: \"nothing\") }",
    "thing(order_by: {id: asc}, limit: $n) { id maker { name } maker_id again: maker { __typename id parent { id name parent { name } } } }",
    "thing(order_by: {id: asc}, limit: $n) { maker { big { name } things(order_by: {id: asc}, limit: 2) { id stamptz maker { name } } things_aggregate { aggregate { count } } } }",
    "thing(distinct_on: maker_id, order_by: [{maker_id: asc}, {id: desc}]) { maker { id } }",
    "maker(order_by: {id: asc}) { __typename }",
    "maker(where: {id: {_eq: 0}}) { id }",
    "maker(where: {id: {_eq: 3}}) { id parent { id } things(order_by: {id: asc}) { text } }",
    "thing_by_pk(id: $id) { id text maker { name } }",
    "thing_by_pk(id: 0) { id }",
    "things_after(args: {least_id: $id}, limit: $n) { id stamptz maker { name } }",
    "maker(order_by: {things_aggregate: {count: desc}, id: asc}) { id big { id } }",
    "maker_aggregate { aggregate { count } nodes { id } }",
];

async fn engine(database: &TestDatabase, stringify: bool) -> Engine {
    let files = [("databases/databases.yaml", include_str!("fixture/rows/databases.yaml"))];
    let metadata = MetadataFolder::from_files(files).metadata().unwrap();
    let mut options = EngineOptions::default();
    options.schema.stringify_numbers = stringify;
    let (engine, _feed) = Engine::start(database.pool().await, &metadata, options).await.unwrap();
    assert_eq!(engine.inconsistencies(), Vec::<String>::new());
    engine
}

#[tokio::test]
async fn json_written_here_equals_json_written_by_postgresql() {
    let migrations = MigrationSet::from_entries("rows", [("1_rows", include_str!("fixture/rows/up.sql"))]);
    let database = TestDatabase::create(&[&migrations.unwrap()]).await;
    for stringify in [false, true] {
        let engine = Box::pin(engine(&database, stringify)).await;
        for session in [Session::admin(), user(ANN)] {
            for document in DOCUMENTS {
                if document.contains("aggregate") && !session.is_admin() {
                    continue;
                }
                let request = |kind: &str| {
                    let text = format!("{kind} Ask($n: Int, $id: bigint = 17) {{ {document} }}");
                    let unused = json!({"n": 900, "id": 150});
                    GraphqlRequest::new(&text, unused)
                };
                let here = engine.execute(&session, &request("query")).await.unwrap();
                let there = engine.watch(&session, request("subscription")).next().await.unwrap().unwrap();
                assert_same(document, &here, &there);
            }
        }
    }
}

/// Shows where they part, not the megabytes around it.
fn assert_same(document: &str, here: &[u8], there: &[u8]) {
    if here != there {
        let at = here.iter().zip(there).take_while(|(a, b)| a == b).count();
        let shown = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes.get(at.saturating_sub(60)..).unwrap_or_default())
                .chars()
                .take(160)
                .collect::<String>()
        };
        panic!("{document}\n here: {}\nthere: {}", shown(here), shown(there));
    }
}
