//! What a bucket does not let the server do at once: removing without the right to, and reading what is in an archive.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::service::{ANNA, ARCHIVED_AFTER, Caller, Place, Service};

/// What the specification asks an operator to allow.
const SPECIFIED: &[&str] = &["s3:PutObject", "s3:GetObject"];

impl Service {
    fn bucket(&self) -> &clients::testing::Store {
        self.shop.as_ref().unwrap()
    }

    /// The lines of the book.
    async fn lines(&self) -> Vec<Value> {
        let lines = "{ stored_objects(order_by: [{ key: asc }]) { key fileId isCurrent tries problem } }";
        self.world.admin(lines).await["stored_objects"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn what_may_not_be_removed_is_gone_for_people_and_stays_in_the_book() {
    let service = Service::start(Place::Bucket).await;
    service.bucket().give_rights(Some(SPECIFIED));
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}");
    let read = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(read.body, b"hello");

    let gone = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!((gone.status, gone.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(service.rows().await, Vec::<Value>::new());
    let read = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(read.status, StatusCode::NOT_FOUND);
    let lines = service.lines().await;
    assert_eq!((lines.len(), &lines[0]["fileId"], lines[0]["tries"].as_i64()), (1, &Value::Null, Some(1)));
    let problem = lines[0]["problem"].as_str().unwrap();
    assert!(problem.contains("s3:DeleteObject"), "{problem}");

    // It is tried again, and not all the time.
    assert_eq!(service.sweep().await.objects, 0);
    assert_eq!(service.lines().await[0]["tries"], 1);
    service.clock.advance(11 * 60);
    assert_eq!(service.sweep().await.objects, 0);
    assert_eq!(service.lines().await[0]["tries"], 2);
    service.bucket().give_rights(None);
    assert_eq!(service.objects().await.len(), 1);
    service.clock.advance(11 * 60);
    assert_eq!(service.sweep().await.objects, 1);
    service.assert_no_trace().await;
}

#[tokio::test]
async fn a_file_in_an_archive_is_asked_back_and_comes() {
    let service = Service::start(Place::Bucket).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let key = service.objects().await.remove(0);
    service.bucket().archive(&key);
    let path = format!("/files/{id}");
    let read = async || service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    let told = "the file is archived and is being restored, try again in some hours".to_owned();
    assert_eq!(read().await.error(), (409, told.clone()));
    assert!(service.bucket().is_restoring(&key));
    assert_eq!(read().await.error(), (409, told));
    service.bucket().finish_restoring(&key);
    let answer = read().await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, b"hello".as_slice()));
}

#[tokio::test]
async fn an_address_of_a_file_in_an_archive_is_not_given() {
    let service = Service::start(Place::Bucket).await;
    let id = service.stored("a.bin", "", &vec![b'x'; 128 << 10]).await;
    let (key, other) = (service.objects().await.remove(0), service.stored("b.txt", "", b"hello").await);
    service.bucket().archive(&key);
    let path = format!("/files/{id}/presignedurl");
    let one = async || service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    let many = async || {
        let asked = json!({ "ids": [id, other] });
        let answer = service.post("/files/presignedurls", Caller::User(ANNA), &asked).await;
        let mut urls = answer.json()["urls"].as_array().unwrap().clone();
        urls.sort_by_key(|file| file["id"] != id);
        urls
    };
    // Of what is too young to be there the store is not asked.
    assert_eq!(one().await.status, StatusCode::OK);
    service.clock.advance(ARCHIVED_AFTER.as_secs().cast_signed() + 60);
    let page = many().await;
    assert_eq!((&page[0]["isArchived"], &page[0]["url"]), (&json!(true), &Value::Null));
    assert!(page[1]["url"].is_string() && page[1]["isArchived"].is_null(), "{page:?}");
    assert!(!service.bucket().is_restoring(&key), "nobody has opened it");

    let told = "the file is archived and is being restored, try again in some hours".to_owned();
    assert_eq!(one().await.error(), (409, told.clone()));
    assert!(service.bucket().is_restoring(&key));
    assert_eq!(one().await.error(), (409, told));
    assert_eq!(many().await[0]["isArchived"], true);
    service.bucket().finish_restoring(&key);
    assert_eq!(one().await.status, StatusCode::OK);
    assert!(many().await[0]["url"].is_string());
}

#[tokio::test]
async fn without_the_right_to_restore_the_operator_hears_of_it() {
    let service = Service::start(Place::Bucket).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let key = service.objects().await.remove(0);
    service.bucket().archive(&key);
    service.bucket().give_rights(Some(SPECIFIED));
    let path = format!("/files/{id}");
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert!(answer.status.is_server_error(), "{}", answer.text());
    assert!(!service.bucket().is_restoring(&key));
}
