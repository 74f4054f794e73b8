//! Downloads: who may, what the headers say, ranges and conditions, and that nothing uploaded can run.

use http::{Method, StatusCode};
use serde_json::json;

use super::everywhere;
use super::service::{ANNA, BORIS, Caller, Place, Service};

everywhere! {
    a_file_comes_back_with_its_headers
    permissions_decide_who_reads
    what_is_not_uploaded_or_lost_is_not_served
    parts_of_a_file
    conditions
    nothing_uploaded_can_run
}

async fn a_file_comes_back_with_its_headers(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("котик.txt", "text/plain", b"0123456789").await;
    let path = format!("/files/{id}");
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, b"0123456789".as_slice()));
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-length", "10"),
        ("accept-ranges", "bytes"),
        ("cache-control", "max-age=3600"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("surrogate-key", &id),
        ("surrogate-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let disposition = answer.header("content-disposition");
    assert!(
        disposition.starts_with("inline; filename=\"_____.txt\"; filename*=UTF-8''%D0%BA"),
        "{disposition}"
    );
    assert_eq!(answer.header("etag"), service.rows().await[0]["etag"]);
    assert!(
        answer.headers.get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("authorization"))
    );

    let head = service.fetch(Method::HEAD, &path, Caller::User(ANNA), &[("range", "bytes=1-2")]).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (StatusCode::OK, 0, "10"));
    assert_eq!(head.header("etag"), answer.header("etag"));
}

async fn permissions_decide_who_reads(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}");
    for method in [Method::GET, Method::HEAD] {
        let status = |caller, path: &str| {
            let (service, method, path) = (&service, method.clone(), path.to_owned());
            async move { service.fetch(method, &path, caller, &[]).await.status.as_u16() }
        };
        assert_eq!(status(Caller::User(ANNA), &path).await, 200);
        assert_eq!(status(Caller::Admin, &path).await, 200);
        assert_eq!(status(Caller::User(BORIS), &path).await, 404);
        assert_eq!(status(Caller::Nobody, &path).await, 403);
        assert_eq!(status(Caller::User(ANNA), "/files/00000000-0000-0000-0000-000000000000").await, 404);
        assert_eq!(status(Caller::User(ANNA), "/files/x").await, 400);
        assert_eq!(status(Caller::User(ANNA), "/files/..%2f..%2fetc%2fpasswd").await, 400);
    }
    let forged = [("authorization", "Bearer a.b.c")];
    assert_eq!(service.fetch(Method::GET, &path, Caller::Nobody, &forged).await.error().0, 401);
    let wrong = [("x-hasura-admin-secret", "wrong")];
    assert_eq!(service.fetch(Method::GET, &path, Caller::Nobody, &wrong).await.error().0, 403);
    service.project.fail("query readable(");
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (503, "the service is unavailable, try again later".to_owned()));
}

async fn what_is_not_uploaded_or_lost_is_not_served(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}");
    service.set(json!({ "isUploaded": false })).await;
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (403, "file is not uploaded".to_owned()));
    service.set(json!({ "isUploaded": true })).await;
    service.set(json!({ "name": "renamed.txt" })).await;
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await.body, b"hello");
    service.lose(&service.objects().await[0]).await;
    let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(answer.error(), (404, "file not found".to_owned()));
}

async fn parts_of_a_file(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"0123456789").await;
    let path = format!("/files/{id}");
    for (range, part, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=9-100", "9", "bytes 9-9/10"),
    ] {
        let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[("range", range)]).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::PARTIAL_CONTENT, part), "{range}");
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.header("content-length"), part.len().to_string());
        assert_eq!(answer.header("accept-ranges"), "");
    }
    for whole in ["bytes=0-", "bytes=0-9", "bytes=-10", "bytes=1-2,4-5", "chars=1-2", "bytes=x"] {
        let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[("range", whole)]).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 10), "{whole}");
    }
    for beyond in ["bytes=10-", "bytes=-0"] {
        let answer = service.fetch(Method::GET, &path, Caller::User(ANNA), &[("range", beyond)]).await;
        assert_eq!(answer.error().0, 416, "{beyond}");
        assert_eq!(answer.header("content-range"), "bytes */10");
    }
    let other = [("range", "bytes=2-4"), ("if-range", "\"other\"")];
    assert_eq!(service.fetch(Method::GET, &path, Caller::User(ANNA), &other).await.body.len(), 10);
}

async fn conditions(place: Place) {
    let service = Service::start(place).await;
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    let path = format!("/files/{id}");
    let etag = service.rows().await[0]["etag"].as_str().unwrap().to_owned();
    let date =
        service.fetch(Method::HEAD, &path, Caller::User(ANNA), &[]).await.header("last-modified").to_owned();
    let before = "Tue, 14 Nov 2023 22:13:19 GMT";
    for (name, value, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"x\"", 200),
        ("if-match", etag.as_str(), 200),
        ("if-match", "\"x\"", 412),
        ("if-modified-since", date.as_str(), 304),
        ("if-modified-since", before, 200),
        ("if-unmodified-since", before, 412),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = service.fetch(method, &path, Caller::User(ANNA), &[(name, value)]).await;
            assert_eq!(answer.status.as_u16(), status, "{name}: {value}");
            if status == 304 {
                assert!(answer.body.is_empty());
                assert_eq!(
                    (answer.header("etag"), answer.header("cache-control")),
                    (etag.as_str(), "max-age=3600")
                );
            }
        }
    }
    // Who may not see the file does not learn whether it changed.
    let answer = service.fetch(Method::GET, &path, Caller::User(BORIS), &[("if-none-match", &etag)]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

async fn nothing_uploaded_can_run(place: Place) {
    let service = Service::start(place).await;
    let script = b"<html><script>alert(1)</script>";
    for (declared, served) in [
        ("text/html", "text/html"),
        ("", "text/html"),
        ("image/svg+xml", "image/svg+xml"),
        ("application/xhtml+xml", "application/xhtml+xml"),
        ("text/javascript", "text/javascript"),
    ] {
        let id = service.stored("a.html", declared, script).await;
        let answer = service.fetch(Method::GET, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
        assert_eq!(answer.header("content-type"), served);
        assert!(answer.header("content-disposition").starts_with("attachment;"), "{declared}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
    }
    // A row that somebody else wrote cannot break the headers.
    let id = service.stored("a.txt", "text/plain", b"hello").await;
    service.set(json!({ "mimeType": "text/html\r\nx: y", "etag": "no quotes" })).await;
    let answer = service.fetch(Method::GET, &format!("/files/{id}"), Caller::User(ANNA), &[]).await;
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("etag"), "\"no quotes\"");
}
