//! Sessions that have ended: their access tokens open nothing more, whoever was half-way in is stopped, and their
//! refresh tokens are noticed.

use std::sync::Arc;

use app::auth::{Deed, Options, People, RelyingParty};
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use futures::FutureExt;
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, text};

const NEW: &str = "battery staple";

#[track_caller]
fn assert_ended(answer: &Answer) {
    answer.assert_error(401, "invalid-request", "session has ended");
}

/// Starts something, lets `meanwhile` be committed while it waits for the account, and gives what came of it.
async fn during(service: &Arc<Service>, asked: BoxFuture<'static, Answer>, meanwhile: &str) -> Answer {
    let mut transaction = service.pool.begin().await.unwrap();
    transaction.execute("select from auth.users for update", &[]).await.unwrap();
    let answer = tokio::spawn(asked);
    service.until_waiting(1).await;
    transaction.execute(meanwhile, &[]).await.unwrap();
    transaction.commit().await.unwrap();
    answer.await.unwrap()
}

#[tokio::test]
async fn its_access_token_does_nothing_to_the_account() {
    let relying_party = RelyingParty {
        id: "localhost".to_owned(),
        name: "Brain".to_owned(),
        origins: vec!["http://localhost:3000".to_owned()],
        timeout_ms: 60_000,
    };
    let options = Options { relying_party: Some(relying_party), ..Options::default() };
    let service = Service::start_with(options).await;
    let owner = service.sign_up("a@b.c").await;
    let thief = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
    let token = text(&thief["accessToken"]);
    let change = json!({ "newPassword": NEW });
    service.post_as(text(&owner["accessToken"]), "/user/password", change).await.assert_ok();
    for (path, body) in [
        ("/user/password", json!({ "newPassword": "the thief's own" })),
        ("/pat", json!({ "expiresAt": "2100-01-01T00:00:00Z" })),
        ("/user/email/change", json!({ "newEmail": "thief@b.c" })),
        ("/user/deanonymize", json!({ "signInMethod": "passwordless", "email": "thief@b.c" })),
        ("/user/delete", json!({ "password": NEW })),
        ("/user/delete", json!({})),
        ("/user/mfa", json!({ "code": "123456", "activeMfaType": "totp" })),
        ("/mfa/email/send", json!({})),
        ("/mfa/recovery-codes", json!({ "code": "123456" })),
        ("/link/idtoken", json!({ "provider": "google", "idToken": "x" })),
        ("/user/webauthn/add", json!({})),
        ("/user/webauthn/verify", json!({ "credential": {} })),
        ("/elevate/webauthn", json!({})),
        ("/elevate/webauthn/verify", json!({ "credential": {} })),
        ("/signout", json!({ "all": true })),
    ] {
        let answer = service.post_as(token, path, body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}: {answer:?}");
        assert_ended(&answer);
    }
    let request = Request::get("/mfa/totp/generate").header(AUTHORIZATION, format!("Bearer {token}"));
    assert_ended(&service.send(request.body(Body::empty()).unwrap()).await);
    assert_eq!(service.sign_in("a@b.c", NEW).await.status, StatusCode::OK);
    assert_eq!(service.refresh(&owner["refreshToken"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn beside_the_ticket_of_a_reset_it_counts_as_none() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.post("/signout", json!({ "refreshToken": session["refreshToken"] })).await.assert_ok();
    service.post("/user/password/reset", json!({ "email": "a@b.c" })).await.assert_ok();
    let ticket = service.letter("password-reset", "a@b.c").await["ticket"].clone();
    let body = json!({ "newPassword": NEW, "ticket": ticket });
    service.post_as(text(&session["accessToken"]), "/user/password", body).await.assert_ok();
    assert_eq!(service.sign_in("a@b.c", NEW).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_deed_that_is_under_way_when_the_session_ends_is_not_done() {
    let service = Arc::new(Service::start().await);
    let owner = service.sign_up("a@b.c").await;
    for (path, body) in [
        ("/user/password", json!({ "newPassword": NEW })),
        ("/pat", json!({ "expiresAt": "2100-01-01T00:00:00Z" })),
        ("/user/email/change", json!({ "newEmail": "thief@b.c" })),
    ] {
        let thief = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
        let begin = {
            let (service, token) = (Arc::clone(&service), text(&thief["accessToken"]).to_owned());
            async move { service.post_as(&token, path, body).await }.boxed()
        };
        let end = format!("delete from auth.refresh_tokens where id = '{}'", text(&thief["refreshTokenId"]));
        assert_ended(&during(&service, begin, &end).await);
    }
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(service.refresh(&owner["refreshToken"]).await.status, StatusCode::OK);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens where type = 'pat'").await, 0);
    assert_eq!(service.count("select count(*) from brain.tickets").await, 0);
}

#[tokio::test]
async fn a_sign_in_under_way_does_not_outlive_the_change_of_its_password() {
    let service = Arc::new(Service::start().await);
    service.sign_up("a@b.c").await;
    let sign_in = |password: &'static str| {
        let service = Arc::clone(&service);
        async move { service.sign_in("a@b.c", password).await }.boxed()
    };
    // Of "battery staple", as it is.
    let changed = "update auth.users set password_hash =
        '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'";
    let old = service.count("select count(*) from auth.refresh_tokens").await;
    during(&service, sign_in(PASSWORD), changed).await.assert_error(
        401,
        "invalid-email-password",
        "Incorrect email or password",
    );
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, old);
    // The first half of a sign-in, too; a hash that is renewed is no way around it.
    for hash in [
        "(select password_hash from auth.users where email = 'b@b.c')",
        "'$2a$04$0dAExdBnOkDUBMjM/XStMeWu/Y7B1/okVjLynbSTVe6bedoXC6vLu'",
    ] {
        service.sql("delete from auth.users where email = 'b@b.c'").await;
        service.sign_up("b@b.c").await;
        service.sql("update auth.users set active_mfa_type = 'totp', totp_secret = 'x'").await;
        service.sql(&format!("update auth.users set password_hash = {hash} where email = 'a@b.c'")).await;
        let given = service.sign_in("a@b.c", PASSWORD).await;
        assert!(given.body["mfa"]["ticket"].is_string(), "{given:?}");
        service.sql(&format!("update auth.users set password_hash = {hash} where email = 'a@b.c'")).await;
        service.sql("delete from brain.tickets").await;
        let answer = during(&service, sign_in(PASSWORD), changed).await;
        answer.assert_error(401, "invalid-email-password", "Incorrect email or password");
        assert_eq!(service.count("select count(*) from brain.tickets").await, 0);
    }
}

#[tokio::test]
async fn a_session_that_begins_beside_a_change_of_the_password_ends_with_the_others() {
    let service = Arc::new(Service::start().await);
    let session = service.sign_up("a@b.c").await;
    let begun = "insert into auth.refresh_tokens (user_id, refresh_token_hash, expires_at)
        select id, 'x', now() + interval '1 day' from auth.users";
    let change = {
        let (service, token) = (Arc::clone(&service), text(&session["accessToken"]).to_owned());
        async move { service.post_as(&token, "/user/password", json!({ "newPassword": NEW })).await }.boxed()
    };
    during(&service, change, begun).await.assert_ok();
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
    // So it is where somebody shows that an address is theirs, and not that of who made the account.
    service.post("/signin/otp/email", json!({ "email": "a@b.c" })).await.assert_ok();
    let code = service.letter("signin-otp", "a@b.c").await["code"].clone();
    let show = {
        let service = Arc::clone(&service);
        async move { service.post("/signin/otp/email/verify", json!({ "email": "a@b.c", "otp": code })).await }.boxed()
    };
    assert_eq!(during(&service, show, begun).await.status, StatusCode::OK);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
    service.sql("update auth.users set email_verified = false").await;
    service.post("/signin/passwordless/email", json!({ "email": "a@b.c" })).await.assert_ok();
    let link = service.letter("signin-passwordless", "a@b.c").await["link"].clone();
    let visit = {
        let service = Arc::clone(&service);
        async move { service.get(text(&link).strip_prefix("http://localhost:3000/v1").unwrap()).await }
            .boxed()
    };
    assert_eq!(during(&service, visit, begun).await.status, StatusCode::FOUND);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
}

#[tokio::test]
async fn renewing_a_session_and_ending_it_do_not_wait_for_each_other() {
    let service = Arc::new(Service::start().await);
    let token = service.sign_up("a@b.c").await["refreshToken"].clone();
    let refresh = {
        let service = Arc::clone(&service);
        async move { service.refresh(&token).await }.boxed()
    };
    let answer = during(&service, refresh, "delete from auth.refresh_tokens").await;
    answer.assert_error(401, "invalid-refresh-token", "Invalid or expired refresh token");
}

#[tokio::test]
async fn its_refresh_token_is_noticed_however_it_ended() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The test runs on one thread, and so do the handlers.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let noticed = |kind: &str| -> u32 {
        let rendered = recorder.handle().render();
        let start = format!("auth_refresh_tokens_reused_total{{kind=\"{kind}\"}} ");
        rendered.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().unwrap())
    };
    let ends = Options { reused_token_ends_session: true, ..Options::default() };
    let service = Service::start_with(ends).await;
    let people = People::new(service.pool.clone());
    let mut seen = 0;
    for way in ["signout", "everywhere", "revoked", "blocked", "password", "reused", "deleted"] {
        let email = format!("{way}@b.c");
        let session = service.sign_up(&email).await;
        let mut last: Value = session["refreshToken"].clone();
        let id = people.find(&email).await.unwrap().unwrap().id;
        let token = text(&session["accessToken"]);
        let long_ago = "update brain.spent_refresh_tokens set spent_at = spent_at - interval '11 seconds'";
        match way {
            "signout" => service.post("/signout", json!({ "refreshToken": last })).await.assert_ok(),
            "everywhere" => service.post_as(token, "/signout", json!({ "all": true })).await.assert_ok(),
            "revoked" => {
                service.sql(&format!("delete from auth.refresh_tokens where user_id = '{id}'")).await;
            }
            "blocked" => assert!(people.do_to(id, Deed::Block).await.unwrap()),
            "password" => {
                let other = service.sign_in(&email, PASSWORD).await.body["session"].clone();
                let change = json!({ "newPassword": NEW });
                service.post_as(text(&other["accessToken"]), "/user/password", change).await.assert_ok();
            }
            "reused" => {
                last = service.refresh(&session["refreshToken"]).await.body["refreshToken"].clone();
                service.sql(long_ago).await;
                service.refresh(&session["refreshToken"]).await;
            }
            _ => service.post_as(token, "/user/delete", json!({})).await.assert_ok(),
        }
        service.sql(long_ago).await;
        service.refresh(&last).await.assert_error(401, "invalid-refresh-token", "Invalid");
        seen += 1;
        assert_eq!(noticed("ended"), seen, "{way}");
    }
    assert_eq!(noticed("late"), 1);
    // One that was never used, or ended by itself, is no sign of anything.
    let session = service.sign_up("late@b.c").await;
    service.sql("update auth.refresh_tokens set expires_at = now() - interval '1 second'").await;
    service.sign_in("late@b.c", PASSWORD).await;
    service.refresh(&session["refreshToken"]).await;
    service.refresh(&json!("2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24")).await;
    assert_eq!((noticed("ended"), noticed("late")), (seen, 1));
    service.sql("update brain.spent_refresh_tokens set spent_at = now() - interval '31 days'").await;
    service.sql(include_str!("../../src/auth/sql/sweep_sessions.sql")).await;
    assert_eq!(service.count("select count(*) from brain.spent_refresh_tokens").await, 0);
}
