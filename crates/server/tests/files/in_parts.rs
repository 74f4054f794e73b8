//! Uploads in parts: the protocol, what it refuses, going on after a break, and what is left of what is given up.

use data_encoding::HEXLOWER;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::everywhere;
use super::pictures::png;
use super::service::{ANNA, BORIS, Caller, Place, Service};

everywhere! {
    a_large_file_comes_in_parts
    a_small_picture_comes_in_one_part_and_is_rewritten
    a_picture_that_takes_too_long_is_no_file_yet
    an_upload_goes_on_after_a_break
    what_was_not_announced_is_refused
    an_upload_is_its_uploaders
    what_is_given_up_or_too_late_is_removed
    what_was_complete_when_the_server_died_is_checked_later
}

const PART: usize = 8 << 20;

struct Upload {
    id: String,
    content: Vec<u8>,
}

impl Upload {
    async fn begin(service: &Service, name: &str, content: Vec<u8>) -> Self {
        let announced = json!({ "bucketId": "messages", "name": name, "size": content.len(), "metadata": { "alt": "1" } });
        let answer = service.post("/files/uploads", Caller::User(ANNA), &announced).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let begun = answer.json();
        assert_eq!(
            (&begun["partSize"], &begun["parts"]),
            (&json!(PART), &json!(content.len().div_ceil(PART)))
        );
        Self { id: begun["id"].as_str().unwrap().to_owned(), content }
    }

    fn part(&self, number: usize) -> &[u8] {
        self.content.chunks(PART).nth(number - 1).unwrap()
    }

    fn hash(&self, number: usize) -> String {
        HEXLOWER.encode(&Sha256::digest(self.part(number)))
    }

    fn path(&self, what: &str) -> String {
        format!("/files/uploads/{}{what}", self.id)
    }

    async fn place(&self, service: &Service, number: usize) -> Value {
        let asked = json!({ "parts": [{ "number": number, "sha256": self.hash(number) }] });
        let answer = service.post(&self.path("/parts"), Caller::User(ANNA), &asked).await;
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (StatusCode::OK, "no-store"),
            "{}",
            answer.text()
        );
        answer.json()["parts"][0].clone()
    }

    /// Sends a part, and gives what completing wants of it.
    async fn send(&self, service: &Service, number: usize) -> Value {
        let place = self.place(service, number).await;
        let (status, etag) = service.put_part(&place, self.part(number)).await;
        assert_eq!(status, 200);
        json!({ "number": number, "etag": etag, "sha256": self.hash(number) })
    }

    async fn complete(&self, service: &Service, parts: &[Value]) -> super::service::Answer {
        service.post(&self.path("/complete"), Caller::User(ANNA), &json!({ "parts": parts })).await
    }

    async fn state(&self, service: &Service) -> Value {
        service.fetch(Method::GET, &self.path(""), Caller::User(ANNA), &[]).await.json()
    }
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()[7]
    };
    std::iter::repeat_with(step).take(size).collect()
}

async fn a_large_file_comes_in_parts(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "film.bin", noise(2 * PART + 1000)).await;
    let path = format!("/files/{}", upload.id);
    let before = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(before.error(), (403, "file is not uploaded".to_owned()));

    let (third, first) = (upload.send(&service, 3).await, upload.send(&service, 1).await);
    let parts = [first, upload.send(&service, 2).await, third];
    let answer = upload.complete(&service, &parts).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let file = answer.json();
    assert_eq!(
        (&file["id"], &file["size"], &file["isUploaded"], &file["mimeType"], &file["metadata"]["alt"]),
        (
            &json!(upload.id),
            &json!(upload.content.len()),
            &json!(true),
            &json!("application/octet-stream"),
            &json!("1")
        )
    );
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert!(answer.body == upload.content);
    assert_eq!((service.objects().await.len(), service.uploads_in_parts()), (1, 0));
    // There is no upload any more, only a file.
    assert_eq!(upload.complete(&service, &parts).await.error(), (404, "upload not found".to_owned()));
}

async fn a_small_picture_comes_in_one_part_and_is_rewritten(place: Place) {
    let service = Service::start(place).await;
    let mut picture = png(300, 200);
    // What a program wrote beside the picture.
    picture.extend_from_slice(b"taken at 54.9N 23.9E");
    let upload = Upload::begin(&service, "p.png", picture).await;
    let part = upload.send(&service, 1).await;
    let file = upload.complete(&service, &[part]).await.json();
    assert_eq!(file["mimeType"], "image/png");
    let answer = service.fetch(Method::GET, &format!("/files/{}", upload.id), Caller::User(ANNA), &[]).await;
    assert!(!answer.body.windows(5).any(|window| window == b"54.9N"));
    let details = service.world.admin("{ file_details { kind width height hasThumbnail } }").await;
    assert_eq!(
        details["file_details"],
        json!([{ "kind": "picture", "width": 300, "height": 200, "hasThumbnail": true }])
    );
    // What came first goes.
    service.clock.advance(2 * 60 * 60);
    service.sweep().await;
    assert_eq!(service.objects().await, service.book().await);
}

async fn a_picture_that_takes_too_long_is_no_file_yet(place: Place) {
    let service = Service::start_in_a_hurry(place).await;
    let upload = Upload::begin(&service, "p.png", png(300, 200)).await;
    let part = upload.send(&service, 1).await;
    for _ in 0..2 {
        let answer = upload.complete(&service, std::slice::from_ref(&part)).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"), "{}", answer.text());
    }
    let answer = service.fetch(Method::GET, &format!("/files/{}", upload.id), Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (403, "file is not uploaded".to_owned()));
}

async fn an_upload_goes_on_after_a_break(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "film.bin", noise(2 * PART)).await;
    let first = upload.send(&service, 1).await;
    let state = upload.state(&service).await;
    assert_eq!(
        (&state["size"], &state["parts"], &state["isComplete"]),
        (&json!(2 * PART), &json!(2), &json!(false))
    );
    let received = state["received"].as_array().unwrap();
    assert_eq!((received.len(), &received[0]["number"], &received[0]["size"]), (1, &json!(1), &json!(PART)));
    assert_eq!(received[0]["etag"], first["etag"]);
    let early = upload.complete(&service, std::slice::from_ref(&first)).await;
    assert_eq!(early.error(), (400, "the parts 1 to 2 must be named, each once".to_owned()));
    let second = upload.send(&service, 2).await;
    assert_eq!(upload.complete(&service, &[second, first]).await.status, StatusCode::OK);
}

async fn what_was_not_announced_is_refused(place: Place) {
    let service = Service::start(place).await;
    for (announced, status) in [
        (json!({ "bucketId": "messages", "name": "a", "size": 0 }), 400),
        (json!({ "bucketId": "messages", "name": "a", "size": 2_000_000_001_u64 }), 400),
        (json!({ "bucketId": "messages", "name": "a", "size": 100_000_001 }), 413),
        (json!({ "bucketId": "none", "name": "a", "size": 10 }), 404),
        (json!({ "bucketId": "private", "name": "a", "size": 10 }), 403),
        (json!({ "name": "a\u{0}", "size": 10 }), 400),
        (json!({ "name": "a" }), 400),
        (json!("x"), 400),
    ] {
        let answer = service.post("/files/uploads", Caller::User(ANNA), &announced).await;
        assert_eq!(answer.error().0, status, "{announced}: {}", answer.text());
    }
    assert_eq!(
        service.post("/files/uploads", Caller::Nobody, &json!({ "name": "a", "size": 1 })).await.error().0,
        403
    );
    service.assert_no_trace().await;

    let upload = Upload::begin(&service, "film.bin", noise(PART + 10)).await;
    for (number, sha256) in [(0, upload.hash(1)), (3, upload.hash(1)), (1, "00".to_owned())] {
        let asked = json!({ "parts": [{ "number": number, "sha256": sha256 }] });
        assert_eq!(service.post(&upload.path("/parts"), Caller::User(ANNA), &asked).await.error().0, 400);
    }
    // Other bytes, and fewer of them, are refused where they are sent.
    let place = upload.place(&service, 2).await;
    for other in [b"0123456789".as_slice(), b"short"] {
        assert_ne!(service.put_part(&place, other).await.0, 200);
    }
    let first = upload.send(&service, 1).await;
    let mut second = first.clone();
    second["number"] = json!(2);
    assert_eq!(upload.complete(&service, &[first, second]).await.error().0, 400);
    assert_eq!(upload.state(&service).await["isComplete"], false);
}

async fn an_upload_is_its_uploaders(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "film.bin", noise(10)).await;
    let part = upload.send(&service, 1).await;
    for caller in [Caller::User(BORIS), Caller::Nobody] {
        assert_eq!(service.fetch(Method::GET, &upload.path(""), caller, &[]).await.error().0, 404);
        assert_eq!(service.fetch(Method::DELETE, &upload.path(""), caller, &[]).await.error().0, 404);
        let asked = json!({ "parts": [{ "number": 1, "sha256": upload.hash(1) }] });
        assert_eq!(service.post(&upload.path("/parts"), caller, &asked).await.error().0, 404);
        assert_eq!(
            service.post(&upload.path("/complete"), caller, &json!({ "parts": [part] })).await.error().0,
            404
        );
    }
    assert_eq!(upload.complete(&service, &[part]).await.status, StatusCode::OK);
}

async fn what_is_given_up_or_too_late_is_removed(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "film.bin", noise(PART + 10)).await;
    upload.send(&service, 1).await;
    let given_up = service.fetch(Method::DELETE, &upload.path(""), Caller::User(ANNA), &[]).await;
    assert_eq!(given_up.status, StatusCode::NO_CONTENT);
    service.assert_no_trace().await;
    assert_eq!(service.fetch(Method::DELETE, &upload.path(""), Caller::User(ANNA), &[]).await.error().0, 404);

    let upload = Upload::begin(&service, "film.bin", noise(PART + 10)).await;
    upload.send(&service, 1).await;
    service.clock.advance(6 * 24 * 60 * 60);
    service.sweep().await;
    upload.send(&service, 2).await;
    service.clock.advance(2 * 24 * 60 * 60);
    assert_eq!(service.sweep().await.unfinished, 1);
    service.assert_no_trace().await;
}

async fn what_was_complete_when_the_server_died_is_checked_later(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "notes.txt", b"hello".to_vec()).await;
    let part = upload.send(&service, 1).await;
    service.project.fail("mutation completeFile");
    assert_eq!(upload.complete(&service, std::slice::from_ref(&part)).await.error().0, 503);
    service.project.recover();
    assert_eq!(upload.state(&service).await["isComplete"], true);
    service.clock.advance(10 * 60);
    assert_eq!(service.sweep().await.checked, 1);
    let answer = service.fetch(Method::GET, &format!("/files/{}", upload.id), Caller::User(ANNA), &[]).await;
    assert_eq!(
        (answer.body.as_slice(), answer.header("content-type")),
        (b"hello".as_slice(), "text/plain; charset=utf-8")
    );
}
