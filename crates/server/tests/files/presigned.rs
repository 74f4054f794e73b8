//! Presigned addresses: who gets one, and what it opens.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::everywhere;
use super::pictures::png;
use super::service::{ANNA, Answer, BORIS, Caller, Form, Place, Service};

everywhere! {
    an_address_opens_one_file_without_a_token
    only_who_may_see_a_file_gets_its_address
    a_page_gets_all_its_addresses_at_once
    no_address_says_a_type_that_is_read_as_another
    a_page_does_without_a_file_that_has_no_object
    an_address_stays_the_same_for_a_while
}

#[tokio::test]
async fn an_address_of_ours_is_good_for_its_time_and_for_nothing_else() {
    let service = Service::start(Place::Disk).await;
    service.clock.advance(300 - service.clock.unix_seconds() % 600);
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let url = address(&service, &id).await["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://brain.example/v1").unwrap();
    let open = |path: String| {
        let service = &service;
        async move { service.fetch(Method::GET, &path, Caller::Nobody, &[]).await }
    };
    let answer = open(path.to_owned()).await;
    assert_eq!(
        (answer.body.as_slice(), answer.header("cache-control")),
        (b"hello".as_slice(), "private, max-age=3900")
    );
    let part = service.fetch(Method::GET, path, Caller::Nobody, &[("range", "bytes=1-2")]).await;
    assert_eq!((part.status, part.body.as_slice()), (StatusCode::PARTIAL_CONTENT, b"el".as_slice()));
    let known = [("if-none-match", answer.header("etag"))];
    assert_eq!(
        service.fetch(Method::GET, path, Caller::Nobody, &known).await.status,
        StatusCode::NOT_MODIFIED
    );

    let other = service.stored("b.txt", "text/plain", b"other").await;
    for wrong in [
        path.replace(&id, &other),
        path.replace("X-Amz-Expires=4200", "X-Amz-Expires=4201"),
        path.replace("object=a.txt", "object=b.txt"),
        path[..path.len() - 1].to_owned(),
        path.split('?').next().unwrap().to_owned(),
    ] {
        assert_eq!(open(wrong.clone()).await.error().0, 403, "{wrong}");
    }
    service.clock.advance(3901);
    assert_eq!(open(path.to_owned()).await.error(), (400, "signature already expired".to_owned()));
}

async fn address(service: &Service, id: &str) -> Value {
    let answer =
        service.fetch(Method::GET, &format!("/files/{id}/presignedurl"), Caller::User(ANNA), &[]).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (StatusCode::OK, "no-store"),
        "{}",
        answer.text()
    );
    answer.json()
}

/// What is at an address, wherever that leads.
async fn open(service: &Service, url: &str) -> (u16, String, Vec<u8>) {
    if let Some(path) = url.strip_prefix("https://brain.example/v1") {
        let Answer { status, body, headers } = service.fetch(Method::GET, path, Caller::Nobody, &[]).await;
        let kind = headers["content-type"].to_str().unwrap().to_owned();
        return (status.as_u16(), kind, body);
    }
    service.fetch_from_store(url).await
}

async fn an_address_opens_one_file_without_a_token(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("котик.txt", "text/plain", b"hello").await;
    let answer = address(&service, &id).await;
    assert!((3600..=4200).contains(&answer["expiration"].as_u64().unwrap()), "{answer}");
    let url = answer["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=4200") && url.contains("X-Amz-Signature="), "{url}");
    let (status, kind, body) = open(&service, url).await;
    assert_eq!((status, kind.as_str(), body.as_slice()), (200, "text/plain", b"hello".as_slice()));
    let wrong = url.replace("X-Amz-Expires=4200", "X-Amz-Expires=42000");
    assert_eq!(open(&service, &wrong).await.0, 403);
}

async fn no_address_says_a_type_that_is_read_as_another(place: Place) {
    let service = Service::start(place).await;
    let content = b"hello <script>alert(1)</script>";
    let id = service.stored("a.txt", "text/plain;,text/html", content).await;
    let kind_of = || async {
        let address = address(&service, &id).await;
        let (status, kind, body) = open(&service, address["url"].as_str().unwrap()).await;
        assert_eq!((status, body.as_slice()), (200, content.as_slice()));
        kind
    };
    assert_eq!(kind_of().await, "text/plain; charset=utf-8");
    // As it may have been taken from clients before.
    service.set(json!({ "mimeType": "text/plain;,text/html" })).await;
    assert_eq!(kind_of().await, "application/octet-stream");
}

async fn only_who_may_see_a_file_gets_its_address(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}/presignedurl");
    let ask = |caller, path: String| {
        let service = &service;
        async move { service.fetch(Method::GET, &path, caller, &[]).await.status.as_u16() }
    };
    assert_eq!(ask(Caller::User(BORIS), path.clone()).await, 404);
    assert_eq!(ask(Caller::Nobody, path.clone()).await, 403);
    assert_eq!(ask(Caller::User(ANNA), "/files/x/presignedurl".to_owned()).await, 400);
    let private = Form::new().bucket("private").file("a.txt", "", b"secret").end();
    let private = service.upload_as(Caller::Admin, private).await.json();
    let private = private["processedFiles"][0]["id"].as_str().unwrap().to_owned();
    let answer =
        service.fetch(Method::GET, &format!("/files/{private}/presignedurl"), Caller::Admin, &[]).await;
    assert_eq!(
        answer.error(),
        (403, "presigned URLs are not enabled on the bucket where this file is located in".to_owned())
    );
    service.set(json!({ "isUploaded": false })).await;
    assert_eq!(ask(Caller::User(ANNA), path).await, 403);
}

async fn a_page_gets_all_its_addresses_at_once(place: Place) {
    let service = Service::start(place).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(
            service.stored(&format!("{number}.txt"), "text/plain", format!("{number}").as_bytes()).await,
        );
    }
    ids.push(service.stored("p.png", "image/png", &png(640, 480)).await);
    let hidden =
        service.upload_as(Caller::User(BORIS), Form::new().file("b", "", b"hidden").end()).await.json();
    ids.push(hidden["processedFiles"][0]["id"].as_str().unwrap().to_owned());
    let ask = |body: Value| {
        let service = &service;
        async move { service.post("/files/presignedurls", Caller::User(ANNA), &body).await }
    };
    let answer = ask(json!({ "ids": ids })).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (StatusCode::OK, "no-store"),
        "{}",
        answer.text()
    );
    let urls = answer.json()["urls"].as_array().unwrap().clone();
    assert_eq!(urls.len(), 4);
    for found in &urls {
        let position = ids.iter().position(|id| found["id"] == **id).unwrap();
        let (status, _, body) = open(&service, found["url"].as_str().unwrap()).await;
        assert_eq!(status, 200);
        if position < 3 {
            assert_eq!((body, &found["thumbnailUrl"]), (position.to_string().into_bytes(), &Value::Null));
        } else {
            let small = open(&service, found["thumbnailUrl"].as_str().unwrap()).await;
            assert_eq!((small.0, small.1.as_str()), (200, "image/jpeg"));
        }
    }
    assert_eq!(ask(json!({ "ids": [] })).await.json(), json!({ "urls": [] }));
    for wrong in [json!({ "ids": vec![&ids[0]; 101] }), json!({ "ids": ["x"] }), json!([]), json!({})] {
        assert_eq!(ask(wrong).await.error().0, 400);
    }
}

async fn a_page_does_without_a_file_that_has_no_object(place: Place) {
    let service = Service::start(place).await;
    let whole = service.stored("a.txt", "text/plain", b"hello").await;
    let lost = service.stored("b.txt", "text/plain", b"lost").await;
    let forget = format!(
        "mutation {{ delete_stored_objects(where: {{ fileId: {{ _eq: \"{lost}\" }} }}) {{ affected_rows }} }}"
    );
    service.world.admin(&forget).await;
    let asked = json!({ "ids": [lost, whole] });
    let answer = service.post("/files/presignedurls", Caller::User(ANNA), &asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let urls = answer.json()["urls"].take();
    assert_eq!((urls.as_array().unwrap().len(), &urls[0]["id"]), (1, &json!(whole)));
    let path = format!("/files/{lost}/presignedurl");
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.error().0, 404);
}

async fn an_address_stays_the_same_for_a_while(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    // Ten minutes begin here.
    service.clock.advance(-(service.clock.unix_seconds() % 600));
    let first = address(&service, &id).await;
    service.clock.advance(599);
    let last = address(&service, &id).await;
    assert_eq!(first["url"], last["url"]);
    assert_eq!((&first["expiration"], &last["expiration"]), (&json!(4200), &json!(3601)));
    service.clock.advance(1);
    let next = address(&service, &id).await;
    assert!(next["url"] != last["url"] && next["expiration"] == 4200);

    // What is good for a short while only is not made longer by much.
    let short = "mutation { updateBuckets(where: {}, _set: { downloadExpiration: 30 }) { affected_rows } }";
    service.world.admin(short).await;
    let short = address(&service, &id).await;
    assert!((30..=35).contains(&short["expiration"].as_u64().unwrap()), "{short}");
    let long =
        "mutation { updateBuckets(where: {}, _set: { downloadExpiration: 604800 }) { affected_rows } }";
    service.world.admin(long).await;
    service.clock.advance(60);
    let long = address(&service, &id).await;
    assert_eq!(long["expiration"], 604_740, "S3 takes no longer life");
}
