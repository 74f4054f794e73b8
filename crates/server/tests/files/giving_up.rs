//! What is given up, and what only seems to be: a commit whose answer is lost or late, and what housekeeping makes of it.

use std::time::Duration;

use http::{Method, StatusCode};

use super::everywhere;
use super::service::{ANNA, Caller, Form, Place, Service};
use super::trouble::Trouble;

everywhere! {
    a_commit_whose_answer_is_lost_is_one
    a_commit_that_comes_late_loses_nothing
    a_step_that_fails_keeps_no_other_from_being_taken
    what_was_cut_short_is_forgotten_however_much_it_is
}

const FILE: &str =
    "Content-Disposition: form-data; name=\"file\"; filename=\"b.txt\"\r\nContent-Type: text/plain";

impl Service {
    async fn content(&self, id: &str) -> Vec<u8> {
        let answer = self.fetch(Method::GET, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.body
    }
}

async fn a_commit_whose_answer_is_lost_is_one(place: Place) {
    let service = Service::start(place).await;
    let unanswered = ("mutation completeFile", Trouble::Unanswered);
    service.project.trouble(&[unanswered]);
    let id = service.stored("a.txt", "text/plain", b"first").await;
    assert_eq!(service.content(&id).await, b"first");
    let second = Form::new().part(FILE, b"second").end();
    assert_eq!(service.replace_as(Caller::User(ANNA), &id, second).await.status, StatusCode::OK);
    assert_eq!(service.content(&id).await, b"second");

    // Where nobody can be asked whether it was, it is not known, and nothing is lost.
    service.project.trouble(&[unanswered, ("query uploaded", Trouble::Lost)]);
    let third = Form::new().part(FILE, b"third").end();
    assert_eq!(service.replace_as(Caller::User(ANNA), &id, third).await.error().0, 503);
    let form = Form::new().file("c.txt", "text/plain", b"another").end();
    assert_eq!(service.upload_as(Caller::User(ANNA), form).await.error().0, 503);
    service.project.recover();
    service.assert_no_orphan().await;
    assert_eq!(service.content(&id).await, b"third");
    let rows = service.rows().await;
    let another = rows.iter().find(|row| row["name"] == "c.txt").unwrap();
    assert_eq!(service.content(another["id"].as_str().unwrap()).await, b"another");
    assert_eq!(service.objects().await.len(), 2);
}

async fn a_commit_that_comes_late_loses_nothing(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    for late in [0, 1, 2, 3, 5, 8, 13, 50, 300].map(Duration::from_millis) {
        service.project.trouble(&[("mutation completeFile", Trouble::Late(late))]);
        let form = Form::new().part(FILE, b"new").end();
        let answer = service.replace_as(Caller::User(ANNA), &id, form).await;
        assert!(matches!(answer.status.as_u16(), 200 | 503), "{}", answer.text());
        let form = Form::new().file("c.txt", "text/plain", b"another").end();
        let uploaded = service.upload_as(Caller::User(ANNA), form).await;
        assert!(matches!(uploaded.status.as_u16(), 201 | 503), "{}", uploaded.text());
        tokio::time::sleep(late + Duration::from_millis(100)).await;
        service.project.recover();
        let content = service.content(&id).await;
        assert!([b"old", b"new"].iter().any(|known| known.as_slice() == content));
        service.assert_no_orphan().await;
        assert_eq!(service.content(&id).await, content);
        for row in service.rows().await {
            assert_eq!(row["isUploaded"], true);
            service.content(row["id"].as_str().unwrap()).await;
        }
    }
}

async fn a_step_that_fails_keeps_no_other_from_being_taken(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"old").await;
    let form = Form::new().part(FILE, b"new").end();
    assert_eq!(service.replace_as(Caller::User(ANNA), &id, form).await.status, StatusCode::OK);
    assert_eq!(service.objects().await.len(), 2);
    service.clock.advance(2 * 60 * 60);
    let lost = ["query unchecked", "query stale", "query unfinished", "mutation removeUnreferenced"];
    service.project.trouble(&lost.map(|document| (document, Trouble::Lost)));
    assert!(service.files.sweep().await.is_err());
    assert_eq!((service.objects().await.len(), service.book().await.len()), (1, 1));
}

async fn what_was_cut_short_is_forgotten_however_much_it_is(place: Place) {
    let service = Service::start(place).await;
    let client = service.world.pool.client().await.unwrap();
    let rows = "insert into storage.files (bucket_id, name, size, is_uploaded)
        select 'default', 'a', 1, false from generate_series(1, 250)";
    client.batch_execute(rows).await.unwrap();
    service.clock.advance(2 * 60 * 60);
    assert_eq!(service.sweep().await.unfinished, 250);
    service.assert_no_trace().await;
}
