//! The project where somebody else owns the database: `database/schema.sql` and the metadata by a role that is no superuser
//! and only has what Nhost gives on its own schemas.

use base::session::Session;
use db::testing::{TestDatabase, small_pool};
use db::{Pool, platform};
use graphql::Engine;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::SENDERS;
use super::world::{as_person, run, start_engine};

const PASSWORD: &str = "for this test alone";

/// Makes the role, gives it what Nhost gives to the owner of `public`, and connects as it.
async fn pool_of_plain_owner(database: &TestDatabase, role: &str) -> Pool {
    let superuser = database.pool().await;
    let client = superuser.client().await.unwrap();
    let rights = format!(
        "create role {role} login password '{PASSWORD}'; \
         alter schema public owner to {role}; \
         grant usage on schema auth, storage to {role}; \
         grant select, insert, update, delete, references on all tables in schema auth, storage to {role};"
    );
    client.batch_execute(&rights).await.unwrap();
    let port: String = client.query_one("show port", &[]).await.unwrap().get(0);
    let url = format!("postgres://{role}:{PASSWORD}@127.0.0.1:{port}/{}", database.name());
    let address = db::connect::Address::from_url(&SecretString::from(url)).unwrap();
    Pool::open(address, small_pool()).await.unwrap()
}

#[tokio::test]
async fn a_role_without_privileges_can_own_the_project() {
    let database = TestDatabase::create(&[&platform::migrations()]).await;
    let role = format!("plain_{}", database.name());
    let pool = pool_of_plain_owner(&database, &role).await;
    let is_superuser: bool = pool
        .query_one("select rolsuper from pg_roles where rolname = current_user", &[])
        .await
        .unwrap()
        .get(0);
    assert!(!is_superuser);

    let client = pool.client().await.unwrap();
    client.batch_execute("begin").await.unwrap();
    client.batch_execute(include_str!("../../../../database/schema.sql")).await.unwrap();
    client.batch_execute("commit").await.unwrap();
    client.batch_execute(include_str!("people.sql")).await.unwrap();
    drop(client);
    let (engine, feed) = start_engine(&pool).await;

    let [anna, bert] = SENDERS.map(as_person);
    let open = "mutation ($id: uuid!) { open_direct_chat(args: {user_id: $id}) { id } }";
    let opened = run(&engine, &anna, open, json!({"id": SENDERS[1]})).await.unwrap();
    let chat = &opened["open_direct_chat"]["id"];
    let write = "mutation ($chat: bigint!) { insert_messages_one(object: {chatId: $chat, content: \"Привет\"}) { id seq } }";
    let sent = run(&engine, &anna, write, json!({"chat": chat})).await.unwrap();
    assert_eq!(sent["insert_messages_one"]["seq"], 1);
    let everything = "{ memberships { unreadCount } my_changes(args: {since: null}) { kind cursor } \
                search_messages(args: {query: \"привет\"}) { excerpt } search_people(args: {query: \"anna\"}) { displayName } }";
    let seen = run(&engine, &bert, everything, json!({})).await.unwrap();
    assert_eq!(seen["memberships"], json!([{"unreadCount": 1}]));
    assert_eq!(seen["search_messages"].as_array().unwrap().len(), 1);
    assert_eq!(seen["search_people"], json!([{"displayName": "Anna"}]));

    a_file_goes_as_nhost_storage_deletes_it(&database, &engine, &role, chat).await;

    // Nhost Auth deletes accounts in a role of its own, which has no right to our tables: the superuser stands for it.
    let auth = format!("{role}_auth");
    let client = database.pool().await.client().await.unwrap();
    let delete = format!(
        "create role {auth}; grant usage on schema auth to {auth}; grant select, update, delete on all tables in schema auth to {auth}; \
         set role {auth}; delete from auth.users where id = '{}'; reset role; drop owned by {auth}; drop role {auth};",
        SENDERS[0]
    );
    client.batch_execute(&delete).await.unwrap();
    let left = run(&engine, &Session::admin(), "{ chats { memberCount } }", json!({})).await.unwrap();
    assert_eq!(left["chats"], json!([{"memberCount": 1}]));

    drop((engine, feed, pool));
    let clear = format!("reassign owned by {role} to current_user; drop owned by {role}; drop role {role};");
    client.batch_execute(&clear).await.unwrap();
}

/// A file that is sent, and that Nhost Storage deletes, in a role of its own: what we keep of it follows.
async fn a_file_goes_as_nhost_storage_deletes_it(
    database: &TestDatabase,
    engine: &Engine,
    role: &str,
    chat: &Value,
) {
    let anna = as_person(SENDERS[0]);
    let upload = "mutation ($anna: uuid!) { insertFile(object: {bucketId: \"messages\", size: 7, isUploaded: true, uploadedByUserId: $anna}) { id } }";
    let uploaded = run(engine, &Session::admin(), upload, json!({"anna": SENDERS[0]})).await.unwrap();
    let file = &uploaded["insertFile"]["id"];
    let with_file = "mutation ($chat: bigint!, $file: uuid!) { insert_messages_one(object: {chatId: $chat, fileId: $file}) { id } }";
    let keep = "mutation ($file: uuid!) { insert_stored_objects_one(object: {key: \"uploads/a/b\", fileId: $file, size: 7}) { key } }";
    run(engine, &Session::admin(), keep, json!({"file": file})).await.unwrap();
    run(engine, &anna, with_file, json!({"chat": chat, "file": file})).await.unwrap();
    let client = database.pool().await.client().await.unwrap();
    let storage = format!("{role}_storage");
    let delete = format!(
        "create role {storage}; grant usage on schema storage to {storage}; \
         grant select, update, delete on all tables in schema storage to {storage}; \
         set role {storage}; delete from storage.files where id = '{}'; reset role; drop owned by {storage}; drop role {storage};",
        file.as_str().unwrap()
    );
    client.batch_execute(&delete).await.unwrap();
    drop(client);
    let left = "{ files_usage { usedBytes } messages(where: {fileUrl: {_is_null: false}}) { fileId } }";
    let left = run(engine, &anna, left, json!({})).await.unwrap();
    assert_eq!(left, json!({"files_usage": [{"usedBytes": 0}], "messages": [{"fileId": null}]}));
    let tidy = "mutation { remove_unreferenced_files(args: {before: \"2100-01-01\", at_most: 10}) { id } }";
    let tidied = run(engine, &Session::admin(), tidy, json!({})).await.unwrap();
    assert_eq!(tidied["remove_unreferenced_files"], json!([]));
}
