//! How often one network may ask, and one account be tried.

use std::time::Duration;

use app::auth::{Options, Rate, RateLimits};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use futures::future::join_all;
use serde_json::json;

use super::service::{Answer, PASSWORD, Service, json_request};

fn rate(burst: u32, seconds: u64) -> Rate {
    Rate { burst, interval: Duration::from_secs(seconds) }
}

/// So many of everything that one limit can be told from the others.
fn wide() -> RateLimits {
    let much = rate(1_000, 1_000);
    RateLimits {
        enabled: true,
        local_is_free: true,
        global: much,
        brute_force: much,
        signups: much,
        email: much,
        email_is_global: false,
        account: much,
    }
}

async fn service(limits: RateLimits) -> Service {
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    Service::start_with(Options { rate_limits: limits, trusted_proxies, ..Options::default() }).await
}

/// A request from an address, which a header may say was passed on.
async fn from(service: &Service, peer: &str, forwarded: Option<&str>, mut request: Request<Body>) -> Answer {
    let peer: std::net::SocketAddr = format!("{peer}:1").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    if let Some(forwarded) = forwarded {
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
    }
    service.send(request).await
}

fn sign_in(email: &str) -> Request<Body> {
    json_request("/signin/email-password", json!({ "email": email, "password": PASSWORD }).to_string())
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn is_limited(answer: &Answer) -> bool {
    answer.status == StatusCode::TOO_MANY_REQUESTS
}

#[tokio::test]
async fn what_may_be_guessed_is_limited_and_says_when_to_come_back() {
    let service = service(RateLimits { brute_force: rate(5, 50), ..wide() }).await;
    let tries = join_all((0..12).map(|_| from(&service, "203.0.113.1", None, sign_in("a@b.c")))).await;
    assert_eq!(tries.iter().filter(|answer| is_limited(answer)).count(), 7);
    let refused = from(&service, "203.0.113.1", None, sign_in("a@b.c")).await;
    refused.assert_error(429, "too-many-requests", "try again in");
    let wait: i64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    // Others are free, and so is what cannot be guessed.
    assert!(!is_limited(&from(&service, "203.0.113.2", None, sign_in("a@b.c")).await));
    assert_eq!(from(&service, "203.0.113.1", None, get("/healthz")).await.status, StatusCode::OK);
    assert!(!is_limited(&from(&service, "203.0.113.1", None, get("/user")).await));
    service.clock.advance(wait);
    assert!(!is_limited(&from(&service, "203.0.113.1", None, sign_in("a@b.c")).await));
}

#[tokio::test]
async fn each_limit_has_its_paths() {
    let service = service(RateLimits { global: rate(4, 400), ..wide() }).await;
    for _ in 0..4 {
        assert!(!is_limited(&from(&service, "203.0.113.1", None, get("/user")).await));
    }
    assert!(is_limited(&from(&service, "203.0.113.1", None, get("/user")).await));
    for path in ["/healthz", "/version", "/.well-known/jwks.json"] {
        assert_eq!(from(&service, "203.0.113.1", None, get(path)).await.status, StatusCode::OK);
    }

    let service = self::service(RateLimits { signups: rate(2, 400), email: rate(1, 400), ..wide() }).await;
    let ask = |path: &str, body: serde_json::Value| {
        let request = json_request(path, body.to_string());
        from(&service, "203.0.113.1", None, request)
    };
    for number in 0..3 {
        let body = json!({ "email": format!("{number}@b.c"), "password": PASSWORD });
        assert_eq!(is_limited(&ask("/signup/email-password", body).await), number == 2);
    }
    for (number, path) in
        ["/user/password/reset", "/signin/otp/email", "/signin/passwordless/email"].iter().enumerate()
    {
        assert_eq!(is_limited(&ask(path, json!({ "email": "0@b.c" })).await), number > 0, "{path}");
    }
}

#[tokio::test]
async fn the_address_counts_that_a_trusted_proxy_names() {
    let service = service(RateLimits { brute_force: rate(2, 400), ..wide() }).await;
    // Whoever writes the header without a proxy stays who they are.
    for number in 0..4 {
        let claimed = format!("198.51.100.{number}");
        let answer = from(&service, "203.0.113.1", Some(&claimed), sign_in("a@b.c")).await;
        assert_eq!(is_limited(&answer), number >= 2);
    }
    // Behind the proxy each client has its own tries, whatever it wrote itself.
    for (number, client) in
        ["198.51.100.1", "198.51.100.2", "198.51.100.1", "198.51.100.1"].iter().enumerate()
    {
        let written = format!("192.0.2.{number}, {client}");
        let answer = from(&service, "10.0.0.1", Some(&written), sign_in("a@b.c")).await;
        assert_eq!(is_limited(&answer), number == 3);
    }
}

#[tokio::test]
async fn an_account_is_tried_so_often_from_however_many_networks() {
    let service = service(RateLimits { account: rate(6, 600), ..wide() }).await;
    service.sign_up("a@b.c").await;
    let tries = (0..20).map(|number| {
        let email = if number % 2 == 0 { "a@b.c" } else { "A@B.c" };
        let peer = format!("203.0.113.{number}");
        let service = &service;
        async move { from(service, &peer, None, sign_in(email)).await }
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| is_limited(answer)).count(), 14);
    assert!(!is_limited(&from(&service, "203.0.113.1", None, sign_in("b@b.c")).await));
}

#[tokio::test]
async fn this_machine_is_free_unless_a_proxy_stands_on_it_or_it_is_in_production() {
    let one = RateLimits { global: rate(1, 1_000), ..wide() };
    let service = self::service(one.clone()).await;
    let mut limited = Vec::new();
    for (peer, forwarded) in
        [("127.0.0.1", None), ("127.0.0.1", None), ("127.0.0.1", Some("x")), ("127.0.0.1", Some("x"))]
    {
        limited.push(is_limited(&from(&service, peer, forwarded, get("/user")).await));
    }
    assert_eq!(limited, [false, false, false, true]);
    let service = self::service(RateLimits { local_is_free: false, ..one.clone() }).await;
    from(&service, "127.0.0.1", None, get("/user")).await;
    assert!(is_limited(&from(&service, "127.0.0.1", None, get("/user")).await));
    let service = self::service(RateLimits { enabled: false, local_is_free: false, ..one }).await;
    for _ in 0..5 {
        assert!(!is_limited(&from(&service, "203.0.113.1", None, get("/user")).await));
    }
}
