//! Who reads a file, by the messages that carry it; and that nobody removes one that is just being sent, nor takes up more
//! space than their plan has by doing much at once.

use std::time::Duration;

use base::session::Session;
use db::Pool;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{World, as_person};
use super::{database, rule};

/// Anna, who sends the file; Bert, who gets it; and Carla, who does not.
const PEOPLE: [&str; 3] = [
    "00000000-0000-0000-0000-00000000000a",
    "00000000-0000-0000-0000-00000000000b",
    "00000000-0000-0000-0000-00000000000c",
];

/// A file of Anna's for messages, as an upload leaves it; two days old, and never sent.
async fn upload(pool: &Pool) -> Uuid {
    let file = "insert into storage.files (bucket_id, name, size, is_uploaded, uploaded_by_user_id, updated_at) \
                values ('messages', 'a.jpg', 1, true, $1::text::uuid, now() - interval '2 days') returning id";
    let file: Uuid = pool.query_one(file, &[&PEOPLE[0]]).await.unwrap().get(0);
    let object = "insert into stored_objects (key, file_id, size, is_current) values ('uploads/' || $1::text || '/a.jpg', $1::text::uuid, 1, true)";
    pool.execute(object, &[&file.to_string()]).await.unwrap();
    let details = "insert into file_details (file_id, kind, name, mime_type, size) values ($1, 'picture', 'a.jpg', 'image/jpeg', 1)";
    pool.execute(details, &[&file]).await.unwrap();
    pool.execute("update unreferenced_files set since = since - interval '2 days'", &[]).await.unwrap();
    file
}

/// People in a world, and what they do there.
struct Scene {
    world: World,
    file: Uuid,
}

impl Scene {
    async fn start() -> Self {
        let world = Box::pin(World::start()).await;
        let file = upload(&world.pool).await;
        Self { world, file }
    }

    async fn act(&self, person: usize, mutation: &str) -> Value {
        let document = format!("mutation {{ r: {mutation} }}");
        let answer = self.world.run(&as_person(PEOPLE[person]), &document, json!({})).await;
        answer.unwrap_or_else(|error| panic!("{mutation}: {error}"))["r"].take()
    }

    /// The direct chat of Anna with somebody.
    async fn chat_with(&self, person: usize) -> Value {
        let open = format!("open_direct_chat(args: {{user_id: \"{}\"}}) {{ id }}", PEOPLE[person]);
        self.act(0, &open).await["id"].take()
    }

    async fn send(&self, person: usize, chat: &Value, what: &str) -> Value {
        let send = format!("insert_messages_one(object: {{chatId: {chat}, {what}}}) {{ id fileUrl }}");
        self.act(person, &send).await
    }

    async fn send_file(&self, person: usize, chat: &Value) -> Value {
        self.send(person, chat, &format!("fileId: \"{}\"", self.file)).await
    }

    /// Whether Anna, Bert and Carla can read the file, and what is told of it: nobody reads but one of the two.
    async fn readers(&self) -> [bool; 3] {
        let ask = "query ($id: uuid!) { file(id: $id) { name } file_details_by_pk(fileId: $id) { kind } \
                   files(where: {id: {_eq: $id}}) { details { kind } } }";
        let mut readers = [false; 3];
        for (reads, person) in readers.iter_mut().zip(PEOPLE) {
            let seen = self.world.run(&as_person(person), ask, json!({"id": self.file})).await.unwrap();
            *reads = !seen["file"].is_null();
            assert_eq!(!seen["file_details_by_pk"].is_null(), *reads);
            assert_eq!(seen["files"][0]["details"].is_object(), *reads);
        }
        readers
    }
}

#[tokio::test]
async fn who_reads_the_message_reads_its_file_and_nobody_else() {
    let scene = Scene::start().await;
    assert_eq!(scene.readers().await, [true, false, false]);
    let (with_bert, with_carla) = (scene.chat_with(1).await, scene.chat_with(2).await);
    let sent = scene.send_file(0, &with_bert).await;
    assert_eq!(sent["fileUrl"], format!("/v1/files/{}", scene.file));
    assert_eq!(scene.readers().await, [true, true, false]);

    // Forwarded to somebody else: they read it as long as their message is there.
    let forward = format!("forwardedFromId: {}", sent["id"]);
    let forwarded = scene.send(0, &with_carla, &forward).await;
    assert_eq!(forwarded["fileUrl"], sent["fileUrl"]);
    assert_eq!(scene.readers().await, [true, true, true]);
    scene.act(0, &format!("delete_message(args: {{message_id: {}}}) {{ id }}", sent["id"])).await;
    assert_eq!(scene.readers().await, [true, false, true], "a deleted message shows nothing");
    let again = format!("delete_message(args: {{message_id: {}}}) {{ fileUrl fileId }}", sent["id"]);
    assert_eq!(scene.act(0, &again).await, json!({"fileUrl": null, "fileId": null}));

    // Who is blocked reads what there was before, and is sent nothing more.
    scene
        .act(2, &format!("insert_blocks_one(object: {{blockedId: \"{}\"}}) {{ blockedId }}", PEOPLE[0]))
        .await;
    assert_eq!(scene.readers().await, [true, false, true]);
    scene.act(0, &format!("delete_message(args: {{message_id: {}}}) {{ id }}", forwarded["id"])).await;
    assert_eq!(scene.readers().await, [true, false, false]);

    // What is told of it comes with the message.
    scene.send_file(0, &with_bert).await;
    let ask = "query ($chat: bigint!) { messages(where: {chatId: {_eq: $chat}}, order_by: {seq: desc}, limit: 1) { file { name } fileDetails { kind width } } }";
    let seen = scene.world.run(&as_person(PEOPLE[1]), ask, json!({"chat": with_bert})).await.unwrap();
    assert_eq!(
        seen["messages"],
        json!([{"file": {"name": "a.jpg"}, "fileDetails": {"kind": "picture", "width": null}}])
    );
}

#[tokio::test]
async fn a_file_is_read_from_where_on_a_member_sees_the_chat_and_until_they_leave() {
    let scene = Scene::start().await;
    let make = "insert_chats_one(object: {type: \"group\", name: \"Team\", showsHistory: false}) { id }";
    let team = scene.act(0, make).await["id"].take();
    let add = |person: usize| {
        format!("add_members(args: {{chat_id: {team}, user_ids: \"{{{}}}\"}}) {{ userId }}", PEOPLE[person])
    };
    scene.act(0, &add(1)).await;
    scene.send_file(0, &team).await;
    scene.act(0, &add(2)).await;
    assert_eq!(scene.readers().await, [true, true, false], "what was before is not shown to Carla");
    scene.send_file(1, &team).await;
    assert_eq!(scene.readers().await, [true, true, true]);
    scene.act(1, &format!("leave_chat(args: {{chat_id: {team}}}) {{ chatId }}")).await;
    assert_eq!(scene.readers().await, [true, false, true]);
    let remove = format!("remove_member(args: {{chat_id: {team}, user_id: \"{}\"}}) {{ userId }}", PEOPLE[2]);
    scene.act(0, &remove).await;
    assert_eq!(scene.readers().await, [true, false, false]);
    // Bert sent it himself, but it is not his: he cannot read it any more, nor send it on.
    let send = "mutation ($file: uuid!) { insert_messages_one(object: {chatId: 0, fileId: $file}) { id } }";
    let refused = scene.world.run(&as_person(PEOPLE[1]), send, json!({"file": scene.file})).await;
    assert_eq!(refused.unwrap_err().code, "no-such-file");

    // The picture of a chat is for its members, and for everybody once the chat is public.
    let picture = format!(
        "update_chats_by_pk(pk_columns: {{id: {team}}}, _set: {{avatarFileId: \"{}\"}}) {{ id }}",
        scene.file
    );
    scene.act(0, &picture).await;
    assert_eq!(scene.readers().await, [true, false, false]);
    scene
        .act(0, &format!("update_chats_by_pk(pk_columns: {{id: {team}}}, _set: {{isPublic: true}}) {{ id }}"))
        .await;
    assert_eq!(scene.readers().await, [true, true, true]);
}

#[tokio::test]
async fn a_plan_limits_a_file_and_their_sum() {
    let scene = Scene::start().await;
    let limit = "update plans set storage_bytes = 1000, max_upload_bytes = 600 where is_default";
    scene.world.pool.execute(limit, &[]).await.unwrap();
    let insert = |size: i64| {
        let object = json!({"bucketId": "messages", "name": "a", "size": size});
        let document = "mutation ($object: files_insert_input!) { insertFile(object: $object) { id } }";
        let (world, anna) = (&scene.world, as_person(PEOPLE[0]));
        async move { world.run(&anna, document, json!({"object": object})).await }
    };
    assert_eq!(insert(601).await.unwrap_err().code, "file-too-large");
    let file = insert(600).await.unwrap()["insertFile"]["id"].take();
    let book = "mutation ($file: uuid!) { insert_stored_objects_one(object: {key: \"uploads/a/b\", fileId: $file, size: 600}) { userId } }";
    let booked = scene.world.run(&Session::admin(), book, json!({"file": file})).await.unwrap();
    assert_eq!(booked["insert_stored_objects_one"]["userId"], PEOPLE[0]);
    let refused = insert(400).await.unwrap_err();
    assert_eq!(refused.code, "storage-full", "1 of the file before, and 600");
    assert_eq!(refused.message, "Your files take up all the space that your plan allows");
    insert(399).await.unwrap();
    let usage = "{ files_usage { userId usedBytes storageBytes maxUploadBytes } }";
    let usage = scene.world.run(&as_person(PEOPLE[0]), usage, json!({})).await.unwrap();
    assert_eq!(
        usage["files_usage"],
        json!([{"userId": PEOPLE[0], "usedBytes": 601, "storageBytes": 1000, "maxUploadBytes": 600}])
    );
    // The administrator's own files are nobody's.
    let own = "mutation { insertFile(object: {bucketId: \"messages\", name: \"a\", size: 5000}) { id } }";
    scene.world.admin(own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_uploads_at_once_take_no_more_than_the_plan_has() {
    let database = database().await;
    let pool = database.pool().await;
    pool.execute("update plans set storage_bytes = 1000 where is_default", &[]).await.unwrap();
    let uploads: Vec<_> = (0..16)
        .map(|number: i32| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let file = "insert into storage.files (bucket_id, uploaded_by_user_id, size) values ('messages', $1::text::uuid, 100) returning id";
                let file: Uuid = pool.query_one(file, &[&PEOPLE[0]]).await.unwrap().get(0);
                let object = "insert into stored_objects (key, file_id, size) values ('uploads/x/' || $1::text, $2, 100)";
                match pool.execute(object, &[&number.to_string(), &file]).await {
                    Ok(_) => true,
                    Err(error) if rule(&error) == Some("storage-full") => false,
                    Err(error) => panic!("{error}"),
                }
            })
        })
        .collect();
    let mut stored = 0;
    for upload in uploads {
        stored += i64::from(upload.await.unwrap());
    }
    let used: i64 = pool.query_one("select sum(bytes)::bigint from used_storage", &[]).await.unwrap().get(0);
    assert_eq!((stored, used), (10, 1000));
}

const SEND: &str = "insert into messages (chat_id, sender_id, file_id, as_person) \
                    values (1, $1::text::uuid, $2, $1::text::uuid) returning file_id";

const TIDY: &str = "select id from remove_unreferenced_files(now() - interval '1 day', 100)";

async fn chat_of_anna(pool: &Pool) {
    let chat = "insert into chats (id, type, name, user_id) values (1, 'group', 'Team', $1::text::uuid)";
    pool.execute(chat, &[&PEOPLE[0]]).await.unwrap();
}

async fn files_left(pool: &Pool) -> i64 {
    pool.query_one("select count(*) from storage.files", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_file_that_is_just_being_sent_is_not_removed() {
    let database = database().await;
    let pool = database.pool().await;
    chat_of_anna(&pool).await;
    let (sent, idle) = (upload(&pool).await, upload(&pool).await);
    let mut sending = pool.begin().await.unwrap();
    sending.execute(SEND, &[&PEOPLE[0], &sent]).await.unwrap();
    // It neither waits for the sender nor takes the file away.
    let removed = pool.query(TIDY, &[]).await.unwrap();
    assert_eq!(removed.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>(), [idle]);
    sending.commit().await.unwrap();
    assert!(pool.query(TIDY, &[]).await.unwrap().is_empty());
    let carries: Option<Uuid> = pool.query_one("select file_id from messages", &[]).await.unwrap().get(0);
    assert_eq!(carries, Some(sent));

    // Where the sending fails, it is found again.
    let given_up = upload(&pool).await;
    let mut sending = pool.begin().await.unwrap();
    sending.execute(SEND, &[&PEOPLE[0], &given_up]).await.unwrap();
    assert!(pool.query(TIDY, &[]).await.unwrap().is_empty());
    sending.rollback().await.unwrap();
    pool.execute("update unreferenced_files set since = since - interval '2 days'", &[]).await.unwrap();
    assert_eq!(pool.query(TIDY, &[]).await.unwrap().len(), 1);
}

/// Until a connection to this database waits for another one's lock.
async fn somebody_waits(pool: &Pool) {
    let waits = "select exists (select from pg_stat_activity a where a.datname = current_database() \
                 and cardinality(pg_blocking_pids(a.pid)) > 0)";
    while !pool.query_one(waits, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_sends_a_file_that_is_just_being_removed_is_told_so() {
    let database = database().await;
    let pool = database.pool().await;
    chat_of_anna(&pool).await;
    for kept in [false, true] {
        let file = upload(&pool).await;
        let mut tidying = pool.begin().await.unwrap();
        assert_eq!(tidying.query(TIDY, &[]).await.unwrap().len(), 1);
        let sending = pool.clone();
        let sending =
            tokio::spawn(async move { sending.query_one(SEND, &[&PEOPLE[0], &file]).await.map(|_| ()) });
        tokio::time::timeout(Duration::from_secs(10), somebody_waits(&pool)).await.unwrap();
        if kept {
            tidying.rollback().await.unwrap();
            sending.await.unwrap().unwrap();
            assert_eq!(files_left(&pool).await, 1);
        } else {
            tidying.commit().await.unwrap();
            assert_eq!(rule(&sending.await.unwrap().unwrap_err()), Some("no-such-file"));
            assert_eq!(files_left(&pool).await, 0);
        }
    }
}

#[tokio::test]
async fn a_message_that_is_just_being_deleted_leaves_a_mark() {
    let database = database().await;
    let pool = database.pool().await;
    chat_of_anna(&pool).await;
    let file = upload(&pool).await;
    pool.query_one(SEND, &[&PEOPLE[0], &file]).await.unwrap();
    let mut deleting = pool.begin().await.unwrap();
    deleting.execute("update messages set deleted_at = now()", &[]).await.unwrap();
    // The message still has it for everybody else, so that the old mark goes.
    assert!(pool.query(TIDY, &[]).await.unwrap().is_empty());
    assert_eq!(marks(&pool).await, 0);
    deleting.commit().await.unwrap();
    assert_eq!(marks(&pool).await, 1);
    assert!(pool.query(TIDY, &[]).await.unwrap().is_empty(), "a day has not gone by");
    pool.execute("update unreferenced_files set since = since - interval '2 days'", &[]).await.unwrap();
    assert_eq!(pool.query(TIDY, &[]).await.unwrap().len(), 1);
}

async fn marks(pool: &Pool) -> i64 {
    pool.query_one("select count(*) from unreferenced_files", &[]).await.unwrap().get(0)
}
