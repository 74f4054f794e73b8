//! A file that a message carries: its bytes are for who can read the message, as long as they can.

use base::session::{Session, USER_ROLE};
use http::Method;
use serde_json::{Value, json};

use super::everywhere;
use super::service::{ANNA, BORIS, Caller, Form, Place, Service};

everywhere! {
    who_reads_the_message_gets_the_bytes
    what_was_sent_stays_as_it_was_sent
}

async fn as_anna(service: &Service, mutation: &str, variables: Value) -> Value {
    let session = Session::new(USER_ROLE, [("x-hasura-user-id".to_owned(), ANNA.to_owned())], false);
    service.world.run(&session, mutation, variables).await.unwrap()["r"].take()
}

/// What Anna, whose file it is, Boris and nobody get.
async fn statuses(service: &Service, path: &str) -> [u16; 3] {
    let mut statuses = [0; 3];
    let callers = [Caller::User(ANNA), Caller::User(BORIS), Caller::Nobody];
    for (status, caller) in statuses.iter_mut().zip(callers) {
        *status = service.fetch(Method::GET, path, caller, &[]).await.status.as_u16();
    }
    statuses
}

async fn who_reads_the_message_gets_the_bytes(place: Place) {
    let service = Service::start(place).await;
    let form = Form::new().bucket("messages").file("a.txt", "text/plain", b"hello").end();
    let stored = service.upload_as(Caller::User(ANNA), form).await.json();
    let id = stored["processedFiles"][0]["id"].as_str().unwrap();
    let open = "mutation ($id: uuid!) { r: open_direct_chat(args: { user_id: $id }) { id } }";
    let chat = as_anna(&service, open, json!({ "id": BORIS })).await["id"].take();
    let path = format!("/files/{id}");
    assert_eq!(statuses(&service, &path).await, [200, 404, 403]);

    let insert = "mutation ($chat: bigint!, $file: uuid!) { r: insert_messages_one(object: { chatId: $chat, fileId: $file }) { id fileUrl fileDetails { kind size } } }";
    let sent = as_anna(&service, insert, json!({ "chat": chat, "file": id })).await;
    assert_eq!(sent["fileUrl"], format!("/v1{path}"));
    assert_eq!(sent["fileDetails"], json!({ "kind": "document", "size": 5 }));
    assert_eq!(statuses(&service, &path).await, [200, 200, 403]);
    let got = service.fetch(Method::GET, &path, Caller::User(BORIS), &[]).await;
    assert_eq!(got.body, b"hello");
    // It is Anna's to delete, but not while a message has it; Boris may only read it.
    for caller in [Caller::User(ANNA), Caller::User(BORIS)] {
        let kept = service.fetch(Method::DELETE, &path, caller, &[]).await;
        assert_eq!(kept.error().0, 404);
    }

    let delete = "mutation ($id: bigint!) { r: delete_message(args: { message_id: $id }) { fileUrl } }";
    let deleted = as_anna(&service, delete, json!({ "id": sent["id"] })).await;
    assert_eq!(deleted["fileUrl"], Value::Null);
    assert_eq!(statuses(&service, &path).await, [200, 404, 403]);
}

async fn what_was_sent_stays_as_it_was_sent(place: Place) {
    let service = Service::start(place).await;
    let session = Session::new(USER_ROLE, [("x-hasura-user-id".to_owned(), ANNA.to_owned())], false);
    // A file that its owner may replace, and which they can read as the picture of a chat.
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let group = "mutation ($file: uuid!) { r: insert_chats_one(object: { type: \"group\", name: \"a\", avatarFileId: $file }) { id } }";
    let chat = as_anna(&service, group, json!({ "file": id })).await["id"].take();
    let insert = "mutation ($chat: bigint!, $file: uuid!) { r: insert_messages_one(object: { chatId: $chat, fileId: $file }) { id } }";
    let variables = json!({ "chat": chat, "file": id });
    let refused = service.world.run(&session, insert, variables.clone()).await.unwrap_err();
    assert_eq!(refused.code, "file-elsewhere");

    // What the administrator sends is not changed either, nor called something else.
    let send = format!(
        "mutation {{ insert_messages_one(object: {{ chatId: {chat}, senderId: \"{ANNA}\", fileId: \"{id}\" }}) {{ id }} }}"
    );
    service.world.admin(&send).await;
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"b.txt\"";
    let replaced = service.replace_as(Caller::User(ANNA), &id, Form::new().part(file, b"other").end()).await;
    assert_eq!(replaced.error().0, 403);
    let rename = "mutation ($file: uuid!) { r: updateFiles(where: { id: { _eq: $file } }, _set: { name: \"c\" }) { affected_rows } }";
    assert_eq!(as_anna(&service, rename, json!({ "file": id })).await["affected_rows"], 0);
}
