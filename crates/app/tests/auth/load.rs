//! What sign-ins cost those who only read: the readers' slowest percent beside and without 2,000 sign-ins. A measurement,
//! run by `make signins`: on a busy machine the two figures mean something beside each other alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use serde_json::json;
use tower::ServiceExt;

use super::service::{PASSWORD, Service, json_request, text};

const SIGN_INS: u32 = 2_000;

/// How many sign in at once, and how many read.
const COMING: usize = 16;
const READING: usize = 8;

/// How long readers are measured alone, before and after.
const ALONE: Duration = Duration::from_secs(10);

/// Somebody who asks who they are, again and again, until told to stop: how long each answer took.
async fn read(router: axum::Router, token: String, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let request = Request::get("/user").header(AUTHORIZATION, format!("Bearer {token}"));
        let asked = Instant::now();
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.into_response().status(), StatusCode::OK);
        times.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times
}

/// The answers' times while something goes on.
async fn beside<T>(router: &axum::Router, token: &str, work: impl Future<Output = T>) -> (T, Vec<Duration>) {
    let stop = Arc::new(AtomicBool::new(false));
    let reader = |_| tokio::spawn(read(router.clone(), token.to_owned(), Arc::clone(&stop)));
    let readers: Vec<_> = (0..READING).map(reader).collect();
    let done = work.await;
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for reader in readers {
        times.extend(reader.await.unwrap());
    }
    times.sort_unstable();
    (done, times)
}

async fn sign_in_all(router: &axum::Router) -> Duration {
    let (begun, next) = (Instant::now(), Arc::new(AtomicU32::new(0)));
    let person = |_| {
        let (router, next) = (router.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < SIGN_INS {
                let body = json!({ "email": "a@b.c", "password": PASSWORD }).to_string();
                let request = json_request("/signin/email-password", body);
                let answer = router.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
        })
    };
    for person in (0..COMING).map(person).collect::<Vec<_>>() {
        person.await.unwrap();
    }
    begun.elapsed()
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: make signins"]
async fn readers_beside_two_thousand_sign_ins() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let (router, token) = (app::auth::router(service.auth.clone()), text(&session["accessToken"]));
    let rest = || tokio::time::sleep(ALONE);
    let ((), mut alone) = beside(&router, token, rest()).await;
    let (took, busy) = beside(&router, token, sign_in_all(&router)).await;
    let ((), after) = beside(&router, token, rest()).await;
    alone.extend(after);
    alone.sort_unstable();
    eprintln!(
        "{SIGN_INS} sign-ins, {COMING} at once: {:.1} a second",
        f64::from(SIGN_INS) / took.as_secs_f64()
    );
    for (name, times) in [("without sign-ins", &alone), ("beside them", &busy)] {
        let [half, most] = [50, 99].map(|percent| percentile(times, percent));
        eprintln!("{READING} readers {name}: {} answers, p50 {half:.2?}, p99 {most:.2?}", times.len());
    }
    let ratio = percentile(&busy, 99).as_secs_f64() / percentile(&alone, 99).as_secs_f64();
    eprintln!("the readers' p99 beside sign-ins is {ratio:.1} times that without");
}
