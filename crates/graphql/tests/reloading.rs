//! The API follows the schema by itself, and live queries follow the API.

use std::time::Duration;

use base::project::GraphqlRequest;
use base::session::Session;
use db::{Address, Pool};
use futures::StreamExt;
use graphql::{Engine, EngineOptions};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::served::{ADMIN, Served};
use crate::world::World;

async fn change(world: &World, sql: &str) {
    let client = world.database.pool().await.client().await.unwrap();
    client.batch_execute(sql).await.unwrap();
}

async fn next(
    stream: &mut (impl StreamExt<Item = Result<bytes::Bytes, base::project::GraphqlError>> + Unpin),
) -> Value {
    let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("in time");
    serde_json::from_slice(&next.expect("goes on").expect("no error")).expect("JSON")
}

#[tokio::test]
async fn a_change_of_the_schema_is_taken_over() {
    let served = Served::new().await;
    served.world.streaming().await;
    assert_eq!(served.code(ADMIN, "{ author { motto } }").await, "validation-failed");
    change(&served.world, "alter table author add motto text default 'none'").await;
    let answer =
        served.until(ADMIN, "{ author(limit: 1) { motto } }", |answer| answer["data"].is_object()).await;
    assert_eq!(answer["data"]["author"][0]["motto"], "none");
    // A table that goes takes nothing else with it, and is told.
    change(&served.world, "drop table loan cascade").await;
    served
        .until(ADMIN, "{ loan { note } }", |answer| {
            answer["errors"][0]["extensions"]["code"] == "validation-failed"
        })
        .await;
    assert!(served.ask(ADMIN, "{ author(limit: 1) { name } }").await["data"].is_object());
    assert!(served.world.engine.health().inconsistencies > 0);
    assert_eq!(served.world.engine.health().reload_failure, None);
}

#[tokio::test]
async fn a_change_is_seen_by_the_clock_where_the_log_does_not_tell() {
    let world = World::new().await;
    let role = "brain_test_reader";
    let make = format!(
        "do $$ begin create role {role} login password 'reader'; exception when duplicate_object or unique_violation then null; end $$;
         grant all on all tables in schema public to {role}; grant usage on schema public to {role}"
    );
    change(&world, &make).await;
    let replication = world.database.address().replication().unwrap();
    let url = format!(
        "postgres://{role}:reader@{}:{}/{}?sslmode=disable",
        replication.host, replication.port, replication.database
    );
    let address = Address::from_url(&SecretString::from(url)).unwrap();
    let pool = Pool::open(address, db::testing::small_pool()).await.unwrap();
    let metadata = crate::world::metadata();
    let (engine, _feed) = Engine::start(pool, &metadata, EngineOptions::default()).await.unwrap();
    let request = GraphqlRequest::new("{ author(limit: 1) { motto } }", json!({}));
    assert!(engine.execute(&Session::admin(), &request).await.is_err());
    change(&world, "alter table author add motto text default 'none'").await;
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while engine.execute(&Session::admin(), &request).await.is_err() {
        assert!(tokio::time::Instant::now() < until, "the change is not seen");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_live_query_is_planned_anew_and_says_only_what_is_new() {
    let served = Served::new().await;
    served.world.streaming().await;
    let request =
        GraphqlRequest::new("subscription { author(order_by: {id: asc}, limit: 1) { name } }", json!({}));
    let mut watched = served.world.engine.watch(&Session::admin(), request);
    assert_eq!(next(&mut watched).await, json!({"author": [{"name": "Ann"}]}));
    served.done("reload_metadata", json!({})).await;
    change(&served.world, "alter table author add motto text").await;
    served.until(ADMIN, "{ author { motto } }", |answer| answer["data"].is_object()).await;
    served.sql("update author set name = 'Anna' where id = 1").await;
    assert_eq!(next(&mut watched).await, json!({"author": [{"name": "Anna"}]}));
    // A new table below it wakes it, too.
    served.sql("create table prize (id int primary key, author_id bigint references author (id))").await;
    let list = json!([
        {"type": "track_table", "args": "prize"},
        {"type": "create_array_relationship", "args": {"table": "author", "name": "prizes",
            "using": {"foreign_key_constraint_on": {"table": "prize", "column": "author_id"}}}},
    ]);
    served.done("bulk", list).await;
    let request = GraphqlRequest::new("subscription { prize { id } }", json!({}));
    let mut prizes = served.world.engine.watch(&Session::admin(), request);
    assert_eq!(next(&mut prizes).await, json!({"prize": []}));
    served.sql("insert into prize values (7, 1)").await;
    assert_eq!(next(&mut prizes).await, json!({"prize": [{"id": 7}]}));
}

#[tokio::test]
async fn a_live_query_that_the_new_schema_refuses_ends_with_its_error() {
    let served = Served::new().await;
    served.world.streaming().await;
    let watch =
        |query: &str| served.world.engine.watch(&Session::admin(), GraphqlRequest::new(query, json!({})));
    let mut pages = watch("subscription { book(order_by: {id: asc}) { pages } }");
    let mut titles = watch("subscription { book(order_by: {id: asc}, limit: 1) { title } }");
    next(&mut pages).await;
    next(&mut titles).await;
    // The rows change with the schema: a reading with the old plan fails first.
    change(
        &served.world,
        "alter table book drop column pages cascade; update book set title = 'New' where id = 1",
    )
    .await;
    let error =
        tokio::time::timeout(Duration::from_secs(20), pages.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.message, "field \"pages\" not found in type: 'book'");
    assert!(pages.next().await.is_none());
    assert_eq!(next(&mut titles).await, json!({"book": [{"title": "New"}]}));
}

#[tokio::test]
async fn a_permission_that_is_taken_away_ends_what_it_allowed() {
    let served = Served::new().await;
    let request = GraphqlRequest::new("subscription { author { name } }", json!({}));
    let mut watched = served.world.engine.watch(&crate::world::public(), request);
    next(&mut watched).await;
    served.done("drop_select_permission", json!({"table": "author", "role": "public"})).await;
    let error =
        tokio::time::timeout(Duration::from_secs(20), watched.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.code, "validation-failed");
}

#[tokio::test]
async fn a_stream_goes_on_where_it_stood() {
    let served = Served::new().await;
    served.world.streaming().await;
    let query = "subscription { author_stream(batch_size: 2, cursor: {initial_value: {id: 0}}) { id } }";
    let mut stream = served.world.engine.watch(&Session::admin(), GraphqlRequest::new(query, json!({})));
    assert_eq!(next(&mut stream).await, json!({"author_stream": [{"id": 1}, {"id": 2}]}));
    assert_eq!(next(&mut stream).await, json!({"author_stream": [{"id": 3}]}));
    served.done("reload_metadata", json!({})).await;
    served.sql("insert into author (id, name) values (9, 'Di')").await;
    assert_eq!(next(&mut stream).await, json!({"author_stream": [{"id": 9}]}));
}
