//! Personal access tokens: `POST /pat`, `POST /signin/pat`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::service::{Answer, Service, text};

async fn make(service: &Service, session: &Value, expires_at: &str) -> Answer {
    let body = json!({ "expiresAt": expires_at, "metadata": { "name": "robot" } });
    service.post_as(text(&session["accessToken"]), "/pat", body).await
}

async fn sign_in(service: &Service, token: &Value) -> Answer {
    service.post("/signin/pat", json!({ "personalAccessToken": token })).await
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.assert_error(401, "invalid-pat", "Invalid or expired personal access token");
}

#[tokio::test]
async fn it_signs_in_again_and_again_and_is_no_refresh_token() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let made = make(&service, &session, "2100-01-01T00:00:00Z").await;
    assert_eq!((made.status, made.body.as_object().unwrap().len()), (StatusCode::OK, 2), "{made:?}");
    let token = &made.body["personalAccessToken"];
    for _ in 0..2 {
        let answer = sign_in(&service, token).await;
        assert_eq!(answer.body["session"]["user"]["email"], "a@b.c", "{answer:?}");
        let refresh = &answer.body["session"]["refreshToken"];
        assert_eq!(service.refresh(refresh).await.status, StatusCode::OK);
    }
    service.refresh(token).await.assert_error(401, "invalid-refresh-token", "Invalid");
    let kept =
        "select count(*) from auth.refresh_tokens where type = 'pat' and metadata = '{\"name\": \"robot\"}'";
    assert_eq!(service.count(kept).await, 1);
    let seen = format!("select count(*) from auth.refresh_tokens t where t::text like '%{}%'", text(token));
    assert_eq!(service.count(&seen).await, 0);
    // Another kind of token is none of these.
    assert_refused(&sign_in(&service, &session["refreshToken"]).await);
}

#[tokio::test]
async fn an_old_or_unknown_one_and_a_shut_out_owner_are_refused() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let token =
        make(&service, &session, "2100-01-01T00:00:00+02:00").await.body["personalAccessToken"].clone();
    assert_refused(&sign_in(&service, &json!("2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24")).await);
    service.sql("update auth.users set disabled = true").await;
    sign_in(&service, &token).await.assert_error(401, "disabled-user", "disabled");
    make(&service, &session, "2100-01-01T00:00:00Z").await.assert_error(401, "disabled-user", "disabled");
    service.sql("update auth.users set disabled = false").await;
    service.sql("update auth.refresh_tokens set expires_at = now() where type = 'pat'").await;
    assert_refused(&sign_in(&service, &token).await);
    // Signing out everywhere ends those, too.
    let token = make(&service, &session, "2100-01-01T00:00:00Z").await.body["personalAccessToken"].clone();
    service.post_as(text(&session["accessToken"]), "/signout", json!({ "all": true })).await.assert_ok();
    assert_refused(&sign_in(&service, &token).await);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    for (expires_at, sentence) in [("tomorrow", "RFC 3339"), ("2001-01-01T00:00:00Z", "has passed")] {
        make(&service, &session, expires_at).await.assert_invalid(sentence);
    }
    service.post("/pat", json!({ "expiresAt": "2100-01-01T00:00:00Z" })).await.assert_error(
        401,
        "invalid-request",
        "missing",
    );
    sign_in(&service, &json!("x")).await.assert_invalid("UUID");
    service.post("/signin/pat", json!({})).await.assert_invalid("missing field `personalAccessToken`");
}
