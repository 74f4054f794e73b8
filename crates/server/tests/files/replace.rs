//! Replacements: another content under the same id, whole or not at all.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;

use super::everywhere;
use super::service::{ANNA, Answer, BORIS, Caller, Form, Place, Service};
use super::trouble::Trouble;

everywhere! {
    another_content_takes_the_place_of_the_old_one
    who_may_not_change_a_file_does_not_replace_it
    a_replacement_that_fails_leaves_the_old_content
    of_many_replacements_at_once_one_is_there_whole
    what_is_read_is_one_content_with_its_own_tag
    a_replacement_leaves_another_its_time
}

const FILE: &str =
    "Content-Disposition: form-data; name=\"file\"; filename=\"b.txt\"\r\nContent-Type: text/plain";
const METADATA: &str =
    "Content-Disposition: form-data; name=\"metadata\"; filename=\"\"\r\nContent-Type: application/json";

async fn another_content_takes_the_place_of_the_old_one(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    let path = format!("/files/{id}");
    let old = service.fetch(Method::HEAD, &path, Caller::User(ANNA), &[]).await.header("etag").to_owned();
    let form = Form::new().part(METADATA, br#"{"name":"c.txt","metadata":{"alt":"1"}}"#).part(FILE, b"newer");
    let answer = service.replace_as(Caller::User(ANNA), &id, form.end()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let file = answer.json();
    assert_eq!(
        (&file["id"], &file["name"], &file["size"], &file["metadata"], &file["isUploaded"]),
        (&json!(id), &json!("c.txt"), &json!(5), &json!({ "alt": "1" }), &json!(true))
    );
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!((answer.body.as_slice(), answer.header("etag") == old), (b"newer".as_slice(), false));

    // The old object stays for those who read it, and no longer.
    assert_eq!(service.objects().await.len(), 2);
    assert_eq!(service.sweep().await.objects, 0);
    service.clock.advance(2 * 60 * 60);
    assert_eq!(service.sweep().await.objects, 1);
    assert_eq!(service.objects().await.len(), 1);
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.body, b"newer");

    let form = Form::new().part(FILE, b"third").end();
    let answer = service.replace_as(Caller::Admin, &id, form).await;
    assert_eq!(
        (&answer.json()["name"], &answer.json()["metadata"]),
        (&json!("c.txt"), &json!({ "alt": "1" }))
    );
}

async fn who_may_not_change_a_file_does_not_replace_it(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    let form = || Form::new().part(FILE, b"new").end();
    let answer = service.replace_as(Caller::User(BORIS), &id, form()).await;
    assert_eq!(answer.error(), (404, "file not found".to_owned()));
    assert_eq!(service.replace_as(Caller::Nobody, &id, form()).await.status, StatusCode::FORBIDDEN);
    let nobody = "00000000-0000-0000-0000-000000000000";
    assert_eq!(service.replace_as(Caller::Admin, nobody, form()).await.error().0, 404);
    assert_eq!(service.replace_as(Caller::Admin, "x", form()).await.error().0, 400);
    for (form, message) in [
        (Form::new().end(), "wrong file data in multipart form, one needs to be specified"),
        (
            Form::new().part(FILE, b"1").part(FILE, b"2").end(),
            "wrong file data in multipart form, one needs to be specified",
        ),
        (Form::new().part(FILE, b"1").part(METADATA, b"{").end(), "couldn't decode metadata"),
    ] {
        assert_eq!(
            service.replace_as(Caller::User(ANNA), &id, form).await.error(),
            (400, message.to_owned())
        );
    }
    // What was sent in a message stays as it was sent.
    let sent = Form::new().bucket("messages").file("a.txt", "text/plain", b"sent").end();
    let sent = service.upload_as(Caller::User(ANNA), sent).await.json();
    let sent = sent["processedFiles"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(service.replace_as(Caller::User(ANNA), &sent, form()).await.error().0, 403);

    service.set(json!({ "isUploaded": false })).await;
    let answer = service.replace_as(Caller::User(ANNA), &id, form()).await;
    assert_eq!(answer.error(), (403, "file is not uploaded".to_owned()));
}

async fn a_replacement_that_fails_leaves_the_old_content(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    let path = format!("/files/{id}");
    for document in ["mutation expect", "mutation completeFile"] {
        service.project.fail(document);
        let answer = service.replace_as(Caller::User(ANNA), &id, Form::new().part(FILE, b"new").end()).await;
        assert_eq!(answer.error().0, 503);
        service.project.recover();
        assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.body, b"old");
        assert_eq!(service.objects().await.len(), 1);
        service.assert_no_orphan().await;
    }
}

async fn of_many_replacements_at_once_one_is_there_whole(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    let contents: Vec<Vec<u8>> =
        (0..8).map(|number| vec![b'0' + number; 100 + usize::from(number)]).collect();
    for _ in 0..5 {
        let replacing = contents.iter().map(|content| {
            service.replace_as(Caller::User(ANNA), &id, Form::new().part(FILE, content).end())
        });
        for answer in futures::future::join_all(replacing).await {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        }
        let answer = service.fetch(Method::GET, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
        assert!(contents.contains(&answer.body), "{}", answer.text());
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    }
    service.clock.advance(2 * 60 * 60);
    service.sweep().await;
    assert_eq!((service.objects().await.len(), service.book().await.len()), (1, 1));
}

async fn what_is_read_is_one_content_with_its_own_tag(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"0").await;
    let path = format!("/files/{id}");
    let read = || async { service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await };
    for (between, new) in [("query stored", b"1"), ("query readable", b"2")] {
        let old = read().await;
        let (is_there, go_on) = service.project.hold(between);
        let replacing = async {
            is_there.await.unwrap();
            // What was not held back has its answer by now.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let replaced =
                service.replace_as(Caller::User(ANNA), &id, Form::new().part(FILE, new).end()).await;
            assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
            go_on.send(()).unwrap();
        };
        let (meanwhile, ()) = tokio::join!(read(), replacing);
        let after = read().await;
        let pair = |answer: &Answer| (answer.body.clone(), answer.header("etag").to_owned());
        assert_eq!(after.body, new);
        assert!([pair(&old), pair(&after)].contains(&pair(&meanwhile)), "{between}");
    }
}

async fn a_replacement_leaves_another_its_time(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    let lines = "{ stored_objects(where: { isCurrent: { _eq: false }, fileId: { _is_null: false } }) { expectedUntil } }";
    service.project.trouble(&[("mutation completeFile", Trouble::Slow(Duration::from_secs(3)))]);
    let slow =
        async { service.replace_as(Caller::User(ANNA), &id, Form::new().part(FILE, b"slow").end()).await };
    let quick = async {
        while service.objects().await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        service.project.recover();
        let before = service.world.admin(lines).await;
        let answer =
            service.replace_as(Caller::User(ANNA), &id, Form::new().part(FILE, b"quick").end()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(service.world.admin(lines).await, before);
    };
    let (slow, ()) = tokio::join!(slow, quick);
    assert_eq!(slow.status, StatusCode::OK, "{}", slow.text());
    let answer = service.fetch(Method::GET, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
    assert_eq!(answer.body, b"slow");
    service.assert_no_orphan().await;
}
