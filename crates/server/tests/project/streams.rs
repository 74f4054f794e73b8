//! Following a chat while others write: by `seq` a stream tells every message once and in order, by `change` every
//! message in its last state, because the chat's lock makes the order of commits that of the numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base::project::GraphqlRequest;
use base::session::Session;
use futures::StreamExt;
use serde_json::Value;
use uuid::Uuid;

use super::{SENDERS, database, send};

#[derive(Debug, PartialEq)]
struct Message {
    id: i64,
    seq: i64,
    change: i64,
}

/// Follows chat 1 by a column and gives what was told until `until` holds of the last row.
async fn follow(engine: graphql::Engine, column: &'static str, last: i64) -> Vec<Message> {
    let session = Session::new("user", [("x-hasura-user-id".to_owned(), SENDERS[0].to_owned())], false);
    let query = format!(
        "subscription {{ messages_stream(batch_size: 7, cursor: {{initial_value: {{{column}: 0}}}}, \
         where: {{chatId: {{_eq: 1}}}}) {{ id seq change }} }}"
    );
    let mut stream = engine.watch(&session, GraphqlRequest::new(&query, ()));
    let mut told = Vec::new();
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap();
    while told.last().is_none_or(
        |message: &Message| {
            if column == "seq" { message.seq < last } else { message.change < last }
        },
    ) {
        let batch = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("in time");
        let batch: Value = serde_json::from_slice(&batch.unwrap().unwrap()).unwrap();
        let rows = batch["messages_stream"].as_array().unwrap();
        assert!((1..=7).contains(&rows.len()));
        told.extend(rows.iter().map(|row| Message {
            id: number(row, "id"),
            seq: number(row, "seq"),
            change: number(row, "change"),
        }));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_a_chat_misses_nothing() {
    const WRITERS: usize = 8;
    const EACH: i64 = 40;
    let database = database().await;
    let pool = database.pool().await;
    pool.execute("insert into chats (id, type, name) values (1, 'group', 'Busy')", &[]).await.unwrap();
    let member = "insert into chat_members (chat_id, user_id) select 1, unnest($1::text[])::uuid";
    pool.execute(member, &[&SENDERS.to_vec()]).await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nhost/metadata");
    let metadata = graphql::metadata::MetadataFolder::read(&folder).unwrap().metadata().unwrap();
    let starting = graphql::Engine::start(pool.clone(), &metadata, graphql::EngineOptions::default());
    let (engine, _feed) = Box::pin(starting).await.unwrap();
    let messages = i64::try_from(WRITERS).unwrap() * EACH;
    let by_seq = tokio::spawn(follow(engine.clone(), "seq", messages));
    // Every second message is edited once, which makes a change of its own.
    let by_change = tokio::spawn(follow(engine, "change", messages + messages / 2));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let pool = pool.clone();
            let sender: Uuid = SENDERS[writer % 2].parse().unwrap();
            tokio::spawn(async move {
                for _ in 0..EACH / 2 {
                    let seq = send(&pool, 1, sender, Uuid::new_v4()).await;
                    send(&pool, 1, sender, Uuid::new_v4()).await;
                    let edit = "update messages set content = 'edited' where chat_id = 1 and seq = $1";
                    while let Err(error) = pool.execute(edit, &[&seq]).await {
                        assert!(error.is_retryable(), "{error}");
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let seqs: Vec<i64> = by_seq.await.unwrap().iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=messages).collect::<Vec<_>>());
    let changes = by_change.await.unwrap();
    assert!(changes.is_sorted_by(|one, other| one.change < other.change));
    let known: BTreeMap<i64, i64> = changes.iter().map(|message| (message.id, message.change)).collect();
    let rows = pool.query("select id, change from messages", &[]).await.unwrap();
    assert_eq!(known, rows.iter().map(|row| (row.get(0), row.get(1))).collect());
}
