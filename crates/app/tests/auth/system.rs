//! What every path has in common, and the endpoints that tell about the service itself.

use app::auth::{Auth, Options, router};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use super::service::{PASSWORD, Service, json_request, send};

#[tokio::test]
async fn tells_that_it_lives_its_version_and_its_keys() {
    let service = Service::start().await;
    service.get("/healthz").await.assert_ok();
    let head = service.send(Request::head("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.body), (StatusCode::OK, Value::Null));
    let version = service.get("/version").await;
    assert_eq!(version.body, json!({ "version": env!("CARGO_PKG_VERSION") }));
    assert_eq!(service.get("/.well-known/jwks.json").await.body, json!({ "keys": null }));
}

#[tokio::test]
async fn public_keys_are_published_and_no_other_half_of_anything() {
    let service = Service::start().await;
    let pem = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEII9MgwVt68PY7GI+0Y+wBTq2oBsn/6Ym8pgMOwqOGtf9\\n-----END PRIVATE KEY-----";
    let shared = "an access token key for tests alone";
    let list = format!(
        r#"[{{"type":"EdDSA","kid":"new","signing_key":"{pem}"}},{{"type":"HS256","key":"{shared}"}}]"#
    );
    let old = service.sign_up("a@b.c").await;
    service.jwt.replace(&list.into()).unwrap();
    let keys = service.get("/.well-known/jwks.json").await;
    assert_eq!(keys.headers["cache-control"], "public, max-age=60");
    let keys = keys.body["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&keys[0]["kid"], &keys[0]["kty"], &keys[0]["alg"]),
        (&json!("new"), &json!("OKP"), &json!("EdDSA"))
    );
    assert!(keys[0].get("d").is_none(), "{keys:?}");
    // Who came before the new key stays, and who comes after it is signed by it.
    let new = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
    for session in [&old, &new] {
        let bearer = format!("Bearer {}", session["accessToken"].as_str().unwrap());
        assert_eq!(service.get_user(&bearer).await.status, StatusCode::OK);
    }
    let head =
        |session: &Value| session["accessToken"].as_str().unwrap().split('.').next().unwrap().to_owned();
    assert_ne!(head(&old), head(&new));
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_refused_in_json() {
    let service = Service::start().await;
    service.get("/token").await.assert_error(405, "invalid-request", "method");
    service.post("/user", json!({})).await.assert_error(405, "invalid-request", "method");
}

#[tokio::test]
async fn it_may_be_nested_at_two_addresses() {
    let service = Service::start().await;
    let auth =
        Auth::start(service.pool.clone(), service.jwt.clone(), None, Options::default()).await.unwrap();
    let both = Router::new().nest("/v1", router(auth.clone())).nest("/v1/auth", router(auth));
    let body = json!({ "email": "a@b.c", "password": PASSWORD }).to_string();
    let answer = send(both.clone(), json_request("/v1/signup/email-password", body.clone())).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = send(both, json_request("/v1/auth/signin/email-password", body)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_any_origin_may_call() {
    let service = Service::start().await;
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/signin/email-password")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,authorization")
        .body(Body::empty())
        .unwrap();
    let answer = service.send(preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(answer.headers["access-control-allow-credentials"], "true");
    assert_eq!(answer.headers["access-control-allow-methods"], "POST,GET");
    assert_eq!(answer.headers["access-control-allow-headers"], "content-type,authorization");
    assert_eq!(answer.headers["access-control-max-age"], "86400");

    // Errors too must be readable for the page.
    let request =
        Request::get("/user").header("origin", "https://app.example.com").body(Body::empty()).unwrap();
    let answer = service.send(request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example.com");
}

#[tokio::test]
async fn requests_are_counted_by_endpoint_and_outcome() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The test runs on one thread, and so do the handlers.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.sign_in("a@b.c", "a wrong one").await;
    service.sign_in("a@b.c", "a wrong one").await;
    let rendered = recorder.handle().render();
    for line in [
        r#"auth_requests_total{endpoint="signup_email_password",outcome="ok"} 1"#,
        r#"auth_requests_total{endpoint="signin_email_password",outcome="invalid-email-password"} 2"#,
    ] {
        assert!(rendered.lines().any(|rendered| rendered == line), "{line} in {rendered}");
    }
}

#[tokio::test]
async fn without_its_database_it_says_so_and_goes_on() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.lose_database().await;
    let answer = service.refresh(&session["refreshToken"]).await;
    answer.assert_error(503, "internal-server-error", "unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
    service.get("/healthz").await.assert_ok();
}
