//! `POST /signin/anonymous` and `POST /user/deanonymize`.

use app::auth::Options;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, text};

fn open() -> Options {
    Options { anonymous_users_enabled: true, ..Options::default() }
}

async fn come_in(service: &Service) -> Value {
    let answer = service.send(Request::post("/signin/anonymous").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body["session"].clone()
}

async fn name(service: &Service, session: &Value, body: Value) -> Answer {
    service.post_as(text(&session["accessToken"]), "/user/deanonymize", body).await
}

fn by_password(email: &str) -> Value {
    json!({ "signInMethod": "email-password", "email": email, "password": PASSWORD })
}

#[tokio::test]
async fn somebody_comes_in_without_a_name_and_takes_one_later() {
    let service = Service::start_with(open()).await;
    let session = come_in(&service).await;
    let user = &session["user"];
    assert_eq!((&user["isAnonymous"], &user["displayName"]), (&json!(true), &json!("Anonymous User")));
    assert_eq!((&user["roles"], &user["defaultRole"]), (&json!(["anonymous"]), &json!("anonymous")));
    let claims = service.jwt.verify(text(&session["accessToken"])).unwrap();
    assert_eq!((claims.default_role.as_str(), claims.allowed_roles.len()), ("anonymous", 1));
    let options = json!({ "displayName": "Ann", "locale": "ru", "metadata": { "a": 1 } });
    let mut body = by_password("Ann@b.c");
    body["options"] = options;
    name(&service, &session, body).await.assert_ok();
    let renewed = service.refresh(&session["refreshToken"]).await.body;
    assert_eq!(renewed["user"]["id"], user["id"]);
    assert_eq!(
        (&renewed["user"]["isAnonymous"], &renewed["user"]["roles"]),
        (&json!(false), &json!(["me", "user"]))
    );
    assert_eq!((&renewed["user"]["displayName"], &renewed["user"]["locale"]), (&json!("Ann"), &json!("ru")));
    assert_eq!(service.sign_in("ann@b.c", PASSWORD).await.status, StatusCode::OK);
    name(&service, &renewed, by_password("b@b.c")).await.assert_error(
        400,
        "user-not-anonymous",
        "not anonymous",
    );
}

#[tokio::test]
async fn what_is_asked_for_is_kept() {
    let service = Service::start_with(open()).await;
    let body = json!({ "displayName": "Guest", "locale": "ru", "metadata": { "x": 1 } });
    let user = service.post("/signin/anonymous", body).await.body["session"]["user"].clone();
    assert_eq!((&user["displayName"], &user["locale"]), (&json!("Guest"), &json!("ru")));
    assert_eq!(user["metadata"], json!({ "x": 1 }));
    service.post("/signin/anonymous", json!({ "x": 1 })).await.assert_invalid("unknown field");
}

#[tokio::test]
async fn an_address_that_must_be_verified_leads_in_by_letter() {
    let service = Service::start_with(Options { email_verification_required: true, ..open() }).await;
    let session = come_in(&service).await;
    // Who has no address has none to verify.
    let session = service.refresh(&session["refreshToken"]).await.body;
    name(&service, &session, by_password("a@b.c")).await.assert_ok();
    service.refresh(&session["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "unverified-user", "not verified");
    service.visit(&service.letter("email-verify", "a@b.c").await).await;
    let user = service.sign_in("a@b.c", PASSWORD).await.body["session"]["user"].clone();
    assert_eq!(user["id"], session["user"]["id"]);

    let session = come_in(&service).await;
    name(&service, &session, json!({ "signInMethod": "passwordless", "email": "b@b.c" })).await.assert_ok();
    let address = service.visit(&service.letter("signin-passwordless", "b@b.c").await).await;
    assert!(address.contains("refreshToken="), "{address}");
}

#[tokio::test]
async fn of_two_who_want_one_address_one_gets_it() {
    let service = Service::start_with(open()).await;
    service.sign_up("taken@b.c").await;
    let (one, other) = (come_in(&service).await, come_in(&service).await);
    name(&service, &one, by_password("Taken@b.c")).await.assert_error(409, "email-already-in-use", "in use");
    let answers = futures::join!(
        name(&service, &one, by_password("a@b.c")),
        name(&service, &other, by_password("a@b.c"))
    );
    let statuses = [answers.0.status.as_u16(), answers.1.status.as_u16()];
    assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
}

#[tokio::test]
async fn who_may_not_is_told() {
    let service = Service::start().await;
    service.post("/signin/anonymous", json!({})).await.assert_error(409, "disabled-endpoint", "disabled");
    let service = Service::start_with(Options { disable_signup: true, ..open() }).await;
    service.post("/signin/anonymous", json!({})).await.assert_error(403, "signup-disabled", "disabled");
    let service = Service::start_with(Options { disable_new_users: true, ..open() }).await;
    service.post("/signin/anonymous", json!({})).await.assert_error(401, "disabled-user", "disabled");

    let service = Service::start_with(Options { email_passwordless_enabled: false, ..open() }).await;
    let session = come_in(&service).await;
    let body = json!({ "signInMethod": "passwordless", "email": "b@b.c" });
    name(&service, &session, body).await.assert_error(409, "disabled-endpoint", "disabled");
    let body = json!({ "signInMethod": "email-password", "email": "b@b.c" });
    name(&service, &session, body).await.assert_invalid("a password is needed");
    let body = json!({ "signInMethod": "email-password", "email": "b@b.c", "password": "short" });
    name(&service, &session, body).await.assert_error(400, "password-too-short", "short");
    name(&service, &session, json!({ "signInMethod": "magic", "email": "b@b.c" }))
        .await
        .assert_invalid("magic");
    service.post("/user/deanonymize", by_password("b@b.c")).await.assert_error(
        401,
        "invalid-request",
        "missing",
    );
    let bearer = format!("Bearer {}", text(&session["accessToken"]));
    service.get_user(&bearer).await.assert_error(403, "forbidden-anonymous", "anonymous");
}
