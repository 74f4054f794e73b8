//! The rules of the schema in `nhost/migrations`, over a real PostgreSQL: what rows become, and what holds after many
//! writers at once.

mod at_once;
mod catching_up;
mod endings;
mod files;
mod follower;
mod matrix;
mod on_nhost;
mod streams;
mod world;

pub(crate) use self::world::World;

use std::path::Path;

use db::migrate::MigrationSet;
use db::testing::TestDatabase;
use db::tokio_postgres::error::SqlState;
use db::{Pool, platform};
use uuid::Uuid;

const SENDERS: [&str; 2] = ["00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"];

async fn database() -> TestDatabase {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nhost/migrations/default");
    let project = MigrationSet::read_folder("project", &folder).unwrap();
    let database = TestDatabase::create(&[&platform::migrations(), &project]).await;
    let client = database.pool().await.client().await.unwrap();
    client.batch_execute(include_str!("project/people.sql")).await.unwrap();
    database
}

/// The session of a person, as functions get it.
fn session(person: &str) -> String {
    format!(r#"{{"x-hasura-role":"user","x-hasura-user-id":"{person}"}}"#)
}

/// The code of the rule that refused a statement.
fn rule(error: &db::Error) -> Option<&str> {
    error.server().and_then(db::tokio_postgres::error::DbError::constraint)
}

async fn assert_sound(pool: &Pool) {
    let broken = pool.query(include_str!("project/broken_invariants.sql"), &[]).await.unwrap();
    let broken: Vec<(String, String)> = broken.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(broken, Vec::new());
}

#[tokio::test]
async fn rows_become_what_the_rules_say() {
    let database = database().await;
    let client = database.pool().await.client().await.unwrap();
    client.batch_execute(include_str!("project/rules.sql")).await.unwrap();
}

/// Checks of one part of the rules each, that one connection can show.
const PARTS: [(&str, &str); 7] = [
    ("search_people", include_str!("project/search_people.sql")),
    ("chats", include_str!("project/chats.sql")),
    ("messages", include_str!("project/messages.sql")),
    ("files", include_str!("project/files.sql")),
    ("read_state", include_str!("project/read_state.sql")),
    ("search_messages", include_str!("project/search_messages.sql")),
    ("typing_presence", include_str!("project/typing_presence.sql")),
];

#[tokio::test]
async fn each_part_of_the_rules_holds() {
    let database = database().await;
    let client = database.pool().await.client().await.unwrap();
    for (name, checks) in PARTS {
        let checks = [include_str!("project/begin.sql"), checks].concat();
        client.batch_execute(&checks).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn many_rows_at_once_stay_linear_and_sound() {
    let database = database().await;
    let pool = database.pool().await;
    let client = pool.client().await.unwrap();
    client.batch_execute("vacuum analyze messages").await.unwrap();
    client.batch_execute("set statement_timeout = '60s'").await.unwrap();
    client.batch_execute(include_str!("project/bulk.sql")).await.unwrap();
    assert_sound(&pool).await;
}

/// Sends the message of `client_id`, or gives the first one back.
async fn send(pool: &Pool, chat: i64, sender: Uuid, client_id: Uuid) -> i64 {
    let sql = "insert into messages (chat_id, sender_id, client_id, content) values ($1, $2, $3, 'hello') \
               on conflict on constraint messages_client_id_key do update set client_id = excluded.client_id returning seq";
    for _ in 0..10 {
        match pool.query_one(sql, &[&chat, &sender, &client_id]).await {
            Ok(row) => return row.get(0),
            Err(error) if error.is_retryable() => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a message met others ten times");
}

#[tokio::test]
async fn writers_at_once_leave_no_gap_and_no_double() {
    let database = database().await;
    let pool = database.pool().await;
    pool.execute("insert into chats (id, type, name) values (1, 'group', 'Busy')", &[]).await.unwrap();
    let writers = (0..16).map(|writer: usize| {
        let pool = pool.clone();
        let sender: Uuid = SENDERS[writer % 2].parse().unwrap();
        tokio::spawn(async move {
            for message in 0..25_u128 {
                // Writers of the same sender use the same numbers: each message is sent eight times.
                let seq = send(&pool, 1, sender, Uuid::from_u128(message + 1)).await;
                let edit =
                    "update messages set content = 'edited ' || $1::text where chat_id = 1 and seq = $2";
                let text = writer.to_string();
                if message % 5 == 0
                    && let Err(error) = pool.execute(edit, &[&text, &seq]).await
                {
                    assert!(error.is_retryable(), "{error}");
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let count: i64 =
        pool.query_one("select count(*) from messages where chat_id = 1", &[]).await.unwrap().get(0);
    assert_eq!(count, 50);
    assert_sound(&pool).await;
}

#[tokio::test]
async fn a_direct_chat_is_one_however_many_open_it() {
    let database = database().await;
    let pool = database.pool().await;
    let opens = (0..16).map(|turn: usize| {
        let pool = pool.clone();
        let (me, other) = (SENDERS[turn % 2], SENDERS[(turn + 1) % 2]);
        let other: Uuid = other.parse().unwrap();
        let session = session(me);
        let sql = "select id from open_direct_chat($1, $2::text::json)";
        tokio::spawn(async move { pool.query_one(sql, &[&other, &session]).await.unwrap().get::<_, i64>(0) })
    });
    let opens: Vec<_> = opens.collect();
    let mut chats = Vec::new();
    for open in opens {
        chats.push(open.await.unwrap());
    }
    chats.dedup();
    assert_eq!(chats.len(), 1);
    let members = "select count(*) from chat_members where chat_id = $1";
    let members: i64 = pool.query_one(members, &[&chats[0]]).await.unwrap().get(0);
    assert_eq!(members, 2);
    let stranger = Uuid::from_u128(0xdead);
    let session = session(SENDERS[0]);
    let sql = "select id from open_direct_chat($1, $2::text::json)";
    let refused = pool.query_one(sql, &[&stranger, &session]).await.unwrap_err();
    assert_eq!(refused.sqlstate(), Some(&SqlState::INTEGRITY_CONSTRAINT_VIOLATION));
    assert_eq!(rule(&refused), Some("no-such-person"));
}

#[tokio::test]
async fn the_api_can_be_described_to_every_role() {
    let world = Box::pin(world::World::start()).await;
    for role in ["admin", "user", "public"] {
        let session = base::session::Session::new(role, [], false);
        let ask = "{ __schema { types { name } } }";
        world.run(&session, ask, serde_json::json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn the_page_for_authors_of_clients_names_every_answer_and_limit() {
    let page = include_str!("../../../docs/rules.md");
    let database = database().await;
    let lines = "select format('| `%s` | %s |', code, message) from rule_errors \
                 union all select format('| `%s` | %s |', name, value) from rule_limits";
    let lines = database.pool().await.query(lines, &[]).await.unwrap();
    let lines: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
    let missing: Vec<&String> = lines.iter().filter(|line| !page.contains(line.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new());
    let codes = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(codes, lines.len(), "docs/rules.md names what there is not");
    // Every refusal has a code, and every code has a sentence.
    let unknown = "select p.proname || ': ' || hit[1] from pg_proc p, regexp_matches(p.prosrc, 'public\\.refuse\\(''([^'']*)''', 'g') hit \
                   where p.pronamespace = 'public'::regnamespace and hit[1] not in (select code from rule_errors) \
                   union all select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace \
                   and p.prosrc like '%raise exception%' and p.proname not in ('refuse', 'messages_number_insert')";
    let unknown = database.pool().await.query(unknown, &[]).await.unwrap();
    let unknown: Vec<String> = unknown.iter().map(|row| row.get(0)).collect();
    assert_eq!(unknown, Vec::<String>::new());
}
