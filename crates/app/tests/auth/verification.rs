//! Addresses that must be verified: the letter of sign-up, the link, `POST /user/email/send-verification-email`.

use app::auth::Options;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::service::{PASSWORD, Service, text};

const RESEND: &str = "/user/email/send-verification-email";

pub(super) const A_MINUTE_LATER: &str =
    "update brain.letter_pauses set sent_at = sent_at - interval '61 seconds'";

fn strict() -> Options {
    Options { email_verification_required: true, ..Options::default() }
}

async fn strict_service() -> Service {
    let service = Service::start_with(strict()).await;
    let answer =
        service.post("/signup/email-password", json!({"email": "a@b.c", "password": PASSWORD})).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({})));
    service
}

/// The value of a parameter of an address.
fn parameter<'a>(address: &'a str, name: &str) -> &'a str {
    let query = address.split_once('?').unwrap().1;
    query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap()
}

#[tokio::test]
async fn the_link_of_the_letter_verifies_and_signs_in() {
    let service = strict_service().await;
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "unverified-user", "not verified");
    let letter = service.letter("email-verify", "a@b.c").await;
    assert!(text(&letter["ticket"]).starts_with("verifyEmail:"));
    assert_eq!(letter["displayName"], "a@b.c");
    let address = service.visit(&letter).await;
    assert!(address.starts_with("http://localhost:3000?"), "{address}");
    assert_eq!(parameter(&address, "type"), "verifyEmail");
    let token = parameter(&address, "refreshToken").replace("%2D", "-");
    let session = service.refresh(&json!(token)).await;
    assert_eq!(session.body["user"]["emailVerified"], true, "{session:?}");
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
    // Once.
    let again = service.visit(&letter).await;
    assert_eq!(parameter(&again, "error"), "invalid%2Dticket");
    assert_eq!(parameter(&again, "errorDescription"), "Invalid%20ticket");
}

#[tokio::test]
async fn of_parallel_visits_one_gets_a_session() {
    let service = strict_service().await;
    let letter = service.letter("email-verify", "a@b.c").await;
    let addresses = futures::future::join_all((0..8).map(|_| service.visit(&letter))).await;
    assert_eq!(addresses.iter().filter(|address| address.contains("refreshToken=")).count(), 1);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
}

#[tokio::test]
async fn a_look_at_the_link_does_not_use_it_up() {
    let service = strict_service().await;
    let letter = service.letter("email-verify", "a@b.c").await;
    let link = text(&letter["link"]).strip_prefix("http://localhost:3000/v1").unwrap();
    let answer = service.send(Request::head(link).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(service.visit(&letter).await.contains("refreshToken="));
}

#[tokio::test]
async fn an_old_ticket_or_one_of_a_shut_out_person_does_nothing() {
    let service = strict_service().await;
    let letter = service.letter("email-verify", "a@b.c").await;
    service.sql("update brain.tickets set expires_at = now() - interval '1 second'").await;
    assert!(service.visit(&letter).await.contains("error=invalid%2Dticket"));
    service.sql("update brain.tickets set expires_at = now() + interval '1 hour'").await;
    service.sql("update auth.users set disabled = true").await;
    assert!(service.visit(&letter).await.contains("error=invalid%2Dticket"));
    assert_eq!(service.count("select count(*) from auth.users where email_verified").await, 0);
}

#[tokio::test]
async fn no_ticket_is_stored_as_it_is() {
    let service = strict_service().await;
    let ticket = service.letter("email-verify", "a@b.c").await["ticket"].clone();
    let sql = format!("select count(*) from brain.tickets t where t::text like '%{}%'", text(&ticket));
    assert_eq!(service.count(&sql).await, 0);
    assert_eq!(service.count("select count(*) from brain.tickets").await, 1);
}

#[tokio::test]
async fn links_lead_to_allowed_addresses_only() {
    let options = Options { allowed_redirect_urls: vec!["https://app.example.com".into()], ..strict() };
    let service = Service::start_with(options).await;
    let sign_up = |email: &'static str, to: &'static str| {
        let options = json!({ "redirectTo": to });
        service
            .post("/signup/email-password", json!({"email": email, "password": PASSWORD, "options": options}))
    };
    let refused = sign_up("x@b.c", "https://evil.example").await;
    refused.assert_error(400, "redirectTo-not-allowed", "options.redirectTo");
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
    assert_eq!(sign_up("a@b.c", "https://app.example.com/in?x=1#y").await.status, StatusCode::OK);
    let letter = service.letter("email-verify", "a@b.c").await;
    assert_eq!(letter["redirectTo"], "https://app.example.com/in?x=1#y");
    let address = service.visit(&letter).await;
    assert!(address.starts_with("https://app.example.com/in?x=1&refreshToken="), "{address}");
    assert!(address.ends_with("#y"), "{address}");

    // What stands in the link is not believed either, and uses nothing up.
    let answer = service.get("/verify?ticket=verifyEmail:x&redirectTo=https://evil.example").await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with("http://localhost:3000?error=redirectTo%2Dnot%2Dallowed&"), "{location}");
    service.get("/verify?ticket=verifyEmail:x").await.assert_invalid("redirectTo");
    service.get("/verify?redirectTo=http://localhost:3000").await.assert_invalid("ticket");
    service.get("/verify?ticket=a&redirectTo=nowhere").await.assert_invalid("redirectTo");
}

#[tokio::test]
async fn the_letter_may_be_asked_for_again_but_not_at_once() {
    let service = strict_service().await;
    let letters = "select count(*) from brain.letters where template = 'email-verify'";
    assert_eq!(service.count(letters).await, 1);
    service.post(RESEND, json!({"email": "a@b.c"})).await.assert_ok();
    assert_eq!(service.count(letters).await, 1);
    service.sql(A_MINUTE_LATER).await;
    service.post(RESEND, json!({"email": "A@b.c", "options": {}})).await.assert_ok();
    assert_eq!(service.count(letters).await, 2);
    // Both links are good.
    assert_eq!(service.count("select count(*) from brain.tickets").await, 2);
}

#[tokio::test]
async fn an_unknown_or_a_verified_address_is_answered_alike() {
    let service = strict_service().await;
    service.sql("update auth.users set email_verified = true").await;
    service.sql("delete from brain.letters").await;
    for email in ["a@b.c", "nobody@b.c"] {
        service.post(RESEND, json!({ "email": email })).await.assert_ok();
    }
    // A row each, which no letter becomes.
    assert_eq!(service.count("select count(*) from brain.letters where template = 'nobody'").await, 2);
    assert_eq!(service.count("select count(*) from brain.letters where recipient <> ''").await, 0);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let service = Service::start().await;
    for path in [RESEND, "/user/password/reset"] {
        service.post(path, json!({})).await.assert_invalid("missing field `email`");
        service.post(path, json!({"email": "a"})).await.assert_invalid("e-mail address");
        service.post(path, json!({"email": "a@b.c", "x": 1})).await.assert_invalid("unknown field `x`");
        let options = |options: Value| json!({"email": "a@b.c", "options": options});
        service.post(path, options(json!({"x": 1}))).await.assert_invalid("unknown field `x`");
        service.post(path, options(json!({"redirectTo": "/a"}))).await.assert_invalid("redirectTo");
        let evil = options(json!({"redirectTo": "https://evil.example"}));
        service.post(path, evil).await.assert_error(400, "redirectTo-not-allowed", "not allowed");
    }
}

const VERIFY_CODE: &str = "/user/email/verify";

#[tokio::test]
async fn the_code_of_the_letter_verifies_once_and_keeps_the_password() {
    let service = strict_service().await;
    let code = service.letter("email-verify", "a@b.c").await["code"].clone();
    let show = || service.post(VERIFY_CODE, json!({ "email": "A@b.c", "otp": code }));
    let answers = futures::future::join_all((0..6).map(|_| show())).await;
    let sessions: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::OK).collect();
    assert_eq!(sessions.len(), 1, "{answers:?}");
    assert_eq!(sessions[0].body["session"]["user"]["emailVerified"], true);
    answers.iter().filter(|answer| answer.status != StatusCode::OK).for_each(|answer| {
        answer.assert_error(401, "invalid-ticket", "Invalid ticket");
    });
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
    // A code for one thing is none for another.
    let service = strict_service().await;
    let code = service.letter("email-verify", "a@b.c").await["code"].clone();
    let sign_in = service.post("/signin/otp/email/verify", json!({ "email": "a@b.c", "otp": code })).await;
    sign_in.assert_error(401, "invalid-ticket", "Invalid ticket");
    service.post(VERIFY_CODE, json!({ "email": "a@b.c", "otp": "12" })).await.assert_invalid("6 or 8 digits");
}

#[tokio::test]
async fn codes_that_verify_are_five_an_hour_and_their_letters_too() {
    let service = strict_service().await;
    let letters = "select count(*) from brain.letters where template = 'email-verify'";
    for number in 2..=7 {
        service.sql(A_MINUTE_LATER).await;
        service.post(RESEND, json!({ "email": "a@b.c" })).await.assert_ok();
        assert_eq!(service.count(letters).await, number.min(5));
    }
    // The code of the last letter is the one that counts.
    let code = service.letter("email-verify", "a@b.c").await["code"].clone();
    let answer = service.post(VERIFY_CODE, json!({ "email": "a@b.c", "otp": code })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn a_link_or_code_that_verifies_is_none_once_the_address_is_verified() {
    for way in ["code", "another link", "administrator", "letter to sign in"] {
        let service = strict_service().await;
        let first = service.letter("email-verify", "a@b.c").await;
        service.sql(A_MINUTE_LATER).await;
        service.post(RESEND, json!({ "email": "a@b.c" })).await.assert_ok();
        let second = service.letter("email-verify", "a@b.c").await;
        let show = |code: &Value| service.post(VERIFY_CODE, json!({ "email": "a@b.c", "otp": code }));
        match way {
            "code" => assert_eq!(show(&second["code"]).await.status, StatusCode::OK),
            "another link" => assert!(service.visit(&second).await.contains("refreshToken=")),
            "administrator" => service.sql("update auth.users set email_verified = true").await,
            _ => {
                service.post("/signin/passwordless/email", json!({ "email": "a@b.c" })).await.assert_ok();
                service.visit(&service.letter("signin-passwordless", "a@b.c").await).await;
            }
        }
        let sessions = service.count("select count(*) from auth.refresh_tokens").await;
        assert!(service.visit(&first).await.contains("error=invalid%2Dticket"), "{way}");
        show(&second["code"]).await.assert_error(401, "invalid-ticket", "Invalid ticket");
        assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, sessions, "{way}");
    }
}

#[tokio::test]
async fn of_two_links_that_verify_at_once_one_signs_in() {
    for _ in 0..5 {
        let service = strict_service().await;
        let first = service.letter("email-verify", "a@b.c").await;
        service.sql(A_MINUTE_LATER).await;
        service.post(RESEND, json!({ "email": "a@b.c" })).await.assert_ok();
        let second = service.letter("email-verify", "a@b.c").await;
        let (one, other) = futures::join!(service.visit(&first), service.visit(&second));
        let signed_in = [one, other].iter().filter(|address| address.contains("refreshToken=")).count();
        assert_eq!(signed_in, 1);
    }
}

#[tokio::test]
async fn letters_that_are_asked_for_at_once_are_one() {
    let service = strict_service().await;
    service.sql("insert into auth.users (email, email_verified, display_name, locale) values ('b@b.c', true, 'B', 'en')").await;
    service.sql(A_MINUTE_LATER).await;
    service.sql("delete from brain.letters").await;
    for (path, email, letter) in [
        (RESEND, "a@b.c", "email-verify"),
        ("/user/password/reset", "b@b.c", "password-reset"),
        ("/signin/passwordless/email", "b@b.c", "signin-passwordless"),
        ("/signin/otp/email", "b@b.c", "signin-otp"),
    ] {
        let asked = (0..8).map(|_| service.post(path, json!({ "email": email })));
        service.at_once(asked).await.iter().for_each(super::service::Answer::assert_ok);
        let letters = format!("select count(*) from brain.letters where template = '{letter}'");
        assert_eq!(service.count(&letters).await, 1, "{path}");
    }
    assert_eq!(service.count("select count(*) from brain.tickets").await, 1 + 3);
    let service = Service::start().await;
    let session = service.sign_up("c@b.c").await;
    let token = text(&session["accessToken"]);
    let asked = (0..8).map(|number| {
        service.post_as(token, "/user/email/change", json!({ "newEmail": format!("c{number}@b.c") }))
    });
    let answers = service.at_once(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{answers:?}");
    assert_eq!(service.count("select count(*) from brain.letters where template <> 'nobody'").await, 1);
}

#[tokio::test]
async fn codes_that_verify_are_five_an_hour_at_once_too() {
    let service = Service::start_with(Options { letter_pause_seconds: 0, ..strict() }).await;
    service.post("/signup/email-password", json!({"email": "a@b.c", "password": PASSWORD})).await;
    service.sql("update brain.codes set issued = 4").await;
    let asked = (0..6).map(|_| service.post(RESEND, json!({ "email": "a@b.c" })));
    service.at_once(asked).await.iter().for_each(super::service::Answer::assert_ok);
    assert_eq!(service.count("select count(*) from brain.letters where template = 'email-verify'").await, 2);
    assert_eq!(service.count("select issued::bigint from brain.codes").await, 5);
    assert_eq!(service.count("select count(*) from brain.tickets").await, 2);
}
