//! `POST /user/delete`.

use app::auth::Options;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, text};

async fn delete(service: &Service, session: &Value, body: Value) -> Answer {
    service.post_as(text(&session["accessToken"]), "/user/delete", body).await
}

async fn people(service: &Service) -> i64 {
    service.count("select count(*) from auth.users").await
}

#[tokio::test]
async fn a_person_goes_with_their_password_or_right_after_signing_in() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let long_ago = "update auth.refresh_tokens set created_at = now() - interval '6 minutes'";
    service.sql(long_ago).await;
    delete(&service, &session, json!({})).await.assert_error(403, "sign-in-again", "Sign in again");
    // Renewing is not signing in.
    let session = service.refresh(&session["refreshToken"]).await.body;
    delete(&service, &session, json!({})).await.assert_error(403, "sign-in-again", "Sign in again");
    let wrong = json!({ "password": "a wrong one" });
    delete(&service, &session, wrong).await.assert_error(401, "invalid-email-password", "Incorrect");
    assert_eq!(people(&service).await, 1);
    assert_eq!(service.letter("account-deleted", "a@b.c").await, Value::Null);
    delete(&service, &session, json!({ "password": PASSWORD })).await.assert_ok();
    let letter = service.letter("account-deleted", "a@b.c").await;
    assert_eq!((&letter["email"], &letter["locale"]), (&json!("a@b.c"), &json!("en")));
    assert_eq!(people(&service).await, 0);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 0);
    delete(&service, &session, json!({})).await.assert_error(401, "invalid-request", "does not exist");
    service.refresh(&session["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");

    let session = service.sign_up("a@b.c").await;
    delete(&service, &session, json!({})).await.assert_ok();
    assert_eq!(people(&service).await, 0);
}

#[tokio::test]
async fn nobody_goes_in_the_place_of_another() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sign_up("b@b.c").await;
    service.post("/user/delete", json!({ "password": PASSWORD })).await.assert_error(
        401,
        "invalid-request",
        "missing",
    );
    delete(&service, &session, json!({ "userId": "x" })).await.assert_invalid("unknown field");
    service.sql("update auth.users set disabled = true").await;
    delete(&service, &session, json!({ "password": PASSWORD })).await.assert_error(
        401,
        "disabled-user",
        "disabled",
    );
    assert_eq!(people(&service).await, 2);
}

#[tokio::test]
async fn an_anonymous_person_goes_as_they_came() {
    let service = Service::start_with(Options { anonymous_users_enabled: true, ..Options::default() }).await;
    let answer = service.post("/signin/anonymous", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    service.sql("update auth.refresh_tokens set created_at = now() - interval '6 days'").await;
    delete(&service, &answer.body["session"], json!({})).await.assert_ok();
    assert_eq!(people(&service).await, 0);
    assert_eq!(service.count("select count(*) from brain.letters").await, 0);
}

#[tokio::test]
async fn of_parallel_deletions_one_writes_a_letter() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let answers = futures::future::join_all((0..6).map(|_| delete(&service, &session, json!({})))).await;
    assert!(answers.iter().any(|answer| answer.status == StatusCode::OK), "{answers:?}");
    let letters = "select count(*) from brain.letters where template = 'account-deleted'";
    assert_eq!(service.count(letters).await, 1);
}
