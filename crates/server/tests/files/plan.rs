//! What a plan has room for, and what is removed when nothing refers to it any more.

use app::files::{Limits, Swept};
use axum::body::Body;
use base::session::{Session, USER_ROLE};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::everywhere;
use super::service::{ANNA, Answer, Caller, Form, Place, Service};

everywhere! {
    a_plan_has_room_for_so_much
    what_a_plan_has_no_room_for_is_not_received
    what_nothing_refers_to_goes_after_a_day
}

const DAY: i64 = 24 * 60 * 60;

fn anna() -> Session {
    Session::new(USER_ROLE, [("x-hasura-user-id".to_owned(), ANNA.to_owned())], false)
}

async fn upload(service: &Service, size: usize) -> Answer {
    let form = Form::new().bucket("messages").file("a.txt", "text/plain", &vec![b'x'; size]);
    service.upload_as(Caller::User(ANNA), form.end()).await
}

fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["processedFiles"][0]["id"].as_str().unwrap().to_owned()
}

/// What the error says besides its sentence.
fn refusal(answer: &Answer) -> Value {
    assert_eq!(answer.error().0, 413, "{}", answer.text());
    answer.json()["error"]["data"].clone()
}

async fn a_plan_has_room_for_so_much(place: Place) {
    let service = Service::start(place).await;
    let limit = "mutation { update_plans(where: { isDefault: { _eq: true } }, _set: { storageBytes: 1000, maxUploadBytes: 600 }) { affected_rows } }";
    service.world.admin(limit).await;
    let numbers = |code: &str, used: u64| json!({"code": code, "usedBytes": used, "storageBytes": 1000, "maxUploadBytes": 600});

    let large = upload(&service, 601).await;
    assert_eq!(refusal(&large), numbers("file-too-large", 0));
    assert_eq!(large.error().1, "This file is larger than your plan allows");
    service.assert_no_trace().await;
    let kept = id_of(&upload(&service, 600).await);
    assert_eq!(refusal(&upload(&service, 401).await), numbers("storage-full", 600));

    // An upload in parts takes what it announces, from its beginning on.
    let begin = |size: u64| {
        let announced = json!({ "name": "b.bin", "bucketId": "messages", "size": size }).to_string();
        let request = Caller::User(ANNA).request(Method::POST, "/files/uploads");
        service.send(request.body(Body::from(announced)).unwrap())
    };
    assert_eq!(refusal(&begin(601).await), numbers("file-too-large", 600));
    assert_eq!(refusal(&begin(401).await), numbers("storage-full", 600));
    let started = begin(400).await;
    assert_eq!(started.status, StatusCode::CREATED, "{}", started.text());
    assert_eq!(refusal(&upload(&service, 1).await), numbers("storage-full", 1000));
    let path = format!("/files/uploads/{}", started.json()["id"].as_str().unwrap());
    let aborted = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert!(aborted.status.is_success(), "{}", aborted.text());
    id_of(&upload(&service, 400).await);

    // What is deleted leaves its room at once.
    let deleted = service.fetch(Method::DELETE, &format!("/files/{kept}"), Caller::User(ANNA), &[]).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let used = "{ files_usage { usedBytes } }";
    let used = service.world.run(&anna(), used, json!({})).await.unwrap();
    assert_eq!(used["files_usage"][0]["usedBytes"], 400);
    id_of(&upload(&service, 600).await);

    // What takes the place of another content is counted like it.
    let own = Form::new().file("c.txt", "text/plain", b"1");
    let refused = service.upload_as(Caller::User(ANNA), own.end()).await;
    assert_eq!(refusal(&refused), numbers("storage-full", 1000));
}

/// A spool of 1 MiB would be the first to refuse.
async fn what_a_plan_has_no_room_for_is_not_received(place: Place) {
    let service = Service::start_with(place, Limits::default(), 1 << 20).await;
    let limit = "mutation { update_plans(where: { isDefault: { _eq: true } }, _set: { storageBytes: 1000, maxUploadBytes: 600 }) { affected_rows } }";
    service.world.admin(limit).await;
    let numbers = |code: &str, used: u64| json!({"code": code, "usedBytes": used, "storageBytes": 1000, "maxUploadBytes": 600});
    let refused = upload(&service, 2 << 20).await;
    assert_eq!(refusal(&refused), numbers("file-too-large", 0));
    assert_eq!(refused.error().1, "This file is larger than your plan allows");
    let kept = id_of(&upload(&service, 600).await);
    let other = Form::new().file("b.txt", "text/plain", &[b'x'; 2 << 20]).end();
    let refused = service.replace_as(Caller::User(ANNA), &kept, other).await;
    assert_eq!(refusal(&refused), numbers("file-too-large", 600));

    // Of several, those for which there is room are kept.
    let raise = "mutation { update_plans(where: { isDefault: { _eq: true } }, _set: { storageBytes: 1000, maxUploadBytes: null }) { affected_rows } }";
    service.world.admin(raise).await;
    let form = Form::new().bucket("messages").file("c.txt", "text/plain", b"123");
    let form = form.file("d.txt", "text/plain", &[b'x'; 2 << 20]);
    let refused = service.upload_as(Caller::User(ANNA), form.end()).await;
    assert_eq!(refused.error().1, "Your files take up all the space that your plan allows");
    assert_eq!(refused.json()["processedFiles"].as_array().unwrap().len(), 1);
}

async fn what_nothing_refers_to_goes_after_a_day(place: Place) {
    let service = Service::start(place).await;
    let (sent, idle) = (id_of(&upload(&service, 5).await), id_of(&upload(&service, 6).await));
    let chat = "mutation ($me: uuid!) { open_direct_chat(args: { user_id: $me }) { id } }";
    let chat = service.world.run(&anna(), chat, json!({ "me": ANNA })).await.unwrap();
    let chat = &chat["open_direct_chat"]["id"];
    let message = "mutation ($chat: bigint!, $file: uuid!) { insert_messages_one(object: { chatId: $chat, fileId: $file }) { id } }";
    let message = service.world.run(&anna(), message, json!({ "chat": chat, "file": sent })).await.unwrap();
    assert_eq!(service.files.sweep().await.unwrap(), Swept::default());

    service.clock.advance(2 * DAY);
    let swept = Swept { unreferenced: 1, objects: 1, ..Swept::default() };
    assert_eq!(service.files.sweep().await.unwrap(), swept);
    assert_eq!(service.book().await.len(), 1);
    assert_eq!(service.objects().await, service.book().await);
    let status = async |id: &str| {
        let path = format!("/files/{id}");
        service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.status.as_u16()
    };
    assert_eq!((status(&sent).await, status(&idle).await), (200, 404));

    // A day after the last message that had it: the service's clock is two days ahead of the database's.
    let delete = "mutation ($id: bigint!) { delete_message(args: { message_id: $id }) { id } }";
    let id = &message["insert_messages_one"]["id"];
    service.world.run(&anna(), delete, json!({ "id": id })).await.unwrap();
    assert_eq!(service.files.sweep().await.unwrap(), swept);
    service.assert_no_trace().await;
}
