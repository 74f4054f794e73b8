//! `POST /user/password/reset` and `POST /user/password`.

use app::auth::Options;
use axum::http::StatusCode;
use serde_json::json;

use super::service::{PASSWORD, Service, text};

const RESET: &str = "/user/password/reset";
const CHANGE: &str = "/user/password";
const NEW: &str = "battery staple";

#[tokio::test]
async fn the_link_of_the_letter_signs_in_and_the_page_sets_the_password() {
    let service = Service::start().await;
    let old = service.sign_up("a@b.c").await;
    service.post(RESET, json!({"email": "A@b.c"})).await.assert_ok();
    let address = service.visit(&service.letter("password-reset", "a@b.c").await).await;
    assert!(address.ends_with("&type=passwordReset"), "{address}");
    let token = address.split("refreshToken=").nth(1).unwrap().split('&').next().unwrap().replace("%2D", "-");
    let session = service.refresh(&json!(token)).await.body;
    service.post_as(text(&session["accessToken"]), CHANGE, json!({"newPassword": NEW})).await.assert_ok();
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "invalid-email-password", "Incorrect");
    assert_eq!(service.sign_in("a@b.c", NEW).await.status, StatusCode::OK);
    // The session that changed it lives, the others are over.
    assert_eq!(service.refresh(&session["refreshToken"]).await.status, StatusCode::OK);
    service.refresh(&old["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "expired");
}

#[tokio::test]
async fn the_ticket_itself_changes_the_password_once() {
    let service = Service::start().await;
    let old = service.sign_up("a@b.c").await;
    service.post(RESET, json!({"email": "a@b.c"})).await.assert_ok();
    let letter = service.letter("password-reset", "a@b.c").await;
    let with = |password: &str| json!({"newPassword": password, "ticket": letter["ticket"]});
    service.post(CHANGE, with("short")).await.assert_error(400, "password-too-short", "too short");
    service.post(CHANGE, with(NEW)).await.assert_ok();
    assert_eq!(service.sign_in("a@b.c", NEW).await.status, StatusCode::OK);
    service.refresh(&old["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "expired");
    service.post(CHANGE, with(PASSWORD)).await.assert_error(401, "invalid-ticket", "Invalid ticket");
    assert!(service.visit(&letter).await.contains("error=invalid%2Dticket"));
}

#[tokio::test]
async fn of_parallel_changes_with_one_ticket_one_wins() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.post(RESET, json!({"email": "a@b.c"})).await.assert_ok();
    let ticket = service.letter("password-reset", "a@b.c").await["ticket"].clone();
    let change = |number: usize| {
        service.post(CHANGE, json!({"newPassword": format!("{NEW} {number}"), "ticket": ticket}))
    };
    let answers = futures::future::join_all((0..6).map(change)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1);
}

#[tokio::test]
async fn a_changed_password_voids_the_tickets_that_are_out() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.post(RESET, json!({"email": "a@b.c"})).await.assert_ok();
    let letter = service.letter("password-reset", "a@b.c").await;
    service.post_as(text(&session["accessToken"]), CHANGE, json!({"newPassword": NEW})).await.assert_ok();
    assert!(service.visit(&letter).await.contains("error=invalid%2Dticket"));
}

#[tokio::test]
async fn sessions_outlive_a_change_where_the_settings_say_so() {
    let options = Options { password_change_ends_sessions: false, ..Options::default() };
    let service = Service::start_with(options).await;
    let old = service.sign_up("a@b.c").await;
    let new = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
    service.post_as(text(&new["accessToken"]), CHANGE, json!({"newPassword": NEW})).await.assert_ok();
    assert_eq!(service.refresh(&old["refreshToken"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_told_whether_there_is_such_an_account() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.sign_up("off@b.c").await;
    service.sql("update auth.users set disabled = true where email = 'off@b.c'").await;
    for email in ["a@b.c", "off@b.c", "nobody@b.c"] {
        service.post(RESET, json!({ "email": email })).await.assert_ok();
    }
    assert_eq!(service.count("select count(*) from brain.letters").await, 3);
    assert_eq!(service.count("select count(*) from brain.letters where template <> 'nobody'").await, 1);
}

#[tokio::test]
async fn without_a_token_or_a_ticket_nothing_changes() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.post(CHANGE, json!({"newPassword": NEW})).await.assert_invalid("password reset is needed");
    service.post_as("forged", CHANGE, json!({"newPassword": NEW})).await.assert_invalid("is needed");
    let other = json!({"newPassword": NEW, "ticket": "verifyEmail:2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24"});
    service.post(CHANGE, other).await.assert_invalid("is needed");
    let unknown = json!({"newPassword": NEW, "ticket": "passwordReset:2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24"});
    service.post(CHANGE, unknown).await.assert_error(401, "invalid-ticket", "Invalid ticket");
    service.post(CHANGE, json!({"newPassword": "ab"})).await.assert_invalid("3 to 50");
    service.post(CHANGE, json!({})).await.assert_invalid("missing field `newPassword`");
}

#[tokio::test]
async fn who_is_shut_out_or_anonymous_cannot_change_a_password() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let token = text(&session["accessToken"]);
    service.sql("update auth.users set is_anonymous = true").await;
    let change = || service.post_as(token, CHANGE, json!({"newPassword": NEW}));
    change().await.assert_error(403, "forbidden-anonymous", "anonymous");
    service.sql("update auth.users set disabled = true").await;
    change().await.assert_error(401, "disabled-user", "disabled");
    service.sql("delete from auth.users").await;
    change().await.assert_error(401, "invalid-request", "does not exist");
}

#[tokio::test]
async fn a_reset_of_an_address_that_was_never_verified_ends_all_that_whoever_made_the_account_had() {
    // With a page that shows the ticket itself, and with one that the link signs in.
    for (shows_ticket, verified) in [(true, false), (false, false), (true, true), (false, true)] {
        let options = Options { password_change_ends_sessions: false, ..Options::default() };
        let service = Service::start_with(options).await;
        let stranger = service.sign_up("a@b.c").await;
        service.sql(&format!("update auth.users set email_verified = {verified}")).await;
        for has in [
            "insert into auth.user_security_keys (user_id, credential_id) select id, 'k' from auth.users",
            "insert into auth.user_providers (user_id, provider_id, provider_user_id, access_token)
                select id, 'google', 'g', '' from auth.users",
        ] {
            service.sql(has).await;
        }
        service.post(RESET, json!({"email": "a@b.c"})).await.assert_ok();
        let letter = service.letter("password-reset", "a@b.c").await;
        if shows_ticket {
            let body = json!({"newPassword": NEW, "ticket": letter["ticket"]});
            service.post(CHANGE, body).await.assert_ok();
            assert_eq!(service.sign_in("a@b.c", NEW).await.status, StatusCode::OK);
        } else {
            assert!(service.visit(&letter).await.contains("refreshToken="));
            assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status.is_success(), verified);
        }
        let left = i64::from(verified);
        for rows in ["auth.user_security_keys", "auth.user_providers"] {
            assert_eq!(service.count(&format!("select count(*) from {rows}")).await, left, "{rows}");
        }
        assert_eq!(service.refresh(&stranger["refreshToken"]).await.status.is_success(), verified);
        assert_eq!(service.count("select count(*) from auth.users where email_verified").await, 1);
    }
}
