//! `POST /signin/idtoken` and `POST /link/idtoken`: id tokens that an app has got by itself.

use app::auth::Options;
use serde_json::{Value, json};

use super::providers::service;
use super::service::text;

#[tokio::test]
async fn an_id_token_is_held_by_the_rules_of_any_sign_in() {
    let (mut service, double) = service().await;
    let show = |subject: &str, email: &str, options: Value| {
        let token = double.sign(&double.claims(subject, email, "n"));
        json!({ "provider": "google", "idToken": token, "nonce": "n", "options": options })
    };
    let evil = json!({ "redirectTo": "https://evil.example" });
    let answer = service.post("/signin/idtoken", show("g-1", "ann@example.com", evil)).await;
    answer.assert_error(400, "redirectTo-not-allowed", "not allowed");
    let admin = json!({ "allowedRoles": ["admin"] });
    let answer = service.post("/signin/idtoken", show("g-1", "ann@example.com", admin)).await;
    answer.assert_error(400, "role-not-allowed", "Role");
    // Not verified here.
    let bob = service.sign_up("bob@example.com").await;
    let answer = service.post("/signin/idtoken", show("g-2", "bob@example.com", json!({}))).await;
    answer.assert_error(409, "email-already-in-use", "in use");
    // A person of the service belongs to one account.
    let options = json!({ "displayName": "Ann", "locale": "ru" });
    let answer = service.post("/signin/idtoken", show("g-1", "ann@example.com", options)).await;
    assert_eq!(answer.body["session"]["user"]["displayName"], "Ann", "{answer:?}");
    let mut link = show("g-1", "ann@example.com", Value::Null);
    link.as_object_mut().unwrap().remove("options");
    let linked = service.post_as(text(&bob["accessToken"]), "/link/idtoken", link).await;
    linked.assert_error(409, "provider-account-already-linked", "already linked");
    service.sql("update auth.users set disabled = true").await;
    let answer = service.post("/signin/idtoken", show("g-1", "ann@example.com", json!({}))).await;
    answer.assert_error(401, "disabled-user", "disabled");
    let closed = Options { disable_signup: true, providers: double.providers(), ..Options::default() };
    service.reconfigure(closed).await;
    let answer = service.post("/signin/idtoken", show("g-3", "new@example.com", json!({}))).await;
    answer.assert_error(403, "signup-disabled", "disabled");
}

#[tokio::test]
async fn an_app_shows_an_id_token_of_its_own() {
    let (service, double) = service().await;
    let token = double.sign(&double.claims("g-1", "ann@example.com", "n"));
    let show = |nonce: &str| json!({ "provider": "google", "idToken": token, "nonce": nonce });
    let answer = service.post("/signin/idtoken", show("n")).await;
    assert_eq!(answer.body["session"]["user"]["email"], "ann@example.com", "{answer:?}");
    service.post("/signin/idtoken", show("m")).await.assert_error(400, "oauth-token-echange-failed", "");
    let without = json!({ "provider": "google", "idToken": token });
    service.post("/signin/idtoken", without).await.assert_error(400, "oauth-token-echange-failed", "");
    let nonsense = json!({ "provider": "google", "idToken": "a.b.c" });
    service.post("/signin/idtoken", nonsense).await.assert_error(400, "oauth-token-echange-failed", "");
    for provider in ["apple", "github"] {
        let request = json!({ "provider": provider, "idToken": token });
        service.post("/signin/idtoken", request).await.assert_error(409, "disabled-endpoint", "");
    }

    let bob = service.sign_up("bob@here.example").await;
    let token = double.sign(&double.claims("g-7", "bob@example.com", "n"));
    let link = json!({ "provider": "google", "idToken": token, "nonce": "n" });
    service.post("/link/idtoken", link.clone()).await.assert_error(401, "invalid-request", "missing");
    service.post_as(text(&bob["accessToken"]), "/link/idtoken", link.clone()).await.assert_ok();
    let answer = service.post("/signin/idtoken", link).await;
    assert_eq!(answer.body["session"]["user"]["id"], bob["user"]["id"]);
}
