//! What ends by time, ended by the server that stands beside it.

use std::sync::Arc;
use std::time::Duration;

use app::endings::Endings;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::SENDERS;
use super::world::World;

const STATE: &str = "{ typing { userId } presence { userId } presence_processes { id } chat_members(order_by: {userId: asc}) { mutedUntil } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_by_time_is_ended_and_nothing_else() {
    let world = Box::pin(World::start()).await;
    let client = world.pool.client().await.unwrap();
    let [over, lasting] = SENDERS;
    client
        .batch_execute(&format!(
            "insert into chats (id, type, name) values (1, 'group', 'Two');
             insert into chat_members (chat_id, user_id, muted_until) values
               (1, '{over}', now() - interval '1 second'), (1, '{lasting}', '2100-01-01');
             insert into typing (chat_id, user_id, expires_at) values
               (1, '{over}', now() - interval '1 second'), (1, '{lasting}', '2100-01-01');
             insert into presence_processes (id, leased_until) values
               ('{over}', now() - interval '1 second'), ('{lasting}', '2100-01-01');
             insert into presence (user_id, process_id) values ('{over}', '{over}'), ('{lasting}', '{lasting}');"
        ))
        .await
        .unwrap();

    let stop = CancellationToken::new();
    let endings = Endings::new(Arc::new(world.engine.clone()));
    let keeping = tokio::spawn({
        let stop = stop.clone();
        async move { endings.keep(stop).await }
    });
    let ended = json!({
        "typing": [{ "userId": lasting }],
        "presence": [{ "userId": lasting }],
        "presence_processes": [{ "id": lasting }],
        "chat_members": [{ "mutedUntil": null }, { "mutedUntil": "2100-01-01T00:00:00+00:00" }],
    });
    let reached = tokio::time::timeout(Duration::from_secs(20), async {
        while world.admin(STATE).await != ended {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(reached.await.is_ok(), "{}", world.admin(STATE).await);

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), keeping).await.unwrap().unwrap();
}
