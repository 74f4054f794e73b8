//! Uploads: the SDKs' forms, the limits, the rights, and what is left after a failure.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::files::{Limits, Pace};
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, StatusCode};
use serde_json::json;

use super::everywhere;
use super::pictures;
use super::service::{ANNA, BORIS, BOUNDARY, Caller, Form, Place, Service, upload_request};

const ID: &str = "0b7a7d3c-5d6e-4f70-8a91-b2c3d4e5f601";

everywhere! {
    one_file_is_stored_and_described
    fields_come_in_the_order_of_either_sdk
    a_malformed_form_is_refused_and_leaves_nothing
    a_form_has_its_limits
    the_buckets_sizes_hold_wherever_the_bucket_is_named
    files_before_an_error_stay_and_are_listed
    a_taken_id_is_refused_and_its_file_stays
    permissions_decide_who_uploads
    nobody_unknown_gets_room_on_the_disk
    what_fails_half_way_leaves_nothing
    a_client_that_goes_away_leaves_nothing
    a_client_that_stands_still_is_given_up
    nobody_keeps_the_others_from_uploading
    nobody_takes_all_the_room_on_the_way
    memory_does_not_grow_with_the_file
}

async fn one_file_is_stored_and_described(place: Place) {
    let service = Service::start(place).await;
    let png = pictures::png(3, 2);
    let answer =
        service.upload_as(Caller::User(ANNA), Form::new().file("Cat 1.png", "image/png", &png).end()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let mut file = answer.json()["processedFiles"][0].clone();
    let id = file["id"].take();
    let id = id.as_str().unwrap();
    let etag = file["etag"].take();
    assert!(etag.as_str().unwrap().starts_with('"') && etag.as_str().unwrap().ends_with('"'));
    let (created, updated) = (file["createdAt"].take(), file["updatedAt"].take());
    assert!(created.is_string() && updated.is_string());
    assert_eq!(
        file,
        json!({
            "id": null, "name": "Cat 1.png", "size": png.len(), "bucketId": "default", "etag": null,
            "createdAt": null, "updatedAt": null, "isUploaded": true, "mimeType": "image/png",
            "uploadedByUserId": ANNA,
        })
    );
    let [small, content] = <[String; 2]>::try_from(service.objects().await).unwrap();
    assert!(small.starts_with(&format!("uploads/{id}/.thumbnail-")), "{small}");
    assert_eq!(content, format!("uploads/{id}/Cat_1.png"));
}

async fn fields_come_in_the_order_of_either_sdk(place: Place) {
    let service = Service::start(place).await;
    let metadata =
        [json!({ "id": ID, "name": "one.txt", "metadata": { "alt": "1" } }).to_string(), "{}".to_owned()];
    let fourth = Form::new()
        .bucket("small")
        .metadata(&metadata[0])
        .metadata(&metadata[1])
        .file("a.txt", "text/plain", b"first")
        .file("b.bin", "application/octet-stream", b"second")
        .end();
    let answer = service.upload_as(Caller::Admin, fourth).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let files = answer.json()["processedFiles"].clone();
    assert_eq!(
        (&files[0]["id"], &files[0]["name"], &files[0]["metadata"]["alt"]),
        (&json!(ID), &json!("one.txt"), &json!("1"))
    );
    assert_eq!(
        (&files[1]["name"], &files[1]["mimeType"]),
        (&json!("b.bin"), &json!("text/plain; charset=utf-8"))
    );
    assert_eq!(files[1].get("metadata"), None);
    assert_eq!(files[1]["bucketId"], "small");

    let service = Service::start(place).await;
    let third = Form::new()
        .file("a.txt", "text/plain", b"first")
        .file("b.bin", "", b"second")
        .metadata(&metadata[0])
        .metadata(&metadata[1])
        .bucket("small")
        .end();
    let answer = service.upload_as(Caller::Admin, third).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.json()["processedFiles"][0]["id"], ID);
    assert_eq!(answer.json()["processedFiles"][1]["bucketId"], "small");
}

async fn a_malformed_form_is_refused_and_leaves_nothing(place: Place) {
    let service = Service::start(place).await;
    let file = || Form::new().file("a.txt", "text/plain", b"hello");
    let value = "Content-Disposition: form-data; name=\"file[]\"; filename=\"\"";
    let cases = [
        (Form::new().end(), "file[] not found in Multipart form"),
        (Form::new().bucket("default").end(), "file[] not found in Multipart form"),
        (Form::new().part(value, b"x").end(), "file[] not found in Multipart form"),
        (
            file().metadata("{}").metadata("{}").end(),
            "file metadata length doesn't match number of files in request",
        ),
        (file().metadata("{").end(), "couldn't decode metadata"),
        (file().metadata(r#"{"metadata":1}"#).end(), "couldn't decode metadata"),
        (file().metadata(r#"{"nmae":"x"}"#).end(), "couldn't decode metadata"),
        (file().metadata(r#"{"id":"7"}"#).end(), "invalid input syntax for type uuid: \"7\""),
        (file().metadata(r#"{"name":"a\u0000b"}"#).end(), "a file's name has control characters"),
        (Form::new().file(&"я".repeat(128), "", b"x").end(), "a file's name is longer than 255 bytes"),
        (file().bucket(&"b".repeat(70 << 10)).end(), "a form field is too long"),
    ];
    for (form, message) in cases {
        let answer = service.upload_as(Caller::User(ANNA), form).await;
        assert_eq!(answer.error(), (400, message.to_owned()));
        assert_eq!(answer.json()["error"]["data"], json!(null));
        service.assert_no_trace().await;
    }
    for rubbish in [&b""[..], b"rubbish", b"------formdata-7\r\n\r\nno end", b"------formdata-7\r\n"] {
        let answer = service.upload_as(Caller::User(ANNA), rubbish.to_vec()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        service.assert_no_trace().await;
    }
    let untyped = Caller::User(ANNA).request(Method::POST, "/files").body(Body::from("{}")).unwrap();
    assert_eq!(service.send(untyped).await.error().0, 400);
}

async fn a_form_has_its_limits(place: Place) {
    let limits = Limits { files_per_request: 2, ..Limits::default() };
    let service = Box::pin(Service::start_with(place, limits, 1 << 20)).await;
    let three = Form::new().file("a", "", b"1").file("b", "", b"2").file("c", "", b"3").end();
    assert_eq!(service.upload_as(Caller::User(ANNA), three).await.error().1, "the form has too many files");
    let many = (0..40).fold(Form::new(), |form, _| form.bucket("default")).end();
    assert_eq!(service.upload_as(Caller::User(ANNA), many).await.error().1, "the form has too many fields");
    let long = Form::new().part(&format!("X: {}", "x".repeat(300 << 10)), b"").end();
    let chunks: Vec<_> =
        long.chunks(8 << 10).map(|chunk| Ok::<_, io::Error>(Bytes::copy_from_slice(chunk))).collect();
    let body = Body::from_stream(futures::stream::iter(chunks));
    let answer = service.send(upload_request(Caller::User(ANNA), body)).await;
    assert_eq!(answer.error().1, "the headers of a form field are too long");
    service.assert_no_trace().await;

    let crowded =
        Box::pin(Service::start_with(place, Limits { concurrent_uploads: 0, ..Limits::default() }, 1 << 20))
            .await;
    let form = Form::new().file("a", "", b"1").end();
    assert_eq!(crowded.upload_as(Caller::User(ANNA), form.clone()).await.error().0, 429);
    let full = Box::pin(Service::start_with(place, Limits::default(), 0)).await;
    assert_eq!(full.upload_as(Caller::User(ANNA), form).await.error().0, 503);
    full.assert_no_trace().await;
}

async fn the_buckets_sizes_hold_wherever_the_bucket_is_named(place: Place) {
    let service = Service::start(place).await;
    let big = b"12345678901";
    for form in [
        Form::new().bucket("small").file("a.txt", "", big).end(),
        Form::new().file("a.txt", "", big).bucket("small").end(),
    ] {
        let answer = service.upload_as(Caller::Admin, form).await;
        assert_eq!(answer.error(), (400, "file too big".to_owned()));
        assert_eq!(answer.json()["error"]["data"], json!({ "filename": "a.txt", "size": 11, "maxSize": 10 }));
        service.assert_no_trace().await;
    }
    let answer =
        service.upload_as(Caller::Admin, Form::new().bucket("small").file("a", "", b"123").end()).await;
    assert_eq!(answer.error(), (400, "file too small".to_owned()));
    assert_eq!(answer.json()["error"]["data"], json!({ "filename": "a", "size": 3, "minSize": 4 }));
    let answer = service.upload_as(Caller::Admin, Form::new().file("a", "", b"").end()).await;
    assert_eq!(answer.error(), (400, "file too small".to_owned()));
    let answer = service.upload_as(Caller::Admin, Form::new().bucket("none").file("a", "", b"x").end()).await;
    assert_eq!(answer.error(), (404, "bucket not found".to_owned()));
    service.assert_no_trace().await;
}

async fn files_before_an_error_stay_and_are_listed(place: Place) {
    let service = Service::start(place).await;
    let form = Form::new()
        .bucket("small")
        .file("a.txt", "", b"first")
        .file("b.txt", "", b"much too long")
        .file("c.txt", "", b"third")
        .end();
    let answer = service.upload_as(Caller::Admin, form).await;
    assert_eq!(answer.error(), (400, "file too big".to_owned()));
    let processed = answer.json()["processedFiles"].clone();
    assert_eq!((processed.as_array().unwrap().len(), &processed[0]["name"]), (1, &json!("a.txt")));
    assert_eq!(service.objects().await.len(), 1);
    assert_eq!(service.rows().await.len(), 1);
}

async fn a_taken_id_is_refused_and_its_file_stays(place: Place) {
    let service = Service::start(place).await;
    let form = |content: &[u8]| {
        Form::new().metadata(&json!({ "id": ID }).to_string()).file("a.txt", "text/plain", content).end()
    };
    assert_eq!(service.upload_as(Caller::User(ANNA), form(b"mine")).await.status, StatusCode::CREATED);
    let answer = service.upload_as(Caller::User(BORIS), form(b"yours")).await;
    let (status, message) = answer.error();
    assert!(status == 400 && message.contains("duplicate key"), "{message}");
    let path = format!("/files/{ID}");
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.body, b"mine");
}

async fn permissions_decide_who_uploads(place: Place) {
    let service = Service::start(place).await;
    let form = || Form::new().file("a.txt", "text/plain", b"hello");
    for (caller, form) in [
        (Caller::Nobody, form().end()),
        (Caller::Role("nobody"), form().end()),
        (Caller::User(ANNA), form().bucket("private").end()),
    ] {
        let answer = service.upload_as(caller, form).await;
        assert_eq!(answer.error(), (403, "you are not authorized".to_owned()));
        service.assert_no_trace().await;
    }
    let answer = service.upload_as(Caller::Admin, form().bucket("private").end()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let wrong = upload_request(Caller::Nobody, Body::from(form().end()));
    let (mut head, body) = wrong.into_parts();
    head.headers.insert("authorization", "Bearer x.y.z".parse().unwrap());
    assert_eq!(service.send(http::Request::from_parts(head, body)).await.error().0, 401);
}

async fn nobody_unknown_gets_room_on_the_disk(place: Place) {
    let service = Service::start(place).await;
    // A form that never ends: the answer comes without waiting for it.
    let head =
        futures::stream::once(async { Ok::<_, io::Error>(Bytes::from_static(b"------formdata-7\r\n")) });
    let body = Body::from_stream(head.chain(futures::stream::pending()));
    let asked = tokio::time::Instant::now();
    let answer = service.send(upload_request(Caller::Nobody, body)).await;
    assert_eq!(answer.error().0, 403);
    assert!(asked.elapsed() < Limits::default().pace.stall);
    service.assert_no_trace().await;
}

async fn what_fails_half_way_leaves_nothing(place: Place) {
    let service = Service::start(place).await;
    let form = || Form::new().file("a.txt", "text/plain", b"hello").end();
    for document in ["mutation insertFile", "mutation expect", "mutation completeFile"] {
        service.project.fail(document);
        let answer = service.upload_as(Caller::User(ANNA), form()).await;
        assert_eq!(answer.error(), (503, "the service is unavailable, try again later".to_owned()));
        service.assert_given_up().await;
    }
    service.project.recover();
    service.break_store();
    let answer = service.upload_as(Caller::User(ANNA), form()).await;
    assert!(matches!(answer.error().0, 500 | 503), "{}", answer.text());
    assert!(service.rows().await.is_empty());
    assert_eq!(service.spooled(), 0);
}

async fn a_client_that_goes_away_leaves_nothing(place: Place) {
    let service = Service::start(place).await;
    let form = Form::new().file("a.txt", "text/plain", &[b'x'; 1000]).0;
    let first = futures::stream::once(async { Ok::<_, io::Error>(Bytes::from(form)) });
    let body = Body::from_stream(first.chain(futures::stream::pending()));
    let router = service.router.clone();
    let upload = tokio::spawn(tower::ServiceExt::oneshot(router, upload_request(Caller::User(ANNA), body)));
    wait_until(|| service.spooled() > 0).await;
    upload.abort();
    wait_until(|| service.spooled() == 0).await;
    service.assert_no_trace().await;

    let form = Form::new().file("a.txt", "text/plain", &[b'x'; 1000]).0;
    let broken = [Ok(Bytes::from(form)), Err(io::Error::other("reset"))];
    let body = Body::from_stream(futures::stream::iter(broken));
    let answer = service.send(upload_request(Caller::User(ANNA), body)).await;
    assert_eq!(answer.error(), (400, "the upload broke off".to_owned()));
    service.assert_no_trace().await;
}

async fn a_client_that_stands_still_is_given_up(place: Place) {
    let service = Box::pin(Service::start_with(
        place,
        Limits { pace: Pace { stall: Duration::from_millis(200), ..Pace::default() }, ..Limits::default() },
        1 << 20,
    ))
    .await;
    let form = Form::new().file("a.txt", "text/plain", &[b'x'; 1000]).0;
    let first = futures::stream::once(async { Ok::<_, io::Error>(Bytes::from(form)) });
    let body = Body::from_stream(first.chain(futures::stream::pending()));
    let answer = service.send(upload_request(Caller::User(ANNA), body)).await;
    assert_eq!(answer.error(), (408, "the upload stood still for too long, or was too slow".to_owned()));
    service.assert_no_trace().await;
}

/// An upload that sends a little, and then a little every now and then.
fn trickling(service: &Service, person: &'static str) -> tokio::task::JoinHandle<StatusCode> {
    let form = Form::new().file("a.txt", "text/plain", &[b'x'; 1000]).0;
    let first = futures::stream::once(async { Ok::<_, io::Error>(Bytes::from(form)) });
    let rest = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok(Bytes::from_static(b"x")), ()))
    });
    let (router, body) = (service.router.clone(), Body::from_stream(first.chain(rest)));
    let request = upload_request(Caller::User(person), body);
    tokio::spawn(async { tower::ServiceExt::oneshot(router, request).await.unwrap().status() })
}

async fn nobody_keeps_the_others_from_uploading(place: Place) {
    let limits = Limits {
        concurrent_uploads: 4,
        uploads_per_person: 2,
        pace: Pace { grace: Duration::from_secs(2), ..Pace::default() },
        ..Limits::default()
    };
    let service = Box::pin(Service::start_with(place, limits, 1 << 20)).await;
    let slow = [trickling(&service, ANNA), trickling(&service, ANNA)];
    wait_until(|| service.spooled() == 2).await;
    let form = || Form::new().file("a", "", b"1").end();
    let refused = service.upload_as(Caller::User(ANNA), form()).await;
    assert_eq!((refused.error().0, refused.header("retry-after")), (429, "5"));
    assert_eq!(service.upload_as(Caller::User(BORIS), form()).await.status, StatusCode::CREATED);
    // Who sends a byte now and then is given up, and has their turns back.
    for upload in slow {
        assert_eq!(upload.await.unwrap(), StatusCode::REQUEST_TIMEOUT);
    }
    assert_eq!(service.upload_as(Caller::User(ANNA), form()).await.status, StatusCode::CREATED);
}

async fn nobody_takes_all_the_room_on_the_way(place: Place) {
    let limits = Limits { received_bytes_per_person: 1000, ..Limits::default() };
    let service = Box::pin(Service::start_with(place, limits, 1 << 20)).await;
    let form = |size| Form::new().file("a", "", &vec![b'x'; size]).end();
    assert_eq!(service.upload_as(Caller::User(ANNA), form(1001)).await.error().0, 429);
    assert_eq!(service.upload_as(Caller::User(ANNA), form(1000)).await.status, StatusCode::CREATED);
    assert_eq!(service.upload_as(Caller::Admin, form(1001)).await.status, StatusCode::CREATED);
    assert_eq!(service.spooled(), 0);
}

async fn memory_does_not_grow_with_the_file(place: Place) {
    const CHUNK: usize = 64 << 10;
    const CHUNKS: u64 = 250;
    let service = Service::start(place).await;
    let spool = service.folder.join("spool");
    let head = "Content-Disposition: form-data; name=\"file[]\"; filename=\"big\"";
    let head = format!("--{BOUNDARY}\r\n{head}\r\n\r\n");
    let ahead = Arc::new(AtomicU64::new(0));
    let most = Arc::clone(&ahead);
    let content = futures::stream::iter(0..CHUNKS).map(move |chunk| {
        let written: u64 = std::fs::read_dir(&spool)
            .unwrap()
            .map(|entry| entry.unwrap().metadata().map_or(0, |metadata| metadata.len()))
            .sum();
        most.fetch_max((chunk * CHUNK as u64).saturating_sub(written), Ordering::Relaxed);
        Bytes::from(vec![b'x'; CHUNK])
    });
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let all = futures::stream::once(async { Bytes::from(head) })
        .chain(content)
        .chain(futures::stream::once(async { Bytes::from(end) }))
        .map(Ok::<_, io::Error>);
    let answer = service.send(upload_request(Caller::User(ANNA), Body::from_stream(all))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.json()["processedFiles"][0]["size"], CHUNKS * CHUNK as u64);
    // What is read and not yet on the disk: a piece in the form's reader and one in the file's writer.
    assert!(ahead.load(Ordering::Relaxed) <= 6 << 20, "{ahead:?}");
}

/// Waits for something that is about to be so.
async fn wait_until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}
