//! A code in a letter at each sign-in: switching it on and off, signing in with it, guessing.

use app::auth::Options;
use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, text};

const MAIL: &str = "a@b.c";

async fn send(service: &Service, token: &str) -> Answer {
    service.post_as(token, "/mfa/email/send", json!({})).await
}

async fn switch(service: &Service, token: &str, code: &Value, kind: &str) -> Answer {
    service.post_as(token, "/user/mfa", json!({ "code": code, "activeMfaType": kind })).await
}

async fn finish(service: &Service, ticket: &Value, code: &Value) -> Answer {
    service.post("/signin/mfa/totp", json!({ "ticket": ticket, "otp": code })).await
}

/// The code of the newest letter.
async fn code(service: &Service) -> Value {
    service.letter("mfa-otp", MAIL).await["code"].clone()
}

/// So that the next letter may come, and a new hour begins for codes.
async fn wait(service: &Service) {
    service.sql("update brain.codes set created_at = created_at - interval '61 seconds', issued = 1").await;
}

fn wrong(code: &Value) -> Value {
    json!(format!("{:06}", (text(code).parse::<u32>().unwrap() + 1) % 1_000_000))
}

/// A person with a verified address, and an access token.
async fn person(service: &Service) -> String {
    let session = service.sign_up(MAIL).await;
    service.sql("update auth.users set email_verified = true").await;
    text(&session["accessToken"]).to_owned()
}

/// The same, with the second factor on.
async fn protected(service: &Service) -> String {
    let token = person(service).await;
    send(service, &token).await.assert_ok();
    switch(service, &token, &code(service).await, "email").await.assert_ok();
    wait(service).await;
    token
}

async fn ticket(service: &Service) -> Value {
    let answer = service.sign_in(MAIL, PASSWORD).await;
    assert_eq!(
        (answer.status, &answer.body["mfa"]["method"]),
        (StatusCode::OK, &json!("email")),
        "{answer:?}"
    );
    assert!(answer.body.get("session").is_none());
    answer.body["mfa"]["ticket"].clone()
}

#[track_caller]
fn assert_wrong(answer: &Answer) {
    answer.assert_error(401, "invalid-totp", "Invalid");
}

#[tokio::test]
async fn it_is_switched_on_asked_for_and_switched_off() {
    let service = Service::start().await;
    let token = person(&service).await;
    send(&service, &token).await.assert_ok();
    let first = code(&service).await;
    assert_wrong(&switch(&service, &token, &wrong(&first), "email").await);
    // What is not confirmed asks for nothing.
    assert!(service.sign_in(MAIL, PASSWORD).await.body["session"].is_object());
    switch(&service, &token, &first, "email").await.assert_ok();
    assert_eq!(service.get_user(&format!("Bearer {token}")).await.body["activeMfaType"], "email");
    switch(&service, &token, &first, "email").await.assert_error(400, "totp-already-active", "active");
    switch(&service, &token, &first, "totp").await.assert_error(400, "totp-already-active", "active");

    wait(&service).await;
    let ticket = ticket(&service).await;
    assert!(text(&ticket).starts_with("mfaTotp:"));
    let code = code(&service).await;
    assert_ne!(code, first);
    assert_wrong(&finish(&service, &ticket, &wrong(&code)).await);
    let answer = finish(&service, &ticket, &code).await;
    assert_eq!(answer.body["session"]["user"]["email"], MAIL, "{answer:?}");

    wait(&service).await;
    send(&service, &token).await.assert_ok();
    switch(&service, &token, &self::code(&service).await, "").await.assert_ok();
    assert!(service.sign_in(MAIL, PASSWORD).await.body["session"].is_object());
    assert_eq!(service.get_user(&format!("Bearer {token}")).await.body["activeMfaType"], Value::Null);
}

#[tokio::test]
async fn a_code_and_a_ticket_are_good_once_in_parallel_too() {
    let service = Service::start().await;
    protected(&service).await;
    let ticket = ticket(&service).await;
    let code = code(&service).await;
    let answers = join_all((0..6).map(|_| finish(&service, &ticket, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{answers:?}");
    assert_ne!(finish(&service, &ticket, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn guesses_are_counted_and_stopped() {
    let service = Service::start().await;
    protected(&service).await;
    let ticket = ticket(&service).await;
    let code = code(&service).await;
    let wrong = wrong(&code);
    let answers = join_all((0..14).map(|_| finish(&service, &ticket, &wrong))).await;
    assert!(answers.iter().all(|answer| answer.status != StatusCode::OK));
    // Five from one network end the code for it, ten in all stop the person.
    finish(&service, &ticket, &code).await.assert_error(429, "too-many-requests", "900 s");
    service.sql("update brain.totp set window_started_at = now() - interval '16 minutes'").await;
    assert_wrong(&finish(&service, &ticket, &code).await);
}

#[tokio::test]
async fn a_letter_a_minute_and_the_last_code_stays_good_until_then() {
    let service = Service::start().await;
    protected(&service).await;
    let first = ticket(&service).await;
    let code = code(&service).await;
    // Again at once: the same letter serves both.
    let second = ticket(&service).await;
    assert_eq!(self::code(&service).await, code);
    assert_eq!(finish(&service, &second, &code).await.status, StatusCode::OK);
    // Now it is used, and a new one may not be sent yet.
    service.sign_in(MAIL, PASSWORD).await.assert_error(429, "too-many-requests", "60 s");
    assert_wrong(&finish(&service, &first, &code).await);
}

#[tokio::test]
async fn who_reads_the_letters_is_not_asked_for_another() {
    let service = Service::start().await;
    protected(&service).await;
    service.post("/signin/otp/email", json!({ "email": MAIL })).await.assert_ok();
    let otp = service.letter("signin-otp", MAIL).await["code"].clone();
    let answer = service.post("/signin/otp/email/verify", json!({ "email": MAIL, "otp": otp })).await;
    assert!(answer.body["session"].is_object(), "{answer:?}");
}

#[tokio::test]
async fn a_recovery_code_helps_who_has_lost_the_mailbox() {
    let service = Service::start().await;
    let token = protected(&service).await;
    send(&service, &token).await.assert_ok();
    let body = json!({ "code": code(&service).await });
    let codes = service.post_as(&token, "/mfa/recovery-codes", body).await.body["recoveryCodes"].clone();
    wait(&service).await;
    let ticket = ticket(&service).await;
    assert_eq!(finish(&service, &ticket, &codes[0]).await.status, StatusCode::OK);
    switch(&service, &token, &codes[1], "").await.assert_ok();
    assert_eq!(service.count("select count(*) from brain.recovery_codes").await, 0);
}

#[tokio::test]
async fn an_address_must_be_verified_and_the_setting_on() {
    let service = Service::start().await;
    let token = text(&service.sign_up(MAIL).await["accessToken"]).to_owned();
    send(&service, &token).await.assert_error(401, "unverified-user", "verified");
    switch(&service, &token, &json!("123456"), "email").await.assert_error(401, "invalid-totp", "Invalid");
    switch(&service, &token, &json!("123456"), "fax").await.assert_invalid("activeMfaType");
    service.post("/mfa/email/send", json!({})).await.assert_error(401, "invalid-request", "missing");

    let mut service = Service::start().await;
    protected(&service).await;
    service.reconfigure(Options { mfa_enabled: false, ..Options::default() }).await;
    assert!(service.sign_in(MAIL, PASSWORD).await.body["session"].is_object());
}
