//! What an access token opens: `GET /user` and `POST /token/verify`.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::service::{Answer, Service, json_request, text};

#[track_caller]
fn assert_unauthenticated(answer: &Answer, message: &str) {
    answer.assert_error(401, "invalid-request", message);
    assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn shows_the_person_and_the_second_factor() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let bearer = format!("Bearer {}", text(&session["accessToken"]));
    let answer = service.get_user(&bearer).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &session["user"]));
    service.sql("update auth.users set active_mfa_type = 'totp', phone_number = '+1'").await;
    let answer = service.get_user(&bearer).await;
    assert_eq!((&answer.body["activeMfaType"], &answer.body["phoneNumber"]), (&json!("totp"), &json!("+1")));
}

#[tokio::test]
async fn a_missing_forged_or_expired_token_is_401() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let token = text(&session["accessToken"]);
    assert_unauthenticated(&service.get("/user").await, "missing");
    for header in ["", "Bearer", "Basic YTpi", token] {
        assert_unauthenticated(&service.get_user(header).await, "Malformed Authorization header");
    }
    let (signed, _) = token.rsplit_once('.').unwrap();
    let unsigned = format!("Bearer {signed}.");
    assert_unauthenticated(&service.get_user(&unsigned).await, "Could not verify JWT");
    assert_unauthenticated(&service.get_user("Bearer a.b.c").await, "Could not verify JWT");
    service.clock.advance(900);
    assert_unauthenticated(&service.get_user(&format!("Bearer {token}")).await, "JWTExpired");
}

#[tokio::test]
async fn who_is_gone_or_shut_out_is_refused() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let bearer = format!("Bearer {}", text(&session["accessToken"]));
    service.sql("update auth.users set is_anonymous = true").await;
    service.get_user(&bearer).await.assert_error(403, "forbidden-anonymous", "anonymous");
    service.sql("update auth.users set disabled = true").await;
    service.get_user(&bearer).await.assert_error(401, "disabled-user", "User is disabled");
    service.sql("delete from auth.users").await;
    assert_unauthenticated(&service.get_user(&bearer).await, "does not exist");
}

#[tokio::test]
async fn a_token_is_verified_in_the_body_or_the_header() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let token = text(&session["accessToken"]);
    service.post("/token/verify", json!({ "token": token })).await.assert_ok();
    service.post_as(token, "/token/verify", json!({})).await.assert_ok();
    let empty = Request::post("/token/verify").header(AUTHORIZATION, format!("Bearer {token}"));
    service.send(empty.body(Body::empty()).unwrap()).await.assert_ok();
    // The body's token counts, a bad one in the header does not matter beside it.
    service.post_as("forged", "/token/verify", json!({ "token": token })).await.assert_ok();
    service
        .post_as(token, "/token/verify", json!({ "token": "forged" }))
        .await
        .assert_invalid("no valid access token");
    service.post("/token/verify", json!({})).await.assert_invalid("no valid access token");
    service.send(json_request("/token/verify", "")).await.assert_invalid("no valid access token");
    service.post("/token/verify", json!({ "token": 1 })).await.assert_invalid("expected a string");
    service.post("/token/verify", json!({ "x": 1 })).await.assert_invalid("unknown field `x`");
    service.clock.advance(900);
    service.post("/token/verify", json!({ "token": token })).await.assert_invalid("no valid access token");
}
