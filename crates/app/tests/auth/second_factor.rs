//! The second factor: switching it on and off, the second half of a sign-in, recovery codes, and guessing.

use app::auth::Options;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use data_encoding::BASE32_NOPAD;
use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use super::service::{Answer, PASSWORD, Service, text};

/// What the app shows now, by RFC 6238.
fn code(service: &Service, secret: &str) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&(service.clock.unix_seconds() / 30).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 0xf);
    let word = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

async fn generate(service: &Service, token: &str) -> Answer {
    let request = Request::get("/mfa/totp/generate").header(AUTHORIZATION, format!("Bearer {token}"));
    service.send(request.body(Body::empty()).unwrap()).await
}

async fn switch(service: &Service, token: &str, code: &str, kind: &str) -> Answer {
    service.post_as(token, "/user/mfa", json!({ "code": code, "activeMfaType": kind })).await
}

/// A person with the second factor: an access token and the secret. The code of this moment is used.
async fn protected(service: &Service, email: &str) -> (String, String) {
    let token = text(&service.sign_up(email).await["accessToken"]).to_owned();
    let secret = text(&generate(service, &token).await.body["totpSecret"]).to_owned();
    switch(service, &token, &code(service, &secret), "totp").await.assert_ok();
    (token, secret)
}

async fn ticket(service: &Service, email: &str) -> Value {
    let answer = service.sign_in(email, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.body.as_object().unwrap().len(), 1, "{answer:?}");
    answer.body["mfa"]["ticket"].clone()
}

async fn finish(service: &Service, ticket: &Value, code: &str) -> Answer {
    service.post("/signin/mfa/totp", json!({ "ticket": ticket, "otp": code })).await
}

#[track_caller]
fn assert_wrong(answer: &Answer) {
    answer.assert_error(401, "invalid-totp", "Invalid TOTP code");
}

#[tokio::test]
async fn it_is_switched_on_asked_for_and_switched_off() {
    let service = Service::start().await;
    let token = text(&service.sign_up("a@b.c").await["accessToken"]).to_owned();
    switch(&service, &token, "123456", "totp").await.assert_error(400, "no-totp-secret", "TOTP secret");
    switch(&service, &token, "123456", "").await.assert_error(401, "disabled-mfa-totp", "enabled");
    let generated = generate(&service, &token).await.body;
    assert!(text(&generated["imageUrl"]).starts_with("data:image/png;base64,"));
    let secret = text(&generated["totpSecret"]);
    // A secret that is not confirmed asks for nothing.
    assert!(service.sign_in("a@b.c", PASSWORD).await.body["session"].is_object());
    assert_wrong(&switch(&service, &token, "000000", "totp").await);
    switch(&service, &token, &code(&service, secret), "totp").await.assert_ok();
    generate(&service, &token).await.assert_error(400, "totp-already-active", "already active");
    switch(&service, &token, "123456", "totp").await.assert_error(
        400,
        "totp-already-active",
        "already active",
    );

    service.clock.advance(30);
    let ticket = ticket(&service, "a@b.c").await;
    assert!(text(&ticket).starts_with("mfaTotp:"));
    let session = finish(&service, &ticket, &code(&service, secret)).await;
    assert_eq!(session.body["session"]["user"]["email"], "a@b.c", "{session:?}");
    service.clock.advance(30);
    switch(&service, &token, &code(&service, secret), "").await.assert_ok();
    assert!(service.sign_in("a@b.c", PASSWORD).await.body["session"].is_object());
    assert_eq!(service.count("select count(*) from auth.users where totp_secret is not null").await, 0);
}

#[tokio::test]
async fn a_code_and_a_ticket_are_good_once_in_parallel_too() {
    let service = Service::start().await;
    let (_, secret) = protected(&service, "a@b.c").await;
    // The code that switched it on is used.
    assert_wrong(&finish(&service, &ticket(&service, "a@b.c").await, &code(&service, &secret)).await);
    service.clock.advance(30);
    let now = code(&service, &secret);
    let tickets = [ticket(&service, "a@b.c").await, ticket(&service, "a@b.c").await];
    let answers = join_all((0..8).map(|number| finish(&service, &tickets[number % 2], &now))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{answers:?}");
    service.clock.advance(30);
    let later = code(&service, &secret);
    let answers = join_all(tickets.iter().map(|ticket| finish(&service, ticket, &later))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{answers:?}");
    assert!(answers.iter().any(|answer| answer.body["error"] == "invalid-ticket"), "{answers:?}");
}

#[tokio::test]
async fn guesses_are_counted_and_stopped() {
    let service = Service::start().await;
    let (_, secret) = protected(&service, "a@b.c").await;
    service.clock.advance(30);
    let right = code(&service, &secret);
    let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 500_000) % 1_000_000);
    let ticket = ticket(&service, "a@b.c").await;
    let answers = join_all((0..14).map(|_| finish(&service, &ticket, &wrong))).await;
    let limited = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.count(), 4);
    let answer = finish(&service, &ticket, &right).await;
    answer.assert_error(429, "too-many-requests", "900 s");
    assert_eq!(answer.headers["retry-after"], "900");
    service.sql("update brain.totp set window_started_at = now() - interval '16 minutes'").await;
    assert_eq!(finish(&service, &ticket, &right).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_recovery_code_signs_in_once() {
    let service = Service::start().await;
    let (token, secret) = protected(&service, "a@b.c").await;
    let ask = |code: String| service.post_as(&token, "/mfa/recovery-codes", json!({ "code": code }));
    assert_wrong(&ask("000000".to_owned()).await);
    service.clock.advance(30);
    let codes = ask(code(&service, &secret)).await.body["recoveryCodes"].clone();
    let codes: Vec<&str> = codes.as_array().unwrap().iter().map(text).collect();
    assert_eq!((codes.len(), codes[0].len()), (10, 19));
    let first = ticket(&service, "a@b.c").await;
    let answers = join_all((0..4).map(|_| finish(&service, &first, codes[0]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{answers:?}");
    assert_wrong(&finish(&service, &ticket(&service, "a@b.c").await, codes[0]).await);
    // As people write it down.
    let spoken = codes[1].to_ascii_uppercase().replace('-', " ");
    assert_eq!(finish(&service, &ticket(&service, "a@b.c").await, &spoken).await.status, StatusCode::OK);
    // Another person's is none.
    protected(&service, "b@b.c").await;
    assert_wrong(&finish(&service, &ticket(&service, "b@b.c").await, codes[2]).await);
    // New ones end the old ones, and a lost app is switched off by one.
    service.clock.advance(30);
    let fresh = ask(code(&service, &secret)).await.body["recoveryCodes"].clone();
    assert_wrong(&finish(&service, &ticket(&service, "a@b.c").await, codes[2]).await);
    switch(&service, &token, text(&fresh[0]), "").await.assert_ok();
    assert_eq!(service.count("select count(*) from brain.recovery_codes").await, 0);
}

#[tokio::test]
async fn letters_do_not_get_around_it() {
    let service = Service::start().await;
    let (_, secret) = protected(&service, "a@b.c").await;
    service.sql("update auth.users set email_verified = true").await;
    service.post("/signin/otp/email", json!({ "email": "a@b.c" })).await.assert_ok();
    let sent = service.letter("signin-otp", "a@b.c").await["code"].clone();
    let answer = service.post("/signin/otp/email/verify", json!({ "email": "a@b.c", "otp": sent })).await;
    assert!(answer.body["session"].is_null() && answer.body["mfa"]["ticket"].is_string(), "{answer:?}");
    service.post("/user/password/reset", json!({ "email": "a@b.c" })).await.assert_ok();
    let address = service.visit(&service.letter("password-reset", "a@b.c").await).await;
    assert!(!address.contains("refreshToken="), "{address}");
    let given = address.split("mfaTicket=").nth(1).unwrap().split('&').next().unwrap();
    let given = json!(given.replace("%2D", "-").replace("%3A", ":"));
    service.clock.advance(30);
    assert_eq!(finish(&service, &given, &code(&service, &secret)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn bad_tickets_and_people_who_are_shut_out_are_refused() {
    let service = Service::start().await;
    let (token, secret) = protected(&service, "a@b.c").await;
    service.clock.advance(30);
    let now = code(&service, &secret);
    let unknown = json!("mfaTotp:2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24");
    finish(&service, &unknown, &now).await.assert_error(401, "invalid-ticket", "Invalid ticket");
    finish(&service, &json!("passwordReset:x"), &now).await.assert_invalid("second factor");
    let old = ticket(&service, "a@b.c").await;
    service.sql("update brain.tickets set expires_at = now()").await;
    finish(&service, &old, &now).await.assert_error(401, "invalid-ticket", "Invalid ticket");
    let shut = ticket(&service, "a@b.c").await;
    switch(&service, &token, &now, "sms").await.assert_invalid("activeMfaType");
    service.sql("update auth.users set disabled = true").await;
    finish(&service, &shut, &now).await.assert_error(401, "invalid-ticket", "Invalid ticket");
    switch(&service, &token, &now, "").await.assert_error(401, "disabled-user", "disabled");
    service.get("/mfa/totp/generate").await.assert_error(401, "invalid-request", "missing");
}

#[tokio::test]
async fn it_can_be_switched_off_for_all() {
    let service = Service::start_with(Options { mfa_enabled: false, ..Options::default() }).await;
    let token = text(&service.sign_up("a@b.c").await["accessToken"]).to_owned();
    generate(&service, &token).await.assert_error(409, "disabled-endpoint", "disabled");
    switch(&service, &token, "123456", "totp").await.assert_error(409, "disabled-endpoint", "disabled");
    finish(&service, &json!("mfaTotp:x"), "1").await.assert_error(409, "disabled-endpoint", "disabled");
}
