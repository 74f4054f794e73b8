//! `POST /token`.

use app::auth::Options;
use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::{Value, json};

use super::service::{Answer, Service, text};

#[track_caller]
fn assert_invalid_token(answer: &Answer) {
    answer.assert_error(401, "invalid-refresh-token", "Invalid or expired refresh token");
}

#[tokio::test]
async fn a_refresh_token_is_used_up_and_replaced() {
    let service = Service::start().await;
    let first = service.sign_up("a@b.c").await;
    service.clock.advance(60);
    let answer = service.refresh(&first["refreshToken"]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let second = &answer.body;
    assert_eq!(second["user"], first["user"]);
    assert_eq!(second["refreshTokenId"], first["refreshTokenId"]);
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    assert_eq!(service.jwt.verify(text(&second["accessToken"])).unwrap().expires_at, 1_700_000_960);
    assert_invalid_token(&service.refresh(&first["refreshToken"]).await);
    assert_eq!(service.refresh(&second["refreshToken"]).await.status, StatusCode::OK);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
}

#[tokio::test]
async fn of_parallel_refreshes_exactly_one_wins() {
    let service = Service::start().await;
    let mut token = service.sign_up("a@b.c").await["refreshToken"].clone();
    for _ in 0..5 {
        let answers = join_all((0..16).map(|_| service.refresh(&token))).await;
        let winners: Vec<&Answer> = answers.iter().filter(|answer| answer.status == StatusCode::OK).collect();
        assert_eq!(winners.len(), 1);
        token = winners[0].body["refreshToken"].clone();
        answers.iter().filter(|answer| answer.status != StatusCode::OK).for_each(assert_invalid_token);
    }
}

#[tokio::test]
async fn its_end_moves_with_each_use() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sql("update auth.refresh_tokens set expires_at = now() + interval '1 minute'").await;
    service.sql("update auth.users set last_seen = null").await;
    assert_eq!(service.refresh(&session["refreshToken"]).await.status, StatusCode::OK);
    let moved = "select count(*) from auth.refresh_tokens where expires_at > now() + interval '29 days'";
    assert_eq!(service.count(moved).await, 1);
    assert_eq!(service.count("select count(*) from auth.users where last_seen is not null").await, 1);
}

#[tokio::test]
async fn roles_are_read_anew() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sql("insert into auth.roles (role) values ('editor')").await;
    service.sql("insert into auth.user_roles (user_id, role) select id, 'editor' from auth.users").await;
    let answer = service.refresh(&session["refreshToken"]).await;
    assert_eq!(answer.body["user"]["roles"], json!(["editor", "me", "user"]));
    // Without its row the default role is still one of the roles.
    service.sql("delete from auth.user_roles").await;
    let answer = service.refresh(&answer.body["refreshToken"]).await;
    assert_eq!(answer.body["user"]["roles"], json!(["user"]));
    assert!(service.jwt.verify(text(&answer.body["accessToken"])).is_ok());
}

#[tokio::test]
async fn an_expired_foreign_or_personal_token_is_refused() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    assert_invalid_token(&service.refresh(&json!("2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24")).await);
    service.sql("update auth.refresh_tokens set type = 'pat'").await;
    assert_invalid_token(&service.refresh(&session["refreshToken"]).await);
    service
        .sql("update auth.refresh_tokens set type = 'regular', expires_at = now() - interval '1 second'")
        .await;
    assert_invalid_token(&service.refresh(&session["refreshToken"]).await);
}

#[tokio::test]
async fn a_person_who_may_not_come_in_keeps_the_token_for_later() {
    let mut service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sql("update auth.users set disabled = true").await;
    let answer = service.refresh(&session["refreshToken"]).await;
    answer.assert_error(401, "disabled-user", "User is disabled");
    service.sql("update auth.users set disabled = false").await;
    service.reconfigure(Options { email_verification_required: true, ..Options::default() }).await;
    let answer = service.refresh(&session["refreshToken"]).await;
    answer.assert_error(401, "unverified-user", "User is not verified.");
    service.sql("update auth.users set email_verified = true").await;
    assert_eq!(service.refresh(&session["refreshToken"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_anonymous_person_may_refresh() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sql("update auth.users set is_anonymous = true, email = null, metadata = '{\"a\": 1}'").await;
    let answer = service.refresh(&session["refreshToken"]).await;
    let user = answer.body["user"].as_object().unwrap();
    assert_eq!((&user["isAnonymous"], &user["metadata"]), (&json!(true), &json!({"a": 1})));
    assert!(!user.contains_key("email"));
    let claims = service.jwt.verify(text(&answer.body["accessToken"])).unwrap();
    assert_eq!(claims.variables["x-hasura-user-is-anonymous"], "true");
}

#[tokio::test]
async fn the_second_factor_is_not_told() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sql("update auth.users set active_mfa_type = 'totp'").await;
    let answer = service.refresh(&session["refreshToken"]).await;
    assert_eq!(answer.body["user"]["activeMfaType"], Value::Null);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let service = Service::start().await;
    service.post("/token", json!({})).await.assert_invalid("missing field `refreshToken`");
    service.refresh(&json!("not a token")).await.assert_invalid("a token is a UUID");
    service.refresh(&json!("2C35B6F3-C4B9-48E3-978A-D4D0F1D42E24")).await.assert_invalid("a UUID");
    service.refresh(&json!(7)).await.assert_invalid("expected a string");
    let extra = json!({"refreshToken": "2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24", "x": 1});
    service.post("/token", extra).await.assert_invalid("unknown field `x`");
}
