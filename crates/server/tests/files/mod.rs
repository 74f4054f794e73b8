//! Nhost Storage's API, and what is ours beside it. Each test runs where bytes are in a folder, and where they are in
//! a bucket.

mod download;
mod faults;
mod giving_up;
mod in_parts;
mod messages;
mod operations;
mod pictures;
mod plan;
mod presigned;
mod replace;
mod rights;
mod service;
mod trouble;
mod upload;

use app::files::{SpoolFolder, Swept};
use http::{Method, StatusCode};
use serde_json::json;

use self::service::{ANNA, BORIS, BOUNDARY, Caller, Form, Place, SECRET, Service};

/// Runs tests with the bytes in each place.
macro_rules! everywhere {
    ($($name:ident)*) => {
        mod on_disk {
            $(#[tokio::test]
            async fn $name() {
                Box::pin(super::$name(crate::files::service::Place::Disk)).await;
            })*
        }
        mod in_a_bucket {
            $(#[tokio::test]
            async fn $name() {
                Box::pin(super::$name(crate::files::service::Place::Bucket)).await;
            })*
        }
    };
}
use everywhere;

everywhere! {
    the_version_is_told_and_other_origins_may_call
    after_a_crash_what_was_cut_short_is_forgotten
    a_refused_upload_hears_why_over_a_real_connection
    a_delete_takes_the_row_and_the_bytes_if_the_role_may
}

async fn the_version_is_told_and_other_origins_may_call(place: Place) {
    let service = Service::start(place).await;
    let answer =
        service.fetch(Method::GET, "/version", Caller::Nobody, &[("origin", "https://a.example")]).await;
    assert!(answer.json()["buildVersion"].is_string());
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("x-error"));

    let asked = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "authorization,x-nhost-bucket-id"),
    ];
    let preflight = service.fetch(Method::OPTIONS, "/files/x", Caller::Nobody, &asked).await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert!(preflight.header("access-control-allow-methods").contains("DELETE"));
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization,x-nhost-bucket-id");
}

async fn after_a_crash_what_was_cut_short_is_forgotten(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    // What a crash between storing the bytes and completing the row leaves, and half an upload.
    service.set(json!({ "isUploaded": false })).await;
    service.unkeep().await;
    std::fs::write(service.folder.join("spool").join("half"), "x").unwrap();
    SpoolFolder::open(service.folder.join("spool"), 1).unwrap();
    assert_eq!(service.objects().await.len(), 1);
    let path = format!("/files/{id}");
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (403, "file is not uploaded".to_owned()));

    assert_eq!(service.files.sweep().await.unwrap(), Swept::default());
    service.clock.advance(2 * 60 * 60);
    service.project.fail("forgetFile");
    assert_eq!(service.files.sweep().await.unwrap(), Swept::default());
    service.project.recover();
    assert_eq!(service.files.sweep().await.unwrap(), Swept { unfinished: 1, objects: 1, ..Swept::default() });
    service.assert_no_trace().await;
}

async fn a_refused_upload_hears_why_over_a_real_connection(place: Place) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let service = Service::start(place).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = service.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let form = Form::new().bucket("small").file("big", "", &vec![b'x'; 30 << 20]).end();
    for (caller, status) in [
        ("user\r\nx-hasura-user-id: 00000000-0000-0000-0000-00000000000a", "400 Bad Request"),
        ("public", "403 Forbidden"),
    ] {
        let head = format!(
            "POST /files HTTP/1.1\r\nhost: a\r\nx-hasura-admin-secret: {SECRET}\r\nx-hasura-role: {caller}\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
            form.len()
        );
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&form).await.unwrap();
        let mut answer = vec![0; 1000];
        let length = connection.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    server.abort();
    service.assert_no_trace().await;
}

async fn a_delete_takes_the_row_and_the_bytes_if_the_role_may(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}");
    let answer = service.fetch(Method::DELETE, &path, Caller::User(BORIS), &[]).await;
    assert_eq!(answer.error(), (404, "file not found".to_owned()));
    let answer = service.fetch(Method::DELETE, &path, Caller::Nobody, &[]).await;
    assert_eq!(answer.error(), (403, "you are not authorized".to_owned()));
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.body, b"hello");

    let answer = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    service.assert_no_trace().await;
    let again = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(again.error(), (404, "file not found".to_owned()));
    let malformed = service.fetch(Method::DELETE, "/files/../x", Caller::Admin, &[]).await;
    assert_eq!(malformed.status, StatusCode::NOT_FOUND);
    let malformed = service.fetch(Method::DELETE, "/files/x", Caller::Admin, &[]).await;
    assert_eq!(malformed.error(), (400, "invalid input syntax for type uuid: \"x\"".to_owned()));
}
