//! Catching up while others write: who only ever asks what has changed since ends with what there is.

use std::collections::BTreeMap;

use db::Pool;
use uuid::Uuid;

use super::{SENDERS, assert_sound, database, rule, send, session};

/// Reads all pages since `cursor`, notes the messages with the number of their last change, and gives the next cursor.
async fn catch_up(
    pool: &Pool,
    person: &str,
    mut cursor: Option<String>,
    seen: &mut BTreeMap<i64, i64>,
) -> String {
    let sql = "select kind, message_id, change, cursor, has_more from my_changes($1, $2::text::json)";
    loop {
        let rows = pool.query(sql, &[&cursor, &session(person)]).await.unwrap();
        for row in &rows[..rows.len() - 1] {
            if row.get::<_, &str>(0) == "message" {
                let change = seen.entry(row.get(1)).or_default();
                *change = row.get::<_, i64>(2).max(*change);
            }
        }
        let end = rows.last().unwrap();
        assert_eq!(end.get::<_, &str>(0), "end");
        let next: String = end.get(3);
        if !end.get::<_, bool>(4) {
            return next;
        }
        assert!(rows.len() >= 500);
        cursor = Some(next);
    }
}

async fn write(pool: &Pool, writer: u128) {
    let sender: Uuid = SENDERS[usize::from(writer % 2 == 1)].parse().unwrap();
    for turn in 0..60_u128 {
        let chat = 1 + i64::try_from((writer + turn) % 3).unwrap();
        let seq = send(pool, chat, sender, Uuid::from_u128(writer * 1000 + turn)).await;
        let change = match turn % 4 {
            0 => {
                "update messages set content = content || '!' where chat_id = $1 and seq = greatest($2::bigint - 5, 1) and deleted_at is null"
            }
            1 => {
                "update messages set deleted_at = now() where chat_id = $1 and seq = greatest($2::bigint - 9, 1)"
            }
            2 => {
                "insert into message_reactions (message_id, user_id, emoji) select id, sender_id, '+' from messages \
                  where chat_id = $1 and seq = $2 and deleted_at is null on conflict do nothing"
            }
            _ => continue,
        };
        if let Err(error) = pool.execute(change, &[&chat, &seq]).await {
            assert!(error.is_retryable() || rule(&error) == Some("no-such-message"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn who_catches_up_misses_nothing() {
    let database = database().await;
    let pool = database.pool().await;
    let chats =
        "insert into chats (id, type, name) select i, 'group', 'Chat ' || i from generate_series(1, 3) i";
    pool.execute(chats, &[]).await.unwrap();
    let members =
        "insert into chat_members (chat_id, user_id) select i, $1::text::uuid from generate_series(1, 3) i";
    for person in SENDERS {
        pool.execute(members, &[&person]).await.unwrap();
    }
    let mut seen = BTreeMap::new();
    let mut cursor = catch_up(&pool, SENDERS[0], None, &mut seen).await;
    assert!(seen.is_empty());

    let writers: Vec<_> = (1..=8_u128)
        .map(|writer| {
            let pool = pool.clone();
            tokio::spawn(async move { write(&pool, writer).await })
        })
        .collect();
    while writers.iter().any(|writer| !writer.is_finished()) {
        cursor = catch_up(&pool, SENDERS[0], Some(cursor), &mut seen).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    // Many at once, to be read page by page.
    let bulk =
        "insert into messages (chat_id, content) select 1 + i % 3, 'bulk' from generate_series(1, 1300) i";
    pool.execute(bulk, &[]).await.unwrap();
    cursor = catch_up(&pool, SENDERS[0], Some(cursor), &mut seen).await;

    let rows = pool.query("select id, change from messages", &[]).await.unwrap();
    let there: BTreeMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(seen, there);
    assert_sound(&pool).await;

    // Nothing new, then what happens to the membership, and nothing of what comes after it ended. What is known already
    // may come again as long as any transaction in the cluster, of another database even, is older than the cursor.
    let kinds = "select kind, message_id from my_changes($1, $2::text::json)";
    let kinds_since = async |cursor: &str| -> Vec<String> {
        let rows = pool.query(kinds, &[&cursor, &session(SENDERS[0])]).await.unwrap();
        // Nor is it new that one is in the chats.
        let known = |row: &db::tokio_postgres::Row| {
            row.get::<_, &str>(0) == "membership"
                || row.get::<_, Option<i64>>(1).is_some_and(|id| seen.contains_key(&id))
        };
        let new = rows.iter().filter(|row| !known(row));
        new.map(|row| row.get(0)).collect()
    };
    assert_eq!(kinds_since(&cursor).await, ["end"]);
    pool.execute("update chats set name = 'Renamed' where id = 1", &[]).await.unwrap();
    let leave = "update chat_members set left_at = now() where chat_id = 2 and user_id = $1::text::uuid";
    pool.execute(leave, &[&SENDERS[0]]).await.unwrap();
    pool.execute("insert into messages (chat_id, content) values (2, 'secret')", &[]).await.unwrap();
    assert_eq!(kinds_since(&cursor).await, ["left", "end"]);
    for foreign in ["99999999999999999", "nonsense", ""] {
        let refused = pool.query(kinds, &[&foreign, &session(SENDERS[0])]).await.unwrap_err();
        assert_eq!(rule(&refused), Some("unknown-cursor"), "{refused:?}");
    }
    // A copy of the disk was put back: the operator ends all cursors.
    pool.execute("update cursor_epoch set number = number + 1", &[]).await.unwrap();
    let refused = pool.query(kinds, &[&cursor, &session(SENDERS[0])]).await.unwrap_err();
    assert_eq!(rule(&refused), Some("unknown-cursor"), "{refused:?}");
}
