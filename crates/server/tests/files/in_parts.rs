//! Uploads in parts: the protocol, what it refuses, going on after a break, and what is left of what is given up.

use data_encoding::HEXLOWER;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::everywhere;
use super::pictures::png;
use super::service::{ANNA, BORIS, Caller, Place, Service};
use super::trouble::Trouble;

everywhere! {
    a_large_file_comes_in_parts
    a_small_picture_comes_in_one_part_and_is_rewritten
    a_picture_that_takes_too_long_is_no_file_yet
    an_upload_goes_on_after_a_break
    what_was_not_announced_is_refused
    an_upload_is_its_uploaders
    what_is_given_up_or_too_late_is_removed
    what_was_complete_when_the_server_died_is_checked_later
    what_was_joined_when_the_server_died_is_found
    completing_twice_at_once_is_completing_once
    what_is_given_up_while_it_is_completed_is_gone
    what_is_completed_while_it_is_given_up_is_a_file
    a_part_that_comes_too_late_is_refused
    a_picture_counts_once_while_it_is_rewritten
    what_cannot_be_checked_is_a_document_in_the_end
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
    // There is no upload any more, only a file; who asks again hears of it again.
    assert_eq!(upload.complete(&service, &parts).await.json(), file);
    assert_eq!(upload.complete(&service, &[]).await.json(), file);
    let state = upload.state(&service).await;
    assert_eq!(
        (&state["isComplete"], &state["received"], &state["parts"]),
        (&json!(true), &json!([]), &json!(parts.len()))
    );
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
    assert_eq!(service.uploads_in_parts(), 0);
    service.assert_given_up().await;
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

async fn what_was_joined_when_the_server_died_is_found(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "notes.txt", noise(PART + 10)).await;
    let parts = [upload.send(&service, 1).await, upload.send(&service, 2).await];
    service.project.fail("mutation finishUpload");
    assert_eq!(upload.complete(&service, &parts).await.error().0, 503);
    service.project.recover();
    let state = upload.state(&service).await;
    assert_eq!((&state["isComplete"], &state["received"]), (&json!(true), &json!([])));
    // Whoever goes on has the state alone.
    let answer = upload.complete(&service, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(upload.complete(&service, &parts).await.json(), answer.json());
    let answer = service.fetch(Method::GET, &format!("/files/{}", upload.id), Caller::User(ANNA), &[]).await;
    assert!(answer.body == upload.content);
}

async fn completing_twice_at_once_is_completing_once(place: Place) {
    let service = Service::start(place).await;
    for round in 0..4 {
        let content = if round % 2 == 0 { noise(PART + round) } else { png(300, 200) };
        let upload = Upload::begin(&service, "p.png", content).await;
        let mut parts = Vec::new();
        for number in 1..=upload.content.len().div_ceil(PART) {
            parts.push(upload.send(&service, number).await);
        }
        let completing = (0..4).map(|_| upload.complete(&service, &parts));
        let answers = futures::future::join_all(completing).await;
        for answer in &answers {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            assert_eq!(answer.json()["etag"], answers[0].json()["etag"]);
        }
    }
    service.assert_no_orphan().await;
    assert_eq!(service.rows().await.len(), 4);
}

async fn what_is_given_up_while_it_is_completed_is_gone(place: Place) {
    let service = Service::start(place).await;
    for document in ["mutation finishUpload", "mutation beginCheck", "mutation completeFile"] {
        let upload = Upload::begin(&service, "film.bin", noise(10)).await;
        let part = upload.send(&service, 1).await;
        let [key] = <[String; 1]>::try_from(service.book().await).unwrap();
        let (is_there, go_on) = service.project.hold(document);
        let giving_up = async {
            is_there.await.unwrap();
            let given_up = service.fetch(Method::DELETE, &upload.path(""), Caller::User(ANNA), &[]).await;
            go_on.send(()).unwrap();
            given_up
        };
        let parts = [part];
        let (completed, given_up) = tokio::join!(upload.complete(&service, &parts), giving_up);
        assert_eq!(given_up.status, StatusCode::NO_CONTENT);
        assert_eq!(completed.error(), (404, "upload not found".to_owned()), "{document}");
        // The store may join the parts later than it said that they are gone.
        service.plant(&key, b"0123456789").await;
        assert_eq!(service.rows().await.len(), 0);
        service.assert_no_orphan().await;
        service.assert_no_trace().await;
    }
}

async fn what_is_completed_while_it_is_given_up_is_a_file(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "film.bin", noise(10)).await;
    let part = upload.send(&service, 1).await;
    let (is_there, go_on) = service.project.hold("mutation forgetFile");
    let completing = async {
        is_there.await.unwrap();
        let completed = upload.complete(&service, std::slice::from_ref(&part)).await;
        go_on.send(()).unwrap();
        completed
    };
    let path = upload.path("");
    let giving_up = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]);
    let (completed, given_up) = tokio::join!(completing, giving_up);
    assert_eq!(completed.status, StatusCode::OK, "{}", completed.text());
    assert_eq!(given_up.error(), (404, "upload not found".to_owned()));
    service.assert_no_orphan().await;
    let answer = service.fetch(Method::GET, &format!("/files/{}", upload.id), Caller::User(ANNA), &[]).await;
    assert!(answer.body == upload.content, "{}", answer.text());
}

async fn a_part_that_comes_too_late_is_refused(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "film.bin", noise(10)).await;
    let address = upload.place(&service, 1).await;
    let part = upload.send(&service, 1).await;
    assert_eq!(upload.complete(&service, &[part]).await.status, StatusCode::OK);
    assert_eq!(service.put_part(&address, upload.part(1)).await.0, 404);

    let upload = Upload::begin(&service, "film.bin", noise(10)).await;
    let address = upload.place(&service, 1).await;
    service.fetch(Method::DELETE, &upload.path(""), Caller::User(ANNA), &[]).await;
    assert_eq!(service.put_part(&address, upload.part(1)).await.0, 404);
}

async fn a_picture_counts_once_while_it_is_rewritten(place: Place) {
    let service = Service::start(place).await;
    let picture = [png(300, 200), b"taken at 54.9N 23.9E".to_vec()].concat();
    let limit = "mutation ($bytes: bigint!) { update_plans(where: { isDefault: { _eq: true } }, _set: { storageBytes: $bytes }) { affected_rows } }";
    let room = json!({ "bytes": picture.len() });
    service.world.run(&base::session::Session::admin(), limit, room).await.unwrap();
    let upload = Upload::begin(&service, "p.png", picture).await;
    let part = upload.send(&service, 1).await;
    let answer = upload.complete(&service, &[part]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let size = answer.json()["size"].clone();
    let used = service.world.admin("{ files_usage(where: { usedBytes: { _gt: 0 } }) { usedBytes } }").await;
    assert_eq!(used["files_usage"], json!([{ "usedBytes": size }]));
    let line = "{ stored_objects(where: { isCurrent: { _eq: true }, role: { _eq: \"content\" } }) { size } }";
    assert_eq!(service.world.admin(line).await["stored_objects"], json!([{ "size": size }]));
    service.assert_no_orphan().await;
}

async fn what_cannot_be_checked_is_a_document_in_the_end(place: Place) {
    let service = Service::start(place).await;
    let upload = Upload::begin(&service, "p.png", png(300, 200)).await;
    let part = upload.send(&service, 1).await;
    let tries =
        async || service.world.admin("{ file_uploads { tries } }").await["file_uploads"][0]["tries"].clone();
    // A database that is away for a while is no picture's fault.
    service.project.fail("mutation expect");
    assert_eq!(upload.complete(&service, std::slice::from_ref(&part)).await.error().0, 503);
    assert_eq!(tries().await, json!(0));
    // It is written down before it is looked at: a server may die of a picture.
    for dying in 1..=3 {
        service
            .project
            .trouble(&[("mutation expect", Trouble::Lost), ("mutation takeBackCheck", Trouble::Lost)]);
        service.clock.advance(60 * 60);
        assert_eq!(service.sweep().await.checked, 0);
        assert_eq!(tries().await, json!(dying));
        // Nobody tries again at once.
        assert_eq!(service.sweep().await.checked, 0);
        assert_eq!(tries().await, json!(dying));
    }
    service.project.recover();
    service.clock.advance(60 * 60);
    assert_eq!(service.sweep().await.checked, 1);
    let answer = service.fetch(Method::GET, &format!("/files/{}", upload.id), Caller::User(ANNA), &[]).await;
    assert!(answer.body == upload.content);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    service.assert_no_orphan().await;
}
