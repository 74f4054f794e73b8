//! Many clients of the API at once, each doing what comes: what they leave is sound, who follows the changes ends with what
//! there is, and nobody is told of a deadlock.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::project::GraphqlError;
use base::session::Session;
use serde_json::{Value, json};
use uuid::Uuid;

use super::assert_sound;
use super::follower::Follower;
use super::world::{World, as_person};

/// How many people write; one more owns the chats and stays in them.
const PEOPLE: u128 = 8;
const CHATS: i64 = 3;
const TURNS: usize = 60;

/// Small pseudo-random numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn person(number: u128) -> String {
    Uuid::from_u128(0x0001_0000 + number).to_string()
}

/// The things that a client does, with the chat, two people, the newest message there, the caller's own, and a name.
const ACTS: [&str; 16] = [
    "insert_messages_one(object: {chatId: $chat, clientId: $name, content: \"hello @person_2\"}) { id }",
    "insert_messages(objects: [{chatId: 1, content: \"one\"}, {chatId: 1, content: \"@all\"}, {chatId: $chat, content: \"two\"}]) { affected_rows }",
    "update_messages_by_pk(pk_columns: {id: $own}, _set: {content: \"now for @person_3\"}) { change }",
    "update_messages(where: {chatId: {_eq: $chat}, senderId: {_eq: $me}, deletedAt: {_is_null: true}}, _set: {content: \"all mine\"}) { affected_rows }",
    "delete_message(args: {message_id: $own}) { change }",
    "delete_message(args: {message_id: $newest}) { change }",
    "insert_message_reactions_one(object: {messageId: $newest, emoji: \"+\"}) { seq }",
    "insert_message_reactions_one(object: {messageId: $own, emoji: \"-\"}) { seq }",
    "delete_message_reactions(where: {chatId: {_eq: $chat}}) { affected_rows }",
    "update_chat_members_by_pk(pk_columns: {chatId: $chat, userId: $me}, _set: {lastReadSeq: 1000000}) { lastReadSeq }",
    "leave_chat(args: {chat_id: $chat}) { chatId }",
    "join_public_chat(args: {chat_id: $chat}) { chatId }",
    "insert_blocks_one(object: {blockedId: $other}) { blockedId }",
    "delete_blocks(where: {}) { affected_rows }",
    "open_direct_chat(args: {user_id: $other}) { id }",
    "insert_pinned_messages_one(object: {messageId: $newest}) { seq }",
];

/// What the owner of the chats does besides.
const OWNERS_ACTS: [&str; 5] = [
    "add_members(args: {chat_id: $chat, user_ids: $others}) { userId }",
    "remove_member(args: {chat_id: $chat, user_id: $other}) { userId }",
    "set_member_role(args: {chat_id: $chat, user_id: $other, role: \"admin\"}) { role }",
    "insert_pinned_messages_one(object: {messageId: $newest}) { seq }",
    "update_chats_by_pk(pk_columns: {id: $chat}, _set: {name: \"Renamed\"}) { id }",
];

/// A rule or a permission may say no. A deadlock, or a fault of the rules, is no answer for a client.
fn assert_is_answer(act: &str, result: &Result<Value, GraphqlError>) {
    if let Err(error) = result {
        assert!(
            !matches!(&*error.code, "unavailable" | "unexpected" | "validation-failed"),
            "{act}: {error}"
        );
    }
}

/// A world of three public groups, owned by person 0, with the others in them.
async fn crowd() -> Arc<World> {
    let world = Box::pin(World::start()).await;
    world.lift_limits().await;
    let people = "insert into auth.users (id, display_name, email, locale) \
                  select lpad(to_hex(65536 + i), 32, '0')::uuid, 'Person ' || i, 'p' || i || '@example.org', 'en' from generate_series(0, 64) i";
    world.pool.execute(people, &[]).await.unwrap();
    let names = "insert into user_settings (user_id, username) select id, lower(replace(display_name, ' ', '_')) from auth.users where email like 'p%'";
    world.pool.execute(names, &[]).await.unwrap();
    let chats = "insert into chats (id, type, name, is_public, user_id) select i, 'group', 'Chat ' || i, true, $1::text::uuid from generate_series(1, 3) i";
    world.pool.execute(chats, &[&person(0)]).await.unwrap();
    let members = "insert into chat_members (chat_id, user_id) select c, lpad(to_hex(65536 + i), 32, '0')::uuid from generate_series(1, 3) c, generate_series(1, 8) i";
    world.pool.execute(members, &[]).await.unwrap();
    Arc::new(world)
}

/// The newest message of a chat that the person sees, and the newest of their own.
async fn newest(world: &World, session: &Session, me: &str, chat: i64) -> (Value, Value) {
    let ask = "query ($chat: bigint!, $me: uuid!) { \
               newest: messages(where: {chatId: {_eq: $chat}}, order_by: {seq: desc}, limit: 1) { id } \
               own: messages(where: {chatId: {_eq: $chat}, senderId: {_eq: $me}}, order_by: {seq: desc}, limit: 1) { id } }";
    let seen = world.run(session, ask, json!({"chat": chat, "me": me})).await.unwrap();
    let id = |list: &Value| list.get(0).map_or(json!(0), |row| row["id"].clone());
    (id(&seen["newest"]), id(&seen["own"]))
}

async fn act_at_random(world: Arc<World>, number: u128) {
    let mut dice = Dice(u64::try_from(number).unwrap() + 1);
    let me = person(number);
    let session = as_person(&me);
    let mut sent: BTreeMap<String, Value> = BTreeMap::new();
    for turn in 0..TURNS {
        let chat = i64::try_from(1 + dice.throw(3)).unwrap();
        let other = person(1 + dice.throw(8) as u128);
        let (newest, own) = newest(&world, &session, &me, chat).await;
        let act = match number {
            0 => OWNERS_ACTS[dice.throw(OWNERS_ACTS.len())],
            _ => ACTS[dice.throw(ACTS.len())],
        };
        let name = Uuid::from_u128(number * 1000 + turn as u128).to_string();
        let document = format!("mutation {{ {act} }}")
            .replace("$chat", &chat.to_string())
            .replace("$newest", &newest.to_string())
            .replace("$own", &own.to_string())
            .replace("$others", &format!("\"{{{other}}}\""))
            .replace("$other", &format!("\"{other}\""))
            .replace("$me", &format!("\"{me}\""))
            .replace("$name", &format!("\"{name}\""));
        let result = world.run(&session, &document, json!({})).await;
        assert_is_answer(act, &result);
        if let (true, Ok(data)) = (act == ACTS[0], &result) {
            sent.insert(format!("{chat} {name}"), data["insert_messages_one"]["id"].clone());
        }
        send_again(&world, &session, &sent, &mut dice).await;
    }
}

/// What was sent before is sent again under its name: the first message comes back, or who has left is refused.
async fn send_again(world: &World, session: &Session, sent: &BTreeMap<String, Value>, dice: &mut Dice) {
    let Some((key, id)) = sent.iter().nth(dice.throw(sent.len().max(1))) else { return };
    let (chat, name) = key.split_once(' ').unwrap();
    let document = format!(
        "mutation {{ insert_messages_one(object: {{chatId: {chat}, clientId: \"{name}\", content: \"again\"}}, \
         on_conflict: {{constraint: messages_client_id_key, update_columns: [clientId]}}) {{ id }} }}"
    );
    let result = world.run(session, &document, json!({})).await;
    assert_is_answer("sent again", &result);
    if let Ok(data) = result
        && !data["insert_messages_one"].is_null()
    {
        assert_eq!(data["insert_messages_one"]["id"], *id, "sent again, it is another message");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_eight_clients_do_is_sound_and_can_be_followed() {
    let world = Box::pin(crowd()).await;
    let mut follower = Follower::begin(&world, as_person(&person(0))).await;
    let clients: Vec<_> =
        (0..=PEOPLE).map(|number| tokio::spawn(act_at_random(world.clone(), number))).collect();
    while clients.iter().any(|client| !client.is_finished()) {
        follower.catch_up(&world).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    follower.catch_up(&world).await;
    follower.assert_knows_all(&world, CHATS).await;
    assert_sound(&world.pool).await;
}

/// Inserts of twenty messages each: into one chat, into one's own, into all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_meet_no_deadlock() {
    let world = Box::pin(crowd()).await;
    let chats =
        "insert into chats (id, type, name) select i, 'group', 'Chat ' || i from generate_series(4, 64) i";
    world.pool.execute(chats, &[]).await.unwrap();
    let members = "insert into chat_members (chat_id, user_id) select c, lpad(to_hex(65536 + i), 32, '0')::uuid from generate_series(1, 64) c, generate_series(1, 64) i on conflict do nothing";
    world.pool.execute(members, &[]).await.unwrap();
    let writers: Vec<_> = (1..=64_i64)
        .map(|writer| {
            let world = world.clone();
            tokio::spawn(async move {
                let session = as_person(&person(writer.unsigned_abs().into()));
                let insert = "mutation ($objects: [messages_insert_input!]!) { insert_messages(objects: $objects) { affected_rows } }";
                let to_one: Vec<i64> = vec![1; 20];
                let to_own = vec![writer; 20];
                // In the order of chats, as who writes into several at once must.
                let to_all: Vec<i64> = (1..=64).collect();
                for chats in [to_one, to_own, to_all] {
                    let objects: Vec<Value> =
                        chats.iter().map(|chat| json!({"chatId": chat, "clientId": Uuid::new_v4(), "content": "x"})).collect();
                    let inserted = world.run(&session, insert, json!({"objects": objects})).await.unwrap();
                    assert_eq!(inserted["insert_messages"]["affected_rows"], chats.len());
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let count: i64 = world.pool.query_one("select count(*) from messages", &[]).await.unwrap().get(0);
    assert_eq!(count, 64 * 20 + 64 * 20 + 64 * 64);
    assert_sound(&world.pool).await;
}

/// One message at a time, by a document that all of them use, so that the engine sends several together; each writes to
/// the chats in an order of their own, and edits what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_whose_messages_share_a_statement_meet_no_deadlock() {
    let world = Box::pin(crowd()).await;
    let members = "insert into chat_members (chat_id, user_id) select c, lpad(to_hex(65536 + i), 32, '0')::uuid from generate_series(1, 3) c, generate_series(1, 64) i on conflict do nothing";
    world.pool.execute(members, &[]).await.unwrap();
    let writers: Vec<_> = (1..=64_u64)
        .map(|writer| {
            let world = world.clone();
            tokio::spawn(async move {
                let session = as_person(&person(writer.into()));
                let mut dice = Dice(writer);
                let send = "mutation ($object: messages_insert_input!) { insert_messages_one(object: $object) { id chatId } }";
                let edit = "mutation ($id: bigint!) { update_messages_by_pk(pk_columns: {id: $id}, _set: {content: \"@all y\"}) { id } }";
                for _ in 0..15 {
                    let object = json!({"chatId": 1 + dice.throw(3), "clientId": Uuid::new_v4(), "content": "@person_1 x"});
                    let answer = world.run(&session, send, json!({"object": object})).await.unwrap();
                    assert_eq!(answer["insert_messages_one"]["chatId"], object["chatId"]);
                    if dice.throw(3) == 0 {
                        let id = &answer["insert_messages_one"]["id"];
                        world.run(&session, edit, json!({"id": id})).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_sound(&world.pool).await;
}
