//! `POST /signout`.

use axum::http::StatusCode;
use serde_json::json;

use super::service::{PASSWORD, Service, text};

#[tokio::test]
async fn ends_one_session() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let other = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
    let body = json!({ "refreshToken": session["refreshToken"], "all": false, "unknown": 1 });
    service.post("/signout", body.clone()).await.assert_ok();
    service.refresh(&session["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");
    assert_eq!(service.refresh(&other["refreshToken"]).await.status, StatusCode::OK);
    // Once more, and with a token that never was.
    service.post("/signout", body).await.assert_ok();
    service.post("/signout", json!({ "refreshToken": "no token at all" })).await.assert_ok();
    // The access token lives on until it expires.
    assert_eq!(
        service.get_user(&format!("Bearer {}", text(&session["accessToken"]))).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn ends_all_sessions_of_who_asks() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sign_in("a@b.c", PASSWORD).await;
    let one = "select id from auth.refresh_tokens limit 1";
    service.sql(&format!("update auth.refresh_tokens set type = 'pat' where id in ({one})")).await;
    let stranger = service.sign_up("b@b.c").await;
    let answer = service.post_as(text(&session["accessToken"]), "/signout", json!({ "all": true })).await;
    answer.assert_ok();
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
    assert_eq!(service.refresh(&stranger["refreshToken"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn all_needs_a_good_access_token() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let all = json!({ "all": true, "refreshToken": session["refreshToken"] });
    service.post("/signout", all.clone()).await.assert_invalid("an access token is needed");
    service.post_as("forged", "/signout", all.clone()).await.assert_invalid("an access token is needed");
    service.clock.advance(900);
    service
        .post_as(text(&session["accessToken"]), "/signout", all)
        .await
        .assert_invalid("an access token is needed");
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
    // One session can be ended with an expired access token beside it, as the SDK sends it.
    let one = json!({ "refreshToken": session["refreshToken"] });
    service.post_as(text(&session["accessToken"]), "/signout", one).await.assert_ok();
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 0);
}

#[tokio::test]
async fn something_must_be_named() {
    let service = Service::start().await;
    service.post("/signout", json!({})).await.assert_invalid("`refreshToken` or `all`");
    service.post("/signout", json!({ "all": "yes" })).await.assert_invalid("expected a boolean");
    service.post("/signout", json!({ "refreshToken": 1 })).await.assert_invalid("expected a string");
}
