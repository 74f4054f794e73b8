//! Live queries: what wakes them, what does not, and what they say.

use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::world::{ANN, BOB, World, user};

struct Watched(BoxStream<'static, Result<Bytes, GraphqlError>>);

impl Watched {
    fn new(world: &World, session: &Session, query: &str, variables: Value) -> Self {
        Self(world.engine.watch(session, GraphqlRequest::new(query, variables)))
    }

    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("in time");
        serde_json::from_slice(&next.expect("goes on").expect("no error")).expect("JSON")
    }

    /// Nothing new is said until `marker` has come through another subscription.
    async fn is_silent_until(&mut self, marker: impl Future<Output = Value>) {
        tokio::select! {
            biased;
            said = self.0.next() => panic!("said {said:?}"),
            _ = marker => {}
        }
    }
}

const BOOKS: &str =
    "subscription($a: bigint!) { book(where: {author_id: {_eq: $a}}, order_by: {id: asc}) { title } }";

#[tokio::test]
async fn a_commit_is_told_once_and_only_where_it_matters() {
    let world = World::new().await;
    world.streaming().await;
    let mut anns = Watched::new(&world, &Session::admin(), BOOKS, json!({"a": 1}));
    let mut bobs = Watched::new(&world, &Session::admin(), BOOKS, json!({"a": 2}));
    assert_eq!(anns.next().await["book"].as_array().unwrap().len(), 2);
    bobs.next().await;
    world
        .ok(&user(ANN), "mutation { insert_book_one(object: {author_id: 1, title: \"Live\"}) { id } }")
        .await;
    assert_eq!(anns.next().await["book"][2]["title"], "Live");
    world
        .ok(
            &Session::admin(),
            "mutation { update_book_by_pk(pk_columns: {id: 3}, _set: {title: \"B\"}) { id } }",
        )
        .await;
    anns.is_silent_until(bobs.next()).await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_told() {
    let world = World::new().await;
    world.streaming().await;
    let mut titles = Watched::new(&world, &Session::admin(), BOOKS, json!({"a": 1}));
    let mut pages =
        Watched::new(&world, &Session::admin(), "subscription { book_by_pk(id: 1) { pages } }", json!({}));
    titles.next().await;
    pages.next().await;
    world
        .ok(&Session::admin(), "mutation { update_book_by_pk(pk_columns: {id: 1}, _inc: {pages: 1}) { id } }")
        .await;
    titles.is_silent_until(pages.next()).await;
}

#[tokio::test]
async fn permissions_relations_and_views_wake_too() {
    let world = World::new().await;
    world.streaming().await;
    let mut loans =
        Watched::new(&world, &user(BOB), "subscription { loan { note book { title } } }", json!({}));
    let mut view = Watched::new(
        &world,
        &user(BOB),
        "subscription { public_book(order_by: {id: asc}) { title author { name } } }",
        json!({}),
    );
    assert_eq!(loans.next().await, json!({"loan": []}));
    view.next().await;
    world.ok(&user(BOB), "mutation { insert_loan_one(object: {book_id: 1, note: \"n\"}) { note } }").await;
    assert_eq!(loans.next().await["loan"][0]["book"]["title"], "First");
    world
        .ok(
            &Session::admin(),
            "mutation { update_book_by_pk(pk_columns: {id: 1}, _set: {title: \"F\"}) { id } }",
        )
        .await;
    assert_eq!(loans.next().await["loan"][0]["book"]["title"], "F");
    view.next().await;
    world
        .ok(
            &Session::admin(),
            "mutation { update_author_by_pk(pk_columns: {id: 1}, _set: {name: \"A\"}) { id } }",
        )
        .await;
    assert_eq!(view.next().await["public_book"][0]["author"]["name"], "A");
    let delete = format!("mutation {{ delete_loan_by_pk(book_id: 1, reader: \"{BOB}\") {{ note }} }}");
    world.ok(&user(BOB), &delete).await;
    assert_eq!(loans.next().await, json!({"loan": []}));
}

#[tokio::test]
async fn every_state_after_many_commits_is_reached() {
    let world = World::new().await;
    world.streaming().await;
    let mut pages =
        Watched::new(&world, &Session::admin(), "subscription { book_by_pk(id: 1) { pages } }", json!({}));
    for round in 1..=200_i64 {
        world
            .ok(
                &Session::admin(),
                "mutation { update_book_by_pk(pk_columns: {id: 1}, _inc: {pages: 1}) { id } }",
            )
            .await;
        // Each commit must show without another one to push it along.
        loop {
            if pages.next().await["book_by_pk"]["pages"] == json!(100 + round) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_watched_ends_with_its_error() {
    let world = World::new().await;
    let mut two =
        Watched::new(&world, &Session::admin(), "subscription { author { id } book { id } }", json!({}));
    let error = two.0.next().await.unwrap().unwrap_err();
    assert_eq!(error.message, "subscriptions must select one top level field");
    assert!(two.0.next().await.is_none());
    let mut bad = Watched::new(&world, &Session::admin(), BOOKS, json!({"a": "x"}));
    assert_eq!(bad.0.next().await.unwrap().unwrap_err().code, "data-exception");
    assert!(bad.0.next().await.is_none());
}

#[tokio::test]
async fn what_a_function_reads_wakes_too() {
    let world = World::new().await;
    world.streaming().await;
    let query =
        "subscription { author_by_pk(id: 1) { label all_books(where: {pages: {_gt: 900}}) { title } } }";
    let mut ann = Watched::new(&world, &Session::admin(), query, json!({}));
    let session = Session::new("press", [("X-Hasura-Author-Id".to_owned(), "1".to_owned())], false);
    let query = "subscription { magazine_by_pk(id: 1) { price } }";
    let mut price = Watched::new(&world, &session, query, json!({}));
    assert_eq!(ann.next().await["author_by_pk"], json!({"label": "Ann!", "all_books": []}));
    assert_eq!(price.next().await["magazine_by_pk"], json!({"price": 10}));
    let insert = "mutation { insert_book_one(object: {author_id: 1, title: \"Long\", pages: 1000}) { id } }";
    world.ok(&Session::admin(), insert).await;
    assert_eq!(ann.next().await["author_by_pk"]["all_books"], json!([{"title": "Long"}]));
    // The price is hidden as soon as the row is no longer one that a seller sees.
    let update = "mutation { update_magazine_by_pk(pk_columns: {id: 1}, _set: {genre: essay}) { id } }";
    world.ok(&Session::admin(), update).await;
    assert_eq!(price.next().await["magazine_by_pk"], json!({"price": null}));
}
