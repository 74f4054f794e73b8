//! A client that only ever asks what has changed: over all its chats by `my_changes`, and chat by chat by the number of the
//! last change that it knows.

use std::collections::BTreeMap;

use base::session::Session;
use serde_json::{Value, json};

use super::world::World;

pub(super) struct Follower {
    session: Session,
    cursor: Value,
    /// Messages by id, as the changes told of them.
    by_cursor: BTreeMap<i64, Value>,
    by_chat: BTreeMap<i64, Value>,
    last_change: BTreeMap<i64, i64>,
}

/// All of a message that changes.
const MESSAGE: &str = "id chatId seq change content deletedAt editedAt reactionCounts mentions";

impl Follower {
    pub(super) async fn begin(world: &World, session: Session) -> Self {
        let start =
            world.run(&session, "{ my_changes(args: {since: null}) { kind cursor } }", json!({})).await;
        let cursor = start.unwrap()["my_changes"][0]["cursor"].clone();
        Self {
            session,
            cursor,
            by_cursor: BTreeMap::new(),
            by_chat: BTreeMap::new(),
            last_change: BTreeMap::new(),
        }
    }

    pub(super) async fn catch_up(&mut self, world: &World) {
        self.follow_account(world).await;
        for chat in 1..=3 {
            self.follow_chat(world, chat).await;
        }
    }

    async fn follow_account(&mut self, world: &World) {
        let ask = format!(
            "query ($since: String) {{ my_changes(args: {{since: $since}}) {{ kind cursor hasMore message {{ {MESSAGE} }} }} }}"
        );
        loop {
            let page = world.run(&self.session, &ask, json!({"since": self.cursor})).await.unwrap();
            let rows = page["my_changes"].as_array().unwrap();
            for row in rows.iter().filter(|row| row["kind"] == "message") {
                note(&mut self.by_cursor, &row["message"]);
            }
            let end = rows.last().unwrap();
            self.cursor = end["cursor"].clone();
            if end["hasMore"] == false {
                return;
            }
        }
    }

    async fn follow_chat(&mut self, world: &World, chat: i64) {
        let ask = format!(
            "query ($chat: bigint!, $after: bigint!) {{ messages(where: {{chatId: {{_eq: $chat}}, change: {{_gt: $after}}}}, \
             order_by: {{change: asc}}, limit: 50) {{ {MESSAGE} }} }}"
        );
        loop {
            let after = self.last_change.entry(chat).or_default();
            let page = world.run(&self.session, &ask, json!({"chat": chat, "after": *after})).await.unwrap();
            let rows = page["messages"].as_array().unwrap();
            let Some(last) = rows.last() else { return };
            *after = last["change"].as_i64().unwrap();
            for row in rows {
                note(&mut self.by_chat, row);
            }
        }
    }

    /// Both ways of following must have led to what reading the chats whole gives.
    pub(super) async fn assert_knows_all(&self, world: &World, chats: i64) {
        let ask = format!(
            "query ($chats: bigint!) {{ messages(where: {{chatId: {{_lte: $chats}}}}, order_by: {{id: asc}}) {{ {MESSAGE} }} }}"
        );
        let whole = world.run(&self.session, &ask, json!({"chats": chats})).await.unwrap();
        let mut there = BTreeMap::new();
        for row in whole["messages"].as_array().unwrap() {
            note(&mut there, row);
        }
        assert!(there.len() > 20, "hardly anything happened");
        assert_eq!(self.by_chat, there);
        let known: BTreeMap<_, _> =
            self.by_cursor.iter().filter(|(_, row)| row["chatId"].as_i64() <= Some(chats)).collect();
        assert_eq!(known, there.iter().collect());
    }
}

fn note(known: &mut BTreeMap<i64, Value>, message: &Value) {
    let change = |row: &Value| row["change"].as_i64();
    let id = message["id"].as_i64().unwrap();
    // What is told again may be older than what is known.
    if known.get(&id).is_none_or(|before| change(before) <= change(message)) {
        known.insert(id, message.clone());
    }
}
