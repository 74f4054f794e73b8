//! `POST /signup/email-password`.

use app::auth::Options;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::future::join_all;
use serde_json::{Value, json};

use super::service::{Answer, PASSWORD, Service, json_request, text};

const PATH: &str = "/signup/email-password";

async fn sign_up_with(service: &Service, email: &str, options: Value) -> Answer {
    service.post(PATH, json!({ "email": email, "password": PASSWORD, "options": options })).await
}

#[tokio::test]
async fn makes_an_account_and_signs_in() {
    let service = Service::start().await;
    let answer = service.post(PATH, json!({ "email": "Alice@example.com", "password": PASSWORD })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.as_object().unwrap().len(), 1);
    let session = &answer.body["session"];
    let keys: Vec<&String> = session.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["accessToken", "accessTokenExpiresIn", "refreshToken", "refreshTokenId", "user"]);
    assert_eq!(session["accessTokenExpiresIn"], 900);
    let mut user = session["user"].clone();
    let map = user.as_object_mut().unwrap();
    let id = map.remove("id").unwrap();
    let created_at = map.remove("createdAt").unwrap();
    assert!(
        time::OffsetDateTime::parse(text(&created_at), &time::format_description::well_known::Rfc3339)
            .is_ok()
    );
    let expected = json!({
        "displayName": "Alice@example.com", "avatarUrl": "", "locale": "en", "email": "Alice@example.com",
        "emailVerified": false, "phoneNumberVerified": false, "isAnonymous": false, "defaultRole": "user",
        "roles": ["me", "user"], "metadata": null, "activeMfaType": null,
    });
    assert_eq!(user, expected);

    let claims = service.jwt.verify(text(&session["accessToken"])).unwrap();
    assert_eq!(claims.user_id.unwrap().to_string(), text(&id));
    assert_eq!(claims.expires_at, 1_700_000_900);
    assert_eq!(
        (claims.default_role.as_str(), claims.allowed_roles),
        ("user", vec!["me".into(), "user".into()])
    );
    assert_eq!(claims.variables["x-hasura-user-is-anonymous"], "false");
}

#[tokio::test]
async fn stores_digests_and_no_secret() {
    let service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    let row = service
        .pool
        .query_one(
            "select u.password_hash, t.refresh_token_hash, t.id::text, t.type, u.last_seen is not null,
               extract(epoch from t.expires_at - now())::float8
             from auth.users u join auth.refresh_tokens t on t.user_id = u.id",
            &[],
        )
        .await
        .unwrap();
    assert!(row.get::<_, String>(0).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let digest = row.get::<_, String>(1);
    assert!(digest.starts_with("\\x") && digest.len() == 66, "{digest}");
    assert_eq!(row.get::<_, String>(2), text(&session["refreshTokenId"]));
    assert_eq!(row.get::<_, String>(3), "regular");
    assert!(row.get::<_, bool>(4));
    let lifetime = row.get::<_, f64>(5);
    assert!((2_591_900.0..=2_592_000.0).contains(&lifetime), "{lifetime}");
}

#[tokio::test]
async fn takes_options() {
    let service = Service::start().await;
    let answer = sign_up_with(
        &service,
        "a@b.c",
        json!({
            "displayName": "Алёна", "locale": "ru", "metadata": {"firstName": "Алёна", "n": [1, 2.5, null]},
            "allowedRoles": ["me", "user"], "defaultRole": "me", "redirectTo": "http://localhost:3000/welcome",
        }),
    )
    .await;
    let user = &answer.body["session"]["user"];
    assert_eq!(user["displayName"], "Алёна");
    assert_eq!(user["locale"], "ru");
    assert_eq!(user["metadata"], json!({"firstName": "Алёна", "n": [1, 2.5, null]}));
    assert_eq!(user["defaultRole"], "me");
    let claims = service.jwt.verify(text(&answer.body["session"]["accessToken"])).unwrap();
    assert_eq!(claims.default_role, "me");
    // A language that is not on offer is no error.
    let answer = sign_up_with(&service, "b@b.c", json!({ "locale": "xx" })).await;
    assert_eq!(answer.body["session"]["user"]["locale"], "en");
}

#[tokio::test]
async fn refuses_options_that_break_a_rule() {
    let service = Service::start().await;
    let refused = async |options| sign_up_with(&service, "a@b.c", options).await;
    refused(json!({"allowedRoles": ["user", "admin"]})).await.assert_error(
        400,
        "role-not-allowed",
        "Role not",
    );
    let code = "default-role-must-be-in-allowed-roles";
    refused(json!({"defaultRole": "admin"})).await.assert_error(400, code, "Default role must be");
    refused(json!({"allowedRoles": ["me"]})).await.assert_error(400, code, "Default role must be");
    refused(json!({"displayName": ""})).await.assert_invalid("display name");
    refused(json!({"displayName": "a&b"})).await.assert_invalid("display name");
    refused(json!({"displayName": "x".repeat(33)})).await.assert_invalid("display name");
    refused(json!({"locale": "e"})).await.assert_invalid("locale");
    refused(json!({"metadata": [1]})).await.assert_invalid("expected a map");
    refused(json!({"metadata": {"a": "\u{0}"}})).await.assert_invalid("\\u0000");
    refused(json!({"metadata": {"a": "x".repeat(20_000)}})).await.assert_invalid("16 KiB");
    refused(json!({"redirectTo": "nowhere"})).await.assert_invalid("redirectTo");
    refused(json!({"nickname": "a"})).await.assert_invalid("unknown field `nickname`");
    refused(json!(["user"])).await.assert_invalid("expected an object");
    refused(json!("user")).await.assert_invalid("expected an object");
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
}

#[tokio::test]
async fn refuses_malformed_requests() {
    let service = Service::start().await;
    let refused = async |body: Value| service.post(PATH, body).await;
    refused(json!({})).await.assert_invalid("missing field `email`");
    refused(json!({"email": "a@b.c"})).await.assert_invalid("missing field `password`");
    refused(json!({"email": 1, "password": PASSWORD})).await.assert_invalid("expected a string");
    refused(json!({"email": "a@b.c", "password": null})).await.assert_invalid("expected a string");
    refused(json!({"email": "a@b.c", "password": PASSWORD, "x": 1}))
        .await
        .assert_invalid("unknown field `x`");
    refused(json!({"email": "nobody", "password": PASSWORD})).await.assert_invalid("e-mail address");
    refused(json!({"email": "a\u{0}@b.c", "password": PASSWORD})).await.assert_invalid("e-mail address");
    refused(json!({"email": "a@b.c", "password": "ab"})).await.assert_invalid("3 to 50");
    refused(json!({"email": "a@b.c", "password": "x".repeat(51)})).await.assert_invalid("3 to 50");
    refused(json!(["a@b.c", PASSWORD])).await.assert_invalid("expected an object");
    refused(json!(null)).await.assert_invalid("expected an object");

    let raw = async |body: Vec<u8>| service.send(json_request(PATH, body)).await;
    raw(Vec::new()).await.assert_invalid("a JSON body is needed");
    raw(b"{".to_vec()).await.assert_invalid("not valid JSON");
    raw(b"\xff\xfe".to_vec()).await.assert_invalid("not valid JSON");
    raw(b"[".repeat(60_000)).await.assert_invalid("incorrect");
    raw(br#"{"email":"a@b.c","email":"a@b.c","password":"correct horse"}"#.to_vec())
        .await
        .assert_invalid("duplicate");
    raw(vec![b' '; 70_000]).await.assert_error(413, "invalid-request", "too large");
    let untyped =
        Request::post(PATH).body(Body::from(r#"{"email":"a@b.c","password":"correct horse"}"#)).unwrap();
    service.send(untyped).await.assert_invalid("Content-Type");
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
}

#[tokio::test]
async fn the_configured_minimum_counts_bytes() {
    let service = Service::start().await;
    let with = async |email: &str, password: &str| {
        service.post(PATH, json!({ "email": email, "password": password })).await
    };
    with("a@b.c", "12345678").await.assert_error(400, "password-too-short", "Password is too short");
    assert_eq!(with("a@b.c", "123456789").await.status, StatusCode::OK);
    // Five letters, ten bytes.
    assert_eq!(with("b@b.c", "пароль").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_address_has_one_account() {
    let service = Service::start().await;
    service.sign_up("Alice@Example.com").await;
    let again =
        service.post(PATH, json!({ "email": "alice@example.COM", "password": "another password" })).await;
    again.assert_error(409, "email-already-in-use", "Email already in use");
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 1);
}

#[tokio::test]
async fn of_parallel_sign_ups_with_one_address_one_wins() {
    let service = Service::start().await;
    let attempts = (0..8).map(|n| {
        let email = if n % 2 == 0 { "a@b.c" } else { "A@B.C" };
        service.post(PATH, json!({ "email": email, "password": PASSWORD }))
    });
    let answers = join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        answer.assert_error(409, "email-already-in-use", "Email already in use");
    }
    assert_eq!(service.count("select count(*) from auth.users").await, 1);
    assert_eq!(service.count("select count(*) from auth.user_roles").await, 2);
}

#[tokio::test]
async fn sign_up_can_be_closed() {
    let service = Service::start_with(Options { disable_signup: true, ..Options::default() }).await;
    let answer = service.post(PATH, json!({ "email": "a@b.c", "password": PASSWORD })).await;
    answer.assert_error(403, "signup-disabled", "Sign up is disabled.");
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
}

#[tokio::test]
async fn new_accounts_can_be_made_disabled() {
    let service = Service::start_with(Options { disable_new_users: true, ..Options::default() }).await;
    let answer = service.post(PATH, json!({ "email": "a@b.c", "password": PASSWORD })).await;
    answer.assert_error(401, "disabled-user", "User is disabled");
    assert_eq!(service.count("select count(*) from auth.users where disabled").await, 1);
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 0);
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "disabled-user", "User is disabled");
}

#[tokio::test]
async fn without_a_verified_address_there_is_no_session() {
    let options = Options { email_verification_required: true, ..Options::default() };
    let service = Service::start_with(options).await;
    let answer = service.post(PATH, json!({ "email": "a@b.c", "password": PASSWORD })).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({})));
    assert_eq!(service.count("select count(*) from auth.refresh_tokens").await, 0);
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "unverified-user", "User is not verified.");
    service.sql("update auth.users set email_verified = true").await;
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_picture_comes_from_gravatar_only_when_asked_for() {
    let service = Service::start_with(Options { gravatar_enabled: true, ..Options::default() }).await;
    let session = service.sign_up("MyEmailAddress@example.com").await;
    let expected = "https://www.gravatar.com/avatar/0bc83cb571cd1c50ba6f3e8a78ef1346?d=blank&r=g";
    assert_eq!(session["user"]["avatarUrl"], expected);
}

#[tokio::test]
async fn configured_roles_exist_and_may_be_had() {
    let options = Options {
        default_role: "author".to_owned(),
        default_allowed_roles: vec!["me".to_owned(), "editor".to_owned()],
        ..Options::default()
    };
    let service = Service::start_with(options).await;
    let user = &service.sign_up("a@b.c").await["user"];
    assert_eq!(
        (&user["defaultRole"], &user["roles"]),
        (&json!("author"), &json!(["author", "editor", "me"]))
    );
}
