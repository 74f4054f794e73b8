//! Signing in without a password: codes and links in letters.

use app::auth::{Options, RateLimits};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, json_request, text};

const ASK: &str = "/signin/otp/email";
const VERIFY: &str = "/signin/otp/email/verify";
const LINK: &str = "/signin/passwordless/email";

async fn code_for(service: &Service, email: &str) -> Value {
    service.post(ASK, json!({ "email": email })).await.assert_ok();
    service.letter("signin-otp", email).await["code"].clone()
}

/// A code of as many digits that is not this one; a different one for each number.
fn wrong(code: &Value, number: u32) -> Value {
    let right: u32 = text(code).parse().unwrap();
    json!(format!("{:06}", (right + 1 + number) % 1_000_000))
}

async fn show(service: &Service, email: &str, code: &Value, host: u8) -> Answer {
    let mut request = json_request(VERIFY, json!({ "email": email, "otp": code }).to_string());
    request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([203, 0, 113, host], 1))));
    service.send(request).await
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.assert_error(401, "invalid-ticket", "Invalid ticket");
}

#[tokio::test]
async fn there_are_no_text_messages() {
    let service = Service::start().await;
    for path in ["/signin/passwordless/sms", "/signin/passwordless/sms/otp"] {
        let answer = service.post(path, json!({ "phoneNumber": "+491701234567", "otp": "123456" })).await;
        answer.assert_error(409, "disabled-endpoint", "disabled");
    }
}

#[tokio::test]
async fn a_code_signs_in_once_verifies_the_address_and_makes_the_account() {
    let service = Service::start().await;
    let options = json!({ "displayName": "Алёна", "locale": "ru", "defaultRole": "me" });
    service.post(ASK, json!({ "email": "A@b.c", "options": options })).await.assert_ok();
    let letter = service.letter("signin-otp", "A@b.c").await;
    let code = letter["code"].clone();
    assert_eq!((text(&code).len(), &letter["displayName"]), (6, &json!("Алёна")));
    assert_eq!(service.count("select count(*) from brain.letters where locale = 'ru'").await, 1);
    let answer = show(&service, "a@B.c", &code, 1).await;
    let user = &answer.body["session"]["user"];
    assert_eq!((&user["emailVerified"], &user["defaultRole"]), (&json!(true), &json!("me")), "{answer:?}");
    assert_refused(&show(&service, "A@b.c", &code, 1).await);
    // Nobody can guess a password where there is none.
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "invalid-email-password", "Incorrect");
}

#[tokio::test]
async fn a_code_may_have_eight_digits() {
    let service = Service::start_with(Options { code_digits: 8, ..Options::default() }).await;
    let code = code_for(&service, "a@b.c").await;
    assert_eq!(text(&code).len(), 8);
    assert_eq!(show(&service, "a@b.c", &code, 1).await.status, StatusCode::OK);
}

#[tokio::test]
async fn of_parallel_uses_one_wins() {
    let service = Service::start().await;
    let code = code_for(&service, "a@b.c").await;
    let uses = (0..8).map(|host| show(&service, "a@b.c", &code, host));
    let answers = futures::future::join_all(uses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
}

#[tokio::test]
async fn a_network_has_five_guesses_and_the_owner_is_not_locked_out() {
    // The limit of all guesses of a network would come first.
    let rate_limits = RateLimits { enabled: false, ..RateLimits::default() };
    let service = Service::start_with(Options { rate_limits, ..Options::default() }).await;
    let code = code_for(&service, "a@b.c").await;
    let guesses: Vec<Value> = (0..12).map(|number| wrong(&code, number)).collect();
    for answer in futures::future::join_all(guesses.iter().map(|code| show(&service, "a@b.c", code, 1))).await
    {
        assert_refused(&answer);
    }
    assert_eq!(service.count("select tries::bigint from brain.codes").await, 5);
    // The right one comes too late from there, and in time from elsewhere.
    assert_refused(&show(&service, "a@b.c", &code, 1).await);
    assert_eq!(show(&service, "a@b.c", &code, 2).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_guess_for_an_unknown_address_is_written_down_as_one_for_a_known_one() {
    let rate_limits = RateLimits { enabled: false, ..RateLimits::default() };
    let service =
        Service::start_with(Options { disable_signup: true, rate_limits, ..Options::default() }).await;
    service.sql("insert into auth.users (email, display_name, locale) values ('a@b.c', 'A', 'en')").await;
    code_for(&service, "a@b.c").await;
    service.post(ASK, json!({ "email": "nobody@b.c" })).await.assert_ok();
    // A commit takes time that anybody can measure: there is one for each, and as many.
    let written = "select coalesce(sum(tries), 0)::bigint from brain.code_tries";
    for guess in 1..=7_i64 {
        for (email, guesses) in [("a@b.c", 2 * guess - 1), ("Nobody@b.c", 2 * guess)] {
            assert_refused(&show(&service, email, &json!("000000"), 1).await);
            assert_eq!(service.count(written).await, guesses.min(10), "{email}");
        }
    }
    assert_eq!(service.count("select count(*) from brain.code_tries").await, 2);
}

#[tokio::test]
async fn twenty_guesses_in_all_kill_the_code() {
    let service = Service::start().await;
    let code = code_for(&service, "a@b.c").await;
    let guesses: Vec<(Value, u8)> =
        (0..40_u8).map(|number| (wrong(&code, number.into()), number / 4)).collect();
    let shown = guesses.iter().map(|(code, host)| show(&service, "a@b.c", code, *host));
    futures::future::join_all(shown).await;
    assert_eq!(service.count("select tries::bigint from brain.codes").await, 20);
    assert_refused(&show(&service, "a@b.c", &code, 99).await);
}

#[tokio::test]
async fn a_new_code_ends_the_last_and_comes_once_a_minute_five_times_an_hour() {
    let service = Service::start().await;
    let first = code_for(&service, "a@b.c").await;
    assert_eq!(code_for(&service, "a@b.c").await, first);
    let later = "update brain.codes set created_at = created_at - interval '61 seconds'";
    for number in 2..=5 {
        service.sql(later).await;
        code_for(&service, "a@b.c").await;
        assert_eq!(service.count("select issued::bigint from brain.codes").await, number);
    }
    assert_refused(&show(&service, "a@b.c", &first, 1).await);
    let fifth = service.letter("signin-otp", "a@b.c").await["code"].clone();
    service.sql(later).await;
    assert_eq!(code_for(&service, "a@b.c").await, fifth);
    service.sql("update brain.codes set window_started_at = now() - interval '61 minutes'").await;
    assert_ne!(code_for(&service, "a@b.c").await, fifth);
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_stored_as_no_digits() {
    let service = Service::start().await;
    let code = code_for(&service, "a@b.c").await;
    let life = "select round(extract(epoch from expires_at - created_at))::bigint from brain.codes";
    assert_eq!(service.count(life).await, 600);
    let seen = format!("select count(*) from brain.codes c where c::text like '%{}%'", text(&code));
    assert_eq!(service.count(&seen).await, 0);
    service.sql("update brain.codes set expires_at = now()").await;
    assert_refused(&show(&service, "a@b.c", &code, 1).await);
}

#[tokio::test]
async fn who_is_shut_out_stays_out_and_the_answer_is_the_same() {
    let service = Service::start_with(Options { disable_signup: true, ..Options::default() }).await;
    for path in [ASK, LINK] {
        service.post(path, json!({ "email": "nobody@b.c" })).await.assert_ok();
    }
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
    assert_eq!(service.count("select count(*) from brain.letters where template <> 'nobody'").await, 0);
    let service = Service::start().await;
    let code = code_for(&service, "a@b.c").await;
    service.sql("update auth.users set disabled = true").await;
    assert_refused(&show(&service, "a@b.c", &code, 1).await);
    assert_refused(&show(&service, "nobody@b.c", &code, 1).await);
}

#[tokio::test]
async fn a_link_signs_in_and_makes_the_account() {
    let service = Service::start().await;
    service.post(LINK, json!({ "email": "a@b.c" })).await.assert_ok();
    let address = service.visit(&service.letter("signin-passwordless", "a@b.c").await).await;
    assert!(address.ends_with("&type=passwordlessEmail"), "{address}");
    let token = address.split("refreshToken=").nth(1).unwrap().split('&').next().unwrap().replace("%2D", "-");
    assert_eq!(service.refresh(&json!(token)).await.body["user"]["emailVerified"], true);
}

#[tokio::test]
async fn who_took_an_address_that_is_not_theirs_loses_the_account_to_its_owner() {
    let service = Service::start().await;
    for (email, verified) in [("a@b.c", false), ("b@b.c", true), ("c@b.c", false)] {
        let thief = service.sign_up(email).await;
        if verified {
            service.sql("update auth.users set email_verified = true where email = 'b@b.c'").await;
        }
        if email == "c@b.c" {
            service.post(LINK, json!({ "email": email })).await.assert_ok();
            service.visit(&service.letter("signin-passwordless", email).await).await;
        } else {
            let code = code_for(&service, email).await;
            assert_eq!(show(&service, email, &code, 1).await.status, StatusCode::OK);
        }
        let (refreshed, signed_in) =
            (service.refresh(&thief["refreshToken"]).await, service.sign_in(email, PASSWORD).await);
        assert_eq!(
            (refreshed.status.is_success(), signed_in.status.is_success()),
            (verified, verified),
            "{email}"
        );
    }
}

#[tokio::test]
async fn each_way_can_be_switched_off_and_malformed_requests_are_refused() {
    let options =
        Options { otp_email_enabled: false, email_passwordless_enabled: false, ..Options::default() };
    let service = Service::start_with(options).await;
    for path in [ASK, LINK] {
        let answer = service.post(path, json!({ "email": "a@b.c" })).await;
        answer.assert_error(409, "disabled-endpoint", "disabled");
    }
    let body = json!({ "email": "a@b.c", "otp": "123456" });
    service.post(VERIFY, body).await.assert_error(409, "disabled-endpoint", "disabled");

    let service = Service::start().await;
    for path in [ASK, LINK] {
        service.post(path, json!({ "email": "a" })).await.assert_invalid("e-mail address");
        let options = |options: Value| json!({ "email": "a@b.c", "options": options });
        let admin = options(json!({ "allowedRoles": ["admin"] }));
        service.post(path, admin).await.assert_error(400, "role-not-allowed", "Role");
        let evil = options(json!({ "redirectTo": "https://evil.example" }));
        service.post(path, evil).await.assert_error(400, "redirectTo-not-allowed", "not allowed");
    }
    for code in ["", "12345", "abcdef"] {
        service.post(VERIFY, json!({ "email": "a@b.c", "otp": code })).await.assert_invalid("6 or 8 digits");
    }
}
