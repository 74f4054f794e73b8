//! The bucket, or the way to it, fails: what can go on goes on, people hear when to come again, and nothing is left behind.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use clients::testing::{Mishap, Network};
use http::{Method, StatusCode};
use tower::ServiceExt as _;

use super::service::{ANNA, Answer, Caller, Form, Place, Service};

const MIB: u64 = 1 << 20;

/// More often than anything is tried.
const ALWAYS: usize = 1000;

const SLOW_DOWN: Mishap = Mishap::Answer { status: 503, code: "SlowDown", region: None };

impl Service {
    async fn far() -> Self {
        Self::start(Place::FarBucket).await
    }

    fn network(&self) -> &Network {
        self.network.as_ref().unwrap()
    }

    async fn put(&self, content: &[u8]) -> Answer {
        self.upload_as(Caller::User(ANNA), Form::new().file("a.bin", "", content).end()).await
    }

    async fn get(&self, id: &str) -> Answer {
        self.fetch(Method::GET, &format!("/files/{id}"), Caller::User(ANNA), &[]).await
    }

    /// What failed says when to come again, and once the network is well, nothing of it is anywhere.
    async fn assert_refused(&self, answer: &Answer) {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(self.rows().await, Vec::<serde_json::Value>::new());
        self.network().settle();
        self.clock.advance(2 * 60 * 60);
        self.sweep().await;
        self.assert_no_trace().await;
    }
}

fn noise(size: u64) -> Vec<u8> {
    (0..size).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[5]).collect()
}

#[tokio::test]
async fn an_upload_goes_through_a_connection_that_breaks() {
    let service = Service::far().await;
    let content = noise(3 * MIB);
    service.network().fail(2, "PUT", Mishap::BreakRequest(MIB));
    let id = service.stored("a.bin", "", &content).await;
    assert!(service.get(&id).await.body == content);
    service.network().fail(1, "PUT", Mishap::LoseAnswer);
    let again = service.stored("b.bin", "", &content).await;
    assert!(service.get(&again).await.body == content);
    assert_eq!(service.objects().await, service.book().await);
}

#[tokio::test]
async fn a_download_goes_on_where_its_connection_broke() {
    let service = Service::far().await;
    let content = noise(5 * MIB);
    let id = service.stored("a.bin", "", &content).await;
    service.network().fail(3, "GET", Mishap::BreakAnswer(MIB));
    let answer = service.get(&id).await;
    assert_eq!((answer.status, answer.header("content-length")), (StatusCode::OK, "5242880"));
    assert!(answer.body == content);
    let path = format!("/files/{id}");
    service.network().fail(1, "GET", Mishap::BreakAnswer(MIB));
    let range = [("range", "bytes=1000-3000000")];
    let part = service.fetch(Method::GET, &path, Caller::User(ANNA), &range).await;
    assert!(part.status == StatusCode::PARTIAL_CONTENT && part.body == content[1000..=3_000_000]);

    // Where it never goes on, the client sees that it has not all.
    service.network().fail(ALWAYS, "GET", Mishap::BreakAnswer(100_000));
    let request = Caller::User(ANNA).request(Method::GET, &path).body(Body::empty()).unwrap();
    let response = service.router.clone().oneshot(request).await.unwrap();
    assert!(to_bytes(response.into_body(), usize::MAX).await.is_err());
}

#[tokio::test]
async fn a_store_that_asks_for_fewer_requests_is_asked_again() {
    let service = Service::far().await;
    let content = noise(1000);
    service.network().fail(2, "PUT", SLOW_DOWN);
    let id = service.stored("a.bin", "", &content).await;
    service.network().fail(2, "GET", SLOW_DOWN);
    assert_eq!(service.get(&id).await.body, content);
    service.network().fail(ALWAYS, "GET", SLOW_DOWN);
    let answer = service.get(&id).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    service.network().settle();

    // A replacement that fails leaves the old content.
    service.network().fail(ALWAYS, "PUT", SLOW_DOWN);
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"b.txt\"";
    let answer = service.replace_as(Caller::User(ANNA), &id, Form::new().part(file, b"new").end()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    service.network().settle();
    assert_eq!(service.get(&id).await.body, content);
    assert_eq!(service.objects().await.len(), 1);
    service.assert_no_orphan().await;
}

#[tokio::test]
async fn an_upload_into_a_store_that_is_overloaded_for_long_leaves_nothing() {
    let service = Service::far().await;
    service.network().fail(ALWAYS, "", SLOW_DOWN);
    let answer = service.put(&noise(1000)).await;
    service.assert_refused(&answer).await;
}

#[tokio::test]
async fn an_upload_whose_success_nobody_hears_of_leaves_nothing() {
    let service = Service::far().await;
    service.network().fail(ALWAYS, "PUT", Mishap::LoseAnswer);
    service.network().fail(ALWAYS, "DELETE", SLOW_DOWN);
    let answer = service.put(&noise(1000)).await;
    assert_eq!(service.objects().await.len(), 1, "it is there, and in the book");
    assert_eq!(service.objects().await, service.book().await);
    service.assert_refused(&answer).await;
}

#[tokio::test]
async fn slow_ways_are_ways() {
    let service = Service::far().await;
    let content = noise(MIB);
    service.network().fail(ALWAYS, "", Mishap::Slow(64 * 1024, Duration::from_millis(50)));
    let id = service.stored("a.bin", "", &content).await;
    assert!(service.get(&id).await.body == content);
    service.network().settle();
    // Nothing comes for longer than anybody waits, and the rest is asked for anew.
    service.network().fail(1, "GET", Mishap::Stall(MIB / 2, Duration::from_mins(1)));
    assert!(service.get(&id).await.body == content);
}

#[tokio::test]
async fn silence_has_an_end() {
    let service = Service::far().await;
    let id = service.stored("a.bin", "", b"hello").await;
    service.network().fail(ALWAYS, "", Mishap::Silence(Duration::from_mins(2)));
    let begun = Instant::now();
    let answer = service.get(&id).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    let path = format!("/files/{id}");
    let gone = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let answer = service.put(b"hello").await;
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    service.assert_refused(&answer).await;
}

#[tokio::test]
async fn keys_that_are_refused_from_now_on_lose_nothing() {
    let service = Service::far().await;
    let id = service.stored("a.bin", "", b"hello").await;
    service.break_store();
    let refused = service.put(b"other").await;
    assert!(refused.status.is_server_error(), "{}", refused.text());
    let answer = service.get(&id).await;
    assert!(answer.status.is_server_error() && !answer.text().contains("first"), "{}", answer.text());
    let path = format!("/files/{id}");
    let gone = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!((gone.status, service.book().await.is_empty()), (StatusCode::NO_CONTENT, false));

    service.shop.as_ref().unwrap().allow("first", "first-secret");
    let id = service.stored("b.bin", "", b"again").await;
    assert_eq!(service.get(&id).await.body, b"again");
    service.clock.advance(2 * 60 * 60);
    service.sweep().await;
    assert_eq!(service.objects().await, service.book().await);
    assert_eq!(service.rows().await.len(), 1);
}

/// The store takes in what was sent long after everybody gave up, and after it was removed.
#[tokio::test]
async fn what_arrives_late_is_removed_too() {
    let late = Mishap::Late(Duration::from_secs(6));
    let arrived = async |service: &Service| {
        while service.objects().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let service = Service::far().await;
    service.network().fail(1, "PUT", late);
    service.network().fail(ALWAYS, "PUT", SLOW_DOWN);
    let answer = service.put(b"hello").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    assert_eq!((service.objects().await.len(), service.rows().await.len()), (0, 0));
    arrived(&service).await;
    service.network().settle();
    service.assert_no_orphan().await;
    service.assert_no_trace().await;

    // The file is deleted while something else takes its place, and that server dies.
    let id = service.stored("a.bin", "", b"hello").await;
    service.network().fail(1, "PUT", late);
    service.network().fail(ALWAYS, "PUT", Mishap::Silence(Duration::from_mins(1)));
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"b.txt\"";
    let router = service.router.clone();
    let content_type = format!("multipart/form-data; boundary={}", super::service::BOUNDARY);
    let request = Caller::User(ANNA).request(Method::PUT, &format!("/files/{id}"));
    let request = request.header("content-type", content_type);
    let request = request.body(Body::from(Form::new().part(file, b"new").end())).unwrap();
    let replacing = tokio::spawn(router.oneshot(request));
    while service.book().await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let path = format!("/files/{id}");
    let gone = service.fetch(Method::DELETE, &path, Caller::User(ANNA), &[]).await;
    assert_eq!((gone.status, service.objects().await.len()), (StatusCode::NO_CONTENT, 0));
    arrived(&service).await;
    let answer = replacing.await.unwrap().unwrap();
    assert!(!answer.status().is_success());
    service.network().settle();
    service.assert_no_orphan().await;
    service.assert_no_trace().await;
}
