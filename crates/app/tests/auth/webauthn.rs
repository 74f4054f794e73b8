//! Security keys: making an account with one, adding one, signing in with and without an address, elevation, and
//! every answer that must not do.

use app::auth::{Elevation, Options, RelyingParty};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::service::{Answer, Service, text};

fn options() -> Options {
    let relying_party = RelyingParty {
        id: "localhost".to_owned(),
        name: "Brain".to_owned(),
        origins: vec!["http://localhost:3000".to_owned(), "https://localhost".to_owned()],
        timeout_ms: 60_000,
    };
    Options { relying_party: Some(relying_party), ..Options::default() }
}

async fn service() -> Service {
    Service::start_with(options()).await
}

async fn ask(service: &Service, path: &str, body: Value) -> Value {
    let answer = service.post(path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body
}

/// An account whose way in is this key.
async fn sign_up(service: &Service, email: &str, key: &mut Authenticator) -> Answer {
    let options = ask(service, "/signup/webauthn", json!({ "email": email })).await;
    service.post("/signup/webauthn/verify", json!({ "credential": key.create(&options) })).await
}

async fn sign_in(service: &Service, key: &mut Authenticator) -> Answer {
    let options = ask(service, "/signin/webauthn", json!({})).await;
    service.post("/signin/webauthn/verify", json!({ "credential": key.get(&options) })).await
}

/// Gives one more key to a person who is signed in.
async fn add(service: &Service, token: &str, key: &mut Authenticator) -> Answer {
    let options = service.post_as(token, "/user/webauthn/add", json!({})).await;
    assert_eq!(options.status, StatusCode::OK, "{options:?}");
    let body = json!({ "credential": key.create(&options.body), "nickname": "my phone" });
    service.post_as(token, "/user/webauthn/verify", body).await
}

#[tokio::test]
async fn a_key_makes_an_account_and_signs_in_without_an_address() {
    let service = service().await;
    let mut key = Authenticator::new();
    let body = json!({ "email": "ann@example.com", "options": { "displayName": "Ann", "locale": "ru" } });
    let options = ask(&service, "/signup/webauthn", body).await;
    assert_eq!(options["rp"], json!({ "name": "Brain", "id": "localhost" }));
    assert_eq!(
        (&options["user"]["name"], &options["user"]["displayName"]),
        (&json!("ann@example.com"), &json!("Ann"))
    );
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["timeout"], 60_000);
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
    let body = json!({ "credential": key.create(&options), "nickname": "my phone" });
    let answer = service.post("/signup/webauthn/verify", body).await;
    let user = answer.body["session"]["user"].clone();
    assert_eq!((&user["displayName"], &user["locale"]), (&json!("Ann"), &json!("ru")), "{answer:?}");
    let kept = "select count(*) from auth.user_security_keys where nickname = 'my phone' and transports = 'internal,hybrid'";
    assert_eq!(service.count(kept).await, 1);

    let answer = sign_in(&service, &mut key).await;
    assert_eq!(answer.body["session"]["user"]["id"], user["id"], "{answer:?}");
    assert_eq!(service.count("select counter from auth.user_security_keys").await, 1);
    let again = service.post("/signup/webauthn", json!({ "email": "Ann@Example.com" })).await;
    again.assert_error(409, "email-already-in-use", "");
}

#[tokio::test]
async fn what_generation_3_of_the_sdk_sends_is_understood() {
    let service = service().await;
    let mut key = Authenticator::new();
    let body = json!({ "email": "ann@example.com", "options": { "locale": "ru", "displayName": "A" } });
    let options = ask(&service, "/signup/webauthn", body).await;
    // The key's name among the options, and not all of the options again.
    let said = json!({ "displayName": "Ann", "nickname": "my phone" });
    let body = json!({ "credential": key.create(&options), "options": said });
    let answer = service.post("/signup/webauthn/verify", body).await;
    let user = answer.body["session"]["user"].clone();
    assert_eq!((&user["displayName"], &user["locale"]), (&json!("Ann"), &json!("ru")), "{answer:?}");
    let named = "select count(*) from auth.user_security_keys where nickname = 'my phone'";
    assert_eq!(service.count(named).await, 1);
    // The bytes of the person's id, read as text.
    for handle in [json!("\u{fffd}J\u{fffd}\u{0}"), json!("")] {
        let options = ask(&service, "/signin/webauthn", json!({ "email": "ann@example.com" })).await;
        let mut credential = key.get(&options);
        credential["response"]["userHandle"] = handle;
        let body = json!({ "email": "ann@example.com", "credential": credential });
        let answer = service.post("/signin/webauthn/verify", body).await;
        assert_eq!(answer.body["session"]["user"]["id"], user["id"], "{answer:?}");
    }
    // Somebody else's is no slip of the SDK's.
    let options = ask(&service, "/signin/webauthn", json!({})).await;
    let mut credential = key.get(&options);
    credential["response"]["userHandle"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    let refused = service.post("/signin/webauthn/verify", json!({ "credential": credential })).await;
    refused.assert_invalid("not valid");
    // Wrong options are refused at either request.
    let body = json!({ "email": "b@example.com", "options": { "nickname": "x" } });
    service.post("/signup/webauthn", body).await.assert_invalid("nickname");
    let options = ask(&service, "/signup/webauthn", json!({ "email": "b@example.com" })).await;
    for options_again in [json!({ "nickname": 7 }), json!({ "nickname": "a\nb" }), json!({ "x": 1 })] {
        let body = json!({ "credential": Authenticator::new().create(&options), "options": options_again });
        assert_eq!(service.post("/signup/webauthn/verify", body).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_key_signs_in_by_address() {
    let service = service().await;
    let mut key = Authenticator::new();
    sign_up(&service, "ann@example.com", &mut key).await;
    let options = ask(&service, "/signin/webauthn", json!({ "email": "ANN@example.com" })).await;
    assert_eq!(options["rpId"], "localhost");
    let known = json!([{ "type": "public-key", "id": key.id(), "transports": ["internal", "hybrid"] }]);
    assert_eq!(options["allowCredentials"], known);
    let body = json!({ "email": "ann@example.com", "credential": key.get(&options) });
    let answer = service.post("/signin/webauthn/verify", body).await;
    assert_eq!(answer.body["session"]["user"]["email"], "ann@example.com", "{answer:?}");

    // Somebody else's key does not answer for this address.
    let mut other = Authenticator::new();
    sign_up(&service, "bob@example.com", &mut other).await;
    let options = ask(&service, "/signin/webauthn", json!({ "email": "ann@example.com" })).await;
    let body = json!({ "credential": other.get(&options) });
    service.post("/signin/webauthn/verify", body).await.assert_invalid("not valid");
}

#[tokio::test]
async fn an_address_without_a_key_looks_like_one_that_has_one() {
    let service = service().await;
    service.sign_up("known@example.com").await;
    for email in ["known@example.com", "unknown@example.com"] {
        let options = ask(&service, "/signin/webauthn", json!({ "email": email })).await;
        let again = ask(&service, "/signin/webauthn", json!({ "email": email })).await;
        assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
        assert_eq!(options["allowCredentials"], again["allowCredentials"]);
        assert_ne!(options["challenge"], again["challenge"]);
        let body = json!({ "credential": Authenticator::new().get(&options) });
        service.post("/signin/webauthn/verify", body).await.assert_invalid("not valid");
    }
}

#[tokio::test]
async fn a_person_adds_keys_and_elevates_their_session() {
    let service = service().await;
    let session = service.sign_up("ann@example.com").await;
    let token = text(&session["accessToken"]);
    service.post_as(token, "/elevate/webauthn", json!({})).await.assert_invalid("no security key");
    let mut key = Authenticator::new();
    let added = add(&service, token, &mut key).await;
    assert_eq!(added.body["nickname"], "my phone", "{added:?}");
    // It is known now, and the browser is told not to make another one on the same device.
    let options = service.post_as(token, "/user/webauthn/add", json!({})).await.body;
    assert_eq!(options["excludeCredentials"][0]["id"], key.id());
    add(&service, token, &mut key).await.assert_invalid("");
    assert_eq!(add(&service, token, &mut Authenticator::new()).await.status, StatusCode::OK);

    let options = service.post_as(token, "/elevate/webauthn", json!({})).await.body;
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 2);
    let body = json!({ "credential": key.get(&options) });
    let elevated = service.post_as(token, "/elevate/webauthn/verify", body).await;
    let claims = service.jwt.verify(text(&elevated.body["session"]["accessToken"])).unwrap();
    assert_eq!(claims.variables["x-hasura-auth-elevated"], text(&session["user"]["id"]));
    let plain = service.refresh(&elevated.body["session"]["refreshToken"]).await.body;
    let claims = service.jwt.verify(text(&plain["accessToken"])).unwrap();
    assert!(!claims.variables.contains_key("x-hasura-auth-elevated"));

    // Another person's token does not elevate with it, nor does a challenge for signing in.
    let bob = service.sign_up("bob@example.com").await;
    let options = service.post_as(token, "/elevate/webauthn", json!({})).await.body;
    let body = json!({ "credential": key.get(&options) });
    service
        .post_as(text(&bob["accessToken"]), "/elevate/webauthn/verify", body)
        .await
        .assert_invalid("not valid");
    let options = ask(&service, "/signin/webauthn", json!({})).await;
    let body = json!({ "credential": key.get(&options) });
    service.post_as(token, "/elevate/webauthn/verify", body).await.assert_invalid("challenge");
    for path in ["/user/webauthn/add", "/elevate/webauthn"] {
        service.post(path, json!({})).await.assert_error(401, "invalid-request", "missing");
    }
}

#[tokio::test]
async fn a_challenge_is_good_once_and_for_a_while() {
    let service = service().await;
    let mut key = Authenticator::new();
    sign_up(&service, "ann@example.com", &mut key).await;
    let options = ask(&service, "/signin/webauthn", json!({})).await;
    let body = json!({ "credential": key.get(&options) });
    let all =
        futures::future::join_all((0..8).map(|_| service.post("/signin/webauthn/verify", body.clone())))
            .await;
    assert_eq!(all.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1);
    let options = ask(&service, "/signin/webauthn", json!({})).await;
    service.sql("update brain.webauthn_ceremonies set expires_at = now()").await;
    let body = json!({ "credential": key.get(&options) });
    service.post("/signin/webauthn/verify", body).await.assert_invalid("challenge");
    let mut foreign = options.clone();
    foreign["challenge"] = json!("AAAA");
    let body = json!({ "credential": key.get(&foreign) });
    service.post("/signin/webauthn/verify", body).await.assert_invalid("challenge");
}

#[tokio::test]
async fn a_key_that_misbehaves_is_refused() {
    let service = service().await;
    let mut key = Authenticator::new();
    sign_up(&service, "ann@example.com", &mut key).await;
    assert_eq!(sign_in(&service, &mut key).await.status, StatusCode::OK);
    // A copy of the key, which has counted less.
    key.counter = 0;
    sign_in(&service, &mut key).await.assert_invalid("not valid");
    key.counter = 9;
    key.origin = "https://evil.example".to_owned();
    sign_in(&service, &mut key).await.assert_invalid("not valid");
    key.origin = "https://localhost".to_owned();
    key.verifies = false;
    sign_in(&service, &mut key).await.assert_invalid("not valid");
    key.verifies = true;
    assert_eq!(sign_in(&service, &mut key).await.status, StatusCode::OK);
    // Another key under the same credential.
    let options = ask(&service, "/signin/webauthn", json!({})).await;
    let mut credential = Authenticator::new().get(&options);
    credential["id"] = json!(key.id());
    credential["rawId"] = json!(key.id());
    credential["response"]["userHandle"] = Value::Null;
    let body = json!({ "credential": credential });
    service.post("/signin/webauthn/verify", body).await.assert_invalid("not valid");
    // Another party's.
    let mut options = ask(&service, "/signin/webauthn", json!({})).await;
    options["rpId"] = json!("evil.example");
    let body = json!({ "credential": key.get(&options) });
    service.post("/signin/webauthn/verify", body).await.assert_invalid("not valid");
    let mut unverified = Authenticator::new();
    unverified.verifies = false;
    sign_up(&service, "bob@example.com", &mut unverified).await.assert_invalid("not valid");
    for body in [json!({ "credential": {} }), json!({ "credential": "x" })] {
        service.post("/signin/webauthn/verify", body.clone()).await.assert_invalid("credential");
        service.post("/signup/webauthn/verify", body).await.assert_invalid("credential");
    }
    assert_eq!(service.count("select count(*) from auth.users").await, 1);
}

#[tokio::test]
async fn the_settings_hold_for_keys_too() {
    let mut service = Service::start().await;
    for path in ["/signup/webauthn", "/signin/webauthn"] {
        service.post(path, json!({ "email": "a@b.c" })).await.assert_error(409, "disabled-endpoint", "");
    }
    service.reconfigure(Options { disable_signup: true, ..options() }).await;
    let body = json!({ "email": "a@b.c" });
    service.post("/signup/webauthn", body.clone()).await.assert_error(403, "signup-disabled", "");
    service.reconfigure(Options { email_verification_required: true, ..options() }).await;
    let mut key = Authenticator::new();
    assert_eq!(sign_up(&service, "a@b.c", &mut key).await.body, json!({}));
    assert!(!service.letter("email-verify", "a@b.c").await.is_null());
    sign_in(&service, &mut key).await.assert_error(401, "unverified-user", "");
    service.sql("update auth.users set email_verified = true, disabled = true").await;
    sign_in(&service, &mut key).await.assert_error(401, "disabled-user", "");
    for (options, code) in [
        (json!({ "redirectTo": "https://evil.example" }), "redirectTo-not-allowed"),
        (json!({ "allowedRoles": ["admin"] }), "role-not-allowed"),
        (json!({ "displayName": "\"" }), "invalid-request"),
    ] {
        let answer = service.post("/signup/webauthn", json!({ "email": "n@b.c", "options": options })).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!(code)));
    }
}

#[tokio::test]
async fn what_guards_an_account_asks_for_the_key_where_the_settings_want_it() {
    let mut service = service().await;
    let session = service.sign_up("ann@example.com").await;
    let token = text(&session["accessToken"]);
    let mut key = Authenticator::new();
    let change = json!({ "newPassword": "another password" });
    service.reconfigure(Options { require_elevated_claim: Elevation::Required, ..options() }).await;
    service.post_as(token, "/user/password", change.clone()).await.assert_error(
        403,
        "elevated-claim-required",
        "key",
    );
    service.post_as(token, "/user/webauthn/add", json!({})).await.assert_error(
        403,
        "elevated-claim-required",
        "key",
    );
    service.post("/user/webauthn/add", json!({})).await.assert_error(401, "invalid-request", "missing");
    // Who has no key may make the first one.
    service.reconfigure(Options { require_elevated_claim: Elevation::Recommended, ..options() }).await;
    assert_eq!(add(&service, token, &mut key).await.status, StatusCode::OK);
    service.post_as(token, "/user/webauthn/add", json!({})).await.assert_error(
        403,
        "elevated-claim-required",
        "key",
    );
    service.post_as(token, "/user/password", change.clone()).await.assert_error(
        403,
        "elevated-claim-required",
        "key",
    );
    let options = service.post_as(token, "/elevate/webauthn", json!({})).await.body;
    let body = json!({ "credential": key.get(&options) });
    let elevated = service.post_as(token, "/elevate/webauthn/verify", body).await.body;
    service.post_as(text(&elevated["session"]["accessToken"]), "/user/password", change).await.assert_ok();
}

#[tokio::test]
async fn whoever_has_the_address_gets_rid_of_a_strangers_key() {
    let service = service().await;
    let mut strangers = Authenticator::new();
    for (email, by_code) in [("ann@example.com", true), ("bob@example.com", false)] {
        strangers = Authenticator::new();
        assert_eq!(sign_up(&service, email, &mut strangers).await.status, StatusCode::OK);
        if by_code {
            service.post("/signin/otp/email", json!({ "email": email })).await.assert_ok();
            let letter = service.letter("signin-otp", email).await;
            let body = json!({ "email": email, "otp": letter["code"] });
            assert_eq!(service.post("/signin/otp/email/verify", body).await.status, StatusCode::OK);
        } else {
            service.post("/user/password/reset", json!({ "email": email })).await.assert_ok();
            let letter = service.letter("password-reset", email).await;
            service.visit(&letter).await;
        }
        sign_in(&service, &mut strangers).await.assert_invalid("not valid");
    }
    assert_eq!(service.count("select count(*) from brain.passkeys").await, 0);
    // The same key under another address is no key of somebody else's any more; twice it is.
    assert_eq!(sign_up(&service, "dan@example.com", &mut strangers).await.status, StatusCode::OK);
    sign_up(&service, "eve@example.com", &mut strangers).await.assert_invalid("the key is known");
}
