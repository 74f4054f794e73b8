//! `POST /signin/email-password`.

use app::auth::{AddressRules, Options};
use axum::http::StatusCode;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use super::service::{PASSWORD, Service, text};

const PATH: &str = "/signin/email-password";

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let service = Service::start().await;
    let first = service.sign_up("Alice@example.com").await;
    let answer = service.sign_in("alice@EXAMPLE.com", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK);
    let session = &answer.body["session"];
    assert_eq!(session["user"], first["user"]);
    assert_ne!(session["refreshToken"], first["refreshToken"]);
    assert_ne!(session["refreshTokenId"], first["refreshTokenId"]);
    assert!(service.jwt.verify(text(&session["accessToken"])).is_ok());
    // Both sessions live.
    assert_eq!(service.refresh(&first["refreshToken"]).await.status, StatusCode::OK);
    assert_eq!(service.refresh(&session["refreshToken"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let wrong = service.sign_in("a@b.c", "Correct horse").await;
    wrong.assert_error(401, "invalid-email-password", "Incorrect email or password");
    let unknown = service.sign_in("x@b.c", PASSWORD).await;
    assert_eq!((unknown.status, unknown.body), (wrong.status, wrong.body));
    service.sql("update auth.users set password_hash = null").await;
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "invalid-email-password", "Incorrect");
}

#[tokio::test]
async fn an_unknown_address_costs_a_hash_as_a_wrong_password_does() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The test runs on one thread, and so do the handlers.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    for email in ["b@b.c", "off@b.c", "blocked@b.c"] {
        service.sign_up(email).await;
    }
    service.sql("update auth.users set password_hash = null where email = 'b@b.c'").await;
    service.sql("update auth.users set disabled = true where email = 'off@b.c'").await;
    let blocked = AddressRules::new(&[], &["blocked@b.c".to_owned()], &[], &[]);
    let mut service = service;
    service.reconfigure(Options { address_rules: blocked, ..Options::default() }).await;
    let hashes = || -> u32 {
        let rendered = recorder.handle().render();
        let line = rendered.lines().find_map(|line| line.strip_prefix("auth_password_hash_seconds_count "));
        line.unwrap().parse().unwrap()
    };
    for email in ["a@b.c", "b@b.c", "off@b.c", "blocked@b.c", "nobody@b.c"] {
        let before = hashes();
        service.sign_in(email, "a wrong one").await;
        assert_eq!(hashes() - before, 1, "{email}");
    }
}

#[tokio::test]
async fn what_the_account_is_is_told_to_who_knows_the_password() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let wrong = async || {
        let answer = service.sign_in("a@b.c", "a wrong one").await;
        answer.assert_error(401, "invalid-email-password", "Incorrect email or password");
    };
    service.sql("update auth.users set disabled = true, is_anonymous = true").await;
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "disabled-user", "User is disabled");
    wrong().await;
    service.sql("update auth.users set disabled = false").await;
    let answer = service.sign_in("a@b.c", PASSWORD).await;
    answer.assert_error(403, "forbidden-anonymous", "Forbidden, user is anonymous.");
    wrong().await;
    let mut service = service;
    service.sql("update auth.users set is_anonymous = false").await;
    service.reconfigure(Options { email_verification_required: true, ..Options::default() }).await;
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "unverified-user", "not verified");
    service.sign_in("a@b.c", "a wrong one").await.assert_error(401, "invalid-email-password", "Incorrect");
}

#[tokio::test]
async fn signing_in_sweeps_the_persons_expired_tokens() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.sign_up("b@b.c").await;
    service.sql("update auth.refresh_tokens set expires_at = now() - interval '1 second'").await;
    service.sql("update auth.users set last_seen = null").await;
    service.sign_in("a@b.c", PASSWORD).await;
    let mine = "from auth.refresh_tokens t join auth.users u on u.id = t.user_id where u.email = 'a@b.c'";
    assert_eq!(service.count(&format!("select count(*) {mine}")).await, 1);
    assert_eq!(service.count(&format!("select count(*) {mine} and t.expires_at > now()")).await, 1);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 2);
    assert_eq!(service.count("select count(*) from auth.users where last_seen is not null").await, 1);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let service = Service::start().await;
    service.post(PATH, json!({})).await.assert_invalid("missing field `email`");
    service.post(PATH, json!({"email": "a@b.c"})).await.assert_invalid("missing field `password`");
    service.post(PATH, json!({"email": "a", "password": PASSWORD})).await.assert_invalid("e-mail address");
    service.post(PATH, json!({"email": "a@b.c", "password": "ab"})).await.assert_invalid("3 to 50");
    service
        .post(PATH, json!({"email": "a@b.c", "password": 12_345_678}))
        .await
        .assert_invalid("expected a string");
    let extra = json!({"email": "a@b.c", "password": PASSWORD, "options": {}});
    service.post(PATH, extra).await.assert_invalid("unknown field `options`");
}

#[tokio::test]
async fn an_authorization_header_is_ignored() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let body = json!({ "email": "a@b.c", "password": PASSWORD });
    assert_eq!(service.post_as("expired.or.forged", PATH, body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stored_hash_that_cannot_be_read_tells_the_client_nothing() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    service.sql("update auth.users set password_hash = '$2a$10$abcdefghijklmnopqrstuv'").await;
    let answer = service.sign_in("a@b.c", PASSWORD).await;
    answer.assert_error(500, "internal-server-error", "Internal server error");
}

#[tokio::test]
async fn a_bcrypt_hash_from_nhost_signs_in_and_is_renewed() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    // Of the same password, with cost 4.
    let bring = "update auth.users set password_hash =
        '$2a$04$0dAExdBnOkDUBMjM/XStMeWu/Y7B1/okVjLynbSTVe6bedoXC6vLu'";
    service.sql(bring).await;
    let old = "select count(*) from auth.users where password_hash like '$2a$%'";
    service.sign_in("a@b.c", "a wrong one").await.assert_error(401, "invalid-email-password", "Incorrect");
    assert_eq!(service.count(old).await, 1);
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(service.count(old).await, 0);
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
    service.sign_in("a@b.c", "a wrong one").await.assert_error(401, "invalid-email-password", "Incorrect");

    // Of several who renew it at once, none is told that the password is wrong.
    service.sql(bring).await;
    let answers = futures::future::join_all((0..4).map(|_| service.sign_in("a@b.c", PASSWORD))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    assert_eq!(service.count(old).await, 0);
}
