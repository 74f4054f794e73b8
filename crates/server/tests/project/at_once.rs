//! Many clients at once, each doing what comes: what they leave is sound, and nobody is told of a deadlock.

use db::Pool;

use super::{SENDERS, assert_sound, database, rule, session};

/// Small pseudo-random numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Runs a statement as the engine does: what met another one is tried again. A rule may refuse it.
async fn step(pool: &Pool, sql: &str, values: &[&(dyn db::tokio_postgres::types::ToSql + Sync)]) {
    for _ in 0..20 {
        match pool.query(sql, values).await {
            Ok(_) => return,
            Err(error) if error.is_retryable() => {}
            Err(error) => return assert!(rule(&error).is_some(), "{sql}: {error:?}"),
        }
    }
    panic!("a statement met others twenty times: {sql}");
}

/// With `given`: the chat, the person, their session.
const STEPS: [&str; 10] = [
    "insert into messages (chat_id, sender_id, client_id, content) select chat, person, gen_random_uuid(), 'hello @anna_1' from given",
    "insert into messages (chat_id, sender_id, client_id, content) \
     select case when i % 2 = 0 then chat else 1 end, person, gen_random_uuid(), 'many @all' from given, generate_series(1, 6) i",
    "update messages set content = content || ' @bert_1' where (chat_id, seq) in (select id, last_seq from chats, given where id = chat) \
     and deleted_at is null and sender_id = (select person from given)",
    "select delete_message((select max(id) from messages where chat_id = chat and deleted_at is null), session) from given",
    "insert into message_reactions (message_id, user_id, emoji) select max(id), person, '+' from messages, given \
     where chat_id = chat and deleted_at is null group by person on conflict do nothing",
    "delete from message_reactions where (chat_id, user_id) = (select chat, person from given)",
    "update chat_members set last_read_seq = (select last_seq - 1 from chats, given where id = chat) where (chat_id, user_id) = (select chat, person from given)",
    "select leave_chat(chat, session) from given",
    "select join_public_chat(chat, session) from given",
    "insert into pinned_messages (message_id, pinned_by) select max(id), person from messages, given \
     where chat_id = chat and deleted_at is null group by person on conflict do nothing",
];

#[tokio::test]
async fn whatever_eight_clients_do_the_counts_equal_counting() {
    let database = database().await;
    let pool = database.pool().await;
    let chats = "insert into chats (id, type, name, is_public) select i, 'group', 'Chat ' || i, true from generate_series(1, 3) i";
    pool.execute(chats, &[]).await.unwrap();
    let names = "insert into user_settings (user_id, username) values ($1::text::uuid, 'anna_1'), ($2::text::uuid, 'bert_1')";
    pool.execute(names, &[&SENDERS[0], &SENDERS[1]]).await.unwrap();
    // Somebody stays, or the chats would end.
    let stays =
        "insert into chat_members (chat_id, user_id) select i, $1::text::uuid from generate_series(1, 3) i";
    pool.execute(stays, &[&"00000000-0000-0000-0000-00000000000c"]).await.unwrap();
    let clients: Vec<_> = (1..=8_u64)
        .map(|client| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut dice = Dice(client);
                let person = SENDERS[usize::from(client % 2 == 0)];
                for _ in 0..60 {
                    let chat = i64::try_from(1 + dice.throw(3)).unwrap();
                    let sql = STEPS[usize::try_from(dice.throw(10)).unwrap()];
                    let sql = format!("with given as (select $1::bigint as chat, $2::text::uuid as person, $3::text::json as session) {sql}");
                    step(&pool, &sql, &[&chat, &person, &session(person)]).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    assert_sound(&pool).await;
}

#[tokio::test]
async fn sixty_four_writers_meet_no_deadlock() {
    let database = database().await;
    let pool = database.pool().await;
    let chats =
        "insert into chats (id, type, name) select i, 'group', 'Chat ' || i from generate_series(1, 64) i";
    pool.execute(chats, &[]).await.unwrap();
    let members = "insert into chat_members (chat_id, user_id) select i, u::uuid from generate_series(1, 64) i, \
                   unnest(array[$1::text, $2::text]) u";
    pool.execute(members, &[&SENDERS[0], &SENDERS[1]]).await.unwrap();
    let one = "insert into messages (chat_id, sender_id, client_id, content) \
               select 1, $1::text::uuid, gen_random_uuid(), 'x' from generate_series(1, 20) i where $2::bigint > 0";
    let own = "insert into messages (chat_id, sender_id, client_id, content) \
               select $2::bigint, $1::text::uuid, gen_random_uuid(), 'x' from generate_series(1, 20) i";
    // In the order of chats, as who writes into several at once should.
    let all = "insert into messages (chat_id, sender_id, client_id, content) \
               select i, $1::text::uuid, gen_random_uuid(), 'x' from generate_series(1, 64) i where $2::bigint > 0 order by i";
    let writers: Vec<_> = (1..=64_i64)
        .map(|writer| {
            let pool = pool.clone();
            let person = SENDERS[usize::from(writer % 2 == 0)];
            tokio::spawn(async move {
                for sql in [one, own, all] {
                    step(&pool, sql, &[&person, &writer]).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let count: i64 = pool.query_one("select count(*) from messages", &[]).await.unwrap().get(0);
    assert_eq!(count, 64 * 20 + 64 * 20 + 64 * 64);
    assert_sound(&pool).await;
}
