//! `POST /user/email/change`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, text};

async fn change(service: &Service, session: &Value, to: &str) -> Answer {
    let token = text(&session["accessToken"]);
    service.post_as(token, "/user/email/change", json!({ "newEmail": to })).await
}

#[tokio::test]
async fn the_new_address_confirms_and_the_old_one_is_told() {
    let service = Service::start().await;
    let session = service.sign_up("old@b.c").await;
    change(&service, &session, "New@b.c").await.assert_ok();
    assert_eq!(service.sign_in("old@b.c", PASSWORD).await.status, StatusCode::OK);
    let letter = service.letter("email-confirm-change", "New@b.c").await;
    assert_eq!((&letter["email"], &letter["newEmail"]), (&json!("old@b.c"), &json!("New@b.c")));
    let address = service.visit(&letter).await;
    assert!(address.ends_with("&type=emailConfirmChange"), "{address}");
    service.sign_in("old@b.c", PASSWORD).await.assert_error(401, "invalid-email-password", "Incorrect");
    let user = &service.sign_in("new@b.c", PASSWORD).await.body["session"]["user"];
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!("New@b.c"), &json!(true)));
    assert_eq!(service.letter("email-changed", "old@b.c").await["newEmail"], "New@b.c");
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_then_and_later() {
    let service = Service::start().await;
    let session = service.sign_up("old@b.c").await;
    service.sign_up("taken@b.c").await;
    change(&service, &session, "Taken@b.c").await.assert_error(409, "email-already-in-use", "in use");
    change(&service, &session, "new@b.c").await.assert_ok();
    service.sign_up("new@b.c").await;
    let address = service.visit(&service.letter("email-confirm-change", "new@b.c").await).await;
    assert!(address.contains("error=email%2Dalready%2Din%2Duse"), "{address}");
    assert_eq!(service.sign_in("old@b.c", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn links_that_went_to_the_old_address_end_with_it() {
    let service = Service::start().await;
    let session = service.sign_up("old@b.c").await;
    let body = json!({ "email": "old@b.c" });
    for path in [
        "/user/password/reset",
        "/signin/passwordless/email",
        "/user/email/send-verification-email",
        "/signin/otp/email",
    ] {
        service.post(path, body.clone()).await.assert_ok();
    }
    let mut letters = Vec::new();
    for kind in ["password-reset", "signin-passwordless", "email-verify"] {
        letters.push(service.letter(kind, "old@b.c").await);
    }
    let code = service.letter("signin-otp", "old@b.c").await["code"].clone();
    change(&service, &session, "new@b.c").await.assert_ok();
    let confirmed = service.visit(&service.letter("email-confirm-change", "new@b.c").await).await;
    assert!(confirmed.contains("refreshToken="), "{confirmed}");
    for letter in &letters {
        assert!(service.visit(letter).await.contains("error=invalid%2Dticket"), "{letter}");
    }
    for email in ["old@b.c", "new@b.c"] {
        let answer = service.post("/signin/otp/email/verify", json!({ "email": email, "otp": code })).await;
        answer.assert_error(401, "invalid-ticket", "Invalid ticket");
    }
}

#[tokio::test]
async fn it_is_asked_for_once_a_minute() {
    let service = Service::start().await;
    let session = service.sign_up("old@b.c").await;
    change(&service, &session, "new@b.c").await.assert_ok();
    let answer = change(&service, &session, "newer@b.c").await;
    answer.assert_error(429, "too-many-requests", "60 s");
    assert_eq!(answer.headers["retry-after"], "60");
}

#[tokio::test]
async fn who_may_not_is_told() {
    let service = Service::start().await;
    let session = service.sign_up("old@b.c").await;
    let path = "/user/email/change";
    service.post(path, json!({"newEmail": "n@b.c"})).await.assert_error(401, "invalid-request", "missing");
    change(&service, &session, "x").await.assert_invalid("e-mail address");
    service.sql("update auth.users set disabled = true").await;
    change(&service, &session, "n@b.c").await.assert_error(401, "disabled-user", "disabled");
    service.sql("delete from auth.users").await;
    change(&service, &session, "n@b.c").await.assert_error(401, "invalid-request", "does not exist");
}
