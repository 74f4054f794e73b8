//! Signing in with another service: the good way with each, what links accounts and what does not, and the abuse.

use std::collections::HashMap;
use std::time::Duration;

use app::auth::{Elevation, Options};
use axum::body::Body;
use axum::http::header::{COOKIE, REFERER};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::openid::Double;
use super::service::{Answer, Service, text};

const GOOGLE: &str = "/signin/provider/google";
const GITHUB: &str = "/signin/provider/github";

pub(super) async fn service() -> (Service, Double) {
    service_with(Options::default()).await
}

async fn service_with(options: Options) -> (Service, Double) {
    let mut service = Service::start().await;
    let double = Double::start(service.clock.clone()).await;
    service.reconfigure(Options { providers: double.providers(), ..options }).await;
    (service, double)
}

/// A browser that was sent to the other service.
struct Visit {
    at: String,
    query: HashMap<String, String>,
    cookie: String,
}

fn query_of(url: &str) -> HashMap<String, String> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let unescape = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned()
    };
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), unescape(value)))
        .collect()
}

/// A browser that follows a link on a page of the client's.
async fn follow(service: &Service, path: &str, page: Option<&str>) -> Answer {
    let request = page.into_iter().fold(Request::get(path), |request, page| request.header(REFERER, page));
    service.send(request.body(Body::empty()).unwrap()).await
}

async fn visit(service: &Service, path: &str) -> Visit {
    let answer = follow(service, path, Some("http://localhost:3000/")).await;
    assert_eq!(answer.status, StatusCode::FOUND, "{answer:?}");
    let at = answer.headers["location"].to_str().unwrap().to_owned();
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    Visit { query: query_of(&at), at, cookie: set.split(';').next().unwrap().to_owned() }
}

/// The browser comes back: where it is sent then, and with what.
async fn come_back(
    service: &Service,
    path: &str,
    cookie: &str,
    query: &str,
) -> (String, HashMap<String, String>) {
    let request = Request::get(format!("{path}/callback?{query}")).header(COOKIE, cookie);
    let answer = service.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::FOUND, "{answer:?}");
    let at = answer.headers["location"].to_str().unwrap().to_owned();
    let query = query_of(&at);
    (at, query)
}

/// A whole sign-in with Google, with the claims as they should be and then changed.
async fn with_google(
    service: &Service,
    double: &Double,
    path: &str,
    change: impl FnOnce(&mut Value),
) -> HashMap<String, String> {
    let visit = visit(service, path).await;
    let mut claims = double.claims("g-1", "ann@example.com", &visit.query["nonce"]);
    change(&mut claims);
    let code = double.code(&visit.query["code_challenge"], claims);
    let back = format!("state={}&code={code}", visit.query["state"]);
    come_back(service, GOOGLE, &visit.cookie, &back).await.1
}

async fn session(service: &Service, query: &HashMap<String, String>) -> Value {
    let token = query.get("refreshToken").unwrap_or_else(|| panic!("{query:?}"));
    let answer = service.refresh(&json!(token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body
}

async fn links(service: &Service) -> i64 {
    service
        .count("select count(*) from auth.user_providers where access_token = '' and refresh_token is null")
        .await
}

/// Whether so many browsers at once are all sent to Google, or none of them.
async fn sent_to_google(service: &Service, browsers: usize) -> bool {
    let answers = futures::future::join_all((0..browsers).map(|_| service.get(GOOGLE))).await;
    let is_sent = |answer: &Answer| {
        let at = answer.headers.get("location").map(|at| at.to_str().unwrap()).unwrap_or_default();
        at.contains("/authorize?")
    };
    let sent = answers.iter().filter(|answer| is_sent(answer)).count();
    assert!([0, browsers].contains(&sent), "{answers:?}");
    sent > 0
}

#[tokio::test]
async fn a_google_that_fails_is_asked_once_and_not_by_every_browser() {
    let (service, double) = service().await;
    double.seen().fails = true;
    assert!(!sent_to_google(&service, 8).await);
    assert!(!sent_to_google(&service, 1).await);
    assert_eq!(double.seen().discoveries, 1);
    service.clock.advance(10);
    double.seen().fails = false;
    assert!(sent_to_google(&service, 8).await);
    assert_eq!(double.seen().discoveries, 2);
}

#[tokio::test]
async fn what_google_said_of_itself_is_used_while_it_fails_but_not_for_ever() {
    let (service, double) = service().await;
    assert!(sent_to_google(&service, 1).await);
    service.clock.advance(3_700);
    double.seen().fails = true;
    assert!(sent_to_google(&service, 8).await);
    let is_asked = async {
        while double.seen().discoveries < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_asked).await.unwrap();
    assert!(sent_to_google(&service, 8).await);
    service.clock.advance(24 * 3_600);
    assert!(!sent_to_google(&service, 2).await);
    double.seen().fails = false;
    service.clock.advance(10);
    assert!(sent_to_google(&service, 2).await);
}

#[tokio::test]
async fn google_makes_an_account_and_signs_in_to_it_again() {
    let (service, double) =
        service_with(Options { email_verification_required: true, ..Options::default() }).await;
    let visit = visit(&service, &format!("{GOOGLE}?redirectTo=http://localhost:3000/here")).await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", "http://localhost:3000/v1/signin/provider/google/callback"),
    ] {
        assert_eq!(visit.query[name], value, "{}", visit.at);
    }
    let claims = double.claims("g-1", "ann@example.com", &visit.query["nonce"]);
    let code = double.code(&visit.query["code_challenge"], claims);
    let back = format!("state={}&code={code}&scope=email&authuser=0", visit.query["state"]);
    let (at, query) = come_back(&service, GOOGLE, &visit.cookie, &back).await;
    assert!(at.starts_with("http://localhost:3000/here?refreshToken="), "{at}");
    let first = session(&service, &query).await;
    let user = &first["user"];
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!("ann@example.com"), &json!(true)));
    assert_eq!((&user["displayName"], &user["locale"]), (&json!("Ann A Lee"), &json!("ru")));
    assert_eq!(user["roles"], json!(["me", "user"]));

    // The state is used up, and the code with it.
    assert_eq!(come_back(&service, GOOGLE, &visit.cookie, &back).await.1["error"], "invalid-state");

    // The address may change at the service: the person is the same.
    let again =
        with_google(&service, &double, GOOGLE, |claims| claims["email"] = json!("new@example.com")).await;
    assert_eq!(session(&service, &again).await["user"]["id"], user["id"]);
    assert_eq!((links(&service).await, service.count("select count(*) from auth.users").await), (1, 1));
}

#[tokio::test]
async fn github_makes_an_account_of_its_primary_address() {
    let (service, double) = service().await;
    double.seen().emails = json!([
        { "email": "other@example.com", "primary": false, "verified": true, "visibility": null },
        { "email": "ann@example.com", "primary": true, "verified": true, "visibility": "private" },
    ]);
    let begun = visit(&service, GITHUB).await;
    assert_eq!(begun.query["scope"], "user:email");
    let code = double.code(&begun.query["code_challenge"], Value::Null);
    let back = format!("state={}&code={code}", begun.query["state"]);
    let (_, query) = come_back(&service, GITHUB, &begun.cookie, &back).await;
    let user = session(&service, &query).await["user"].clone();
    assert_eq!((&user["email"], &user["displayName"]), (&json!("ann@example.com"), &json!("ann")));
    let kept =
        "select count(*) from auth.user_providers where provider_id = 'github' and provider_user_id = '4711'";
    assert_eq!(service.count(kept).await, 1);

    double.seen().emails = Value::Null;
    let begun = visit(&service, GITHUB).await;
    let code = double.code(&begun.query["code_challenge"], Value::Null);
    let back = format!("state={}&code={code}", begun.query["state"]);
    let (_, query) = come_back(&service, GITHUB, &begun.cookie, &back).await;
    assert_eq!(query["error"], "oauth-profile-fetch-failed");
}

#[tokio::test]
async fn an_account_is_linked_when_both_sides_have_verified_the_address() {
    let (service, double) = service().await;
    let own = service.sign_up("ann@example.com").await["user"]["id"].clone();
    // Not here: whoever signed up may have typed somebody else's address.
    let refused = with_google(&service, &double, GOOGLE, |_| {}).await;
    assert_eq!(refused["error"], "email-already-in-use");
    service.sql("update auth.users set email_verified = true").await;
    // Not there.
    let refused =
        with_google(&service, &double, GOOGLE, |claims| claims["email_verified"] = json!(false)).await;
    assert_eq!(refused["error"], "email-already-in-use");
    assert_eq!(links(&service).await, 0);
    let linked = with_google(&service, &double, GOOGLE, |_| {}).await;
    assert_eq!(session(&service, &linked).await["user"]["id"], own);
    assert_eq!(links(&service).await, 1);
    // Somebody else of the service with the same address does not get in.
    let other = with_google(&service, &double, GOOGLE, |claims| claims["sub"] = json!("g-2")).await;
    assert_eq!(other["error"], "provider-account-already-linked");
}

#[tokio::test]
async fn a_person_links_a_service_to_their_account() {
    let (service, double) = service().await;
    let ann = service.sign_up("ann@here.example").await;
    let connect = format!("{GOOGLE}?connect={}", text(&ann["accessToken"]));
    let linked = with_google(&service, &double, &connect, |_| {}).await;
    assert!(!linked.contains_key("error") && !linked.contains_key("refreshToken"), "{linked:?}");
    let signed_in = with_google(&service, &double, GOOGLE, |_| {}).await;
    assert_eq!(session(&service, &signed_in).await["user"]["id"], ann["user"]["id"]);
    // The same person of the service cannot belong to two accounts.
    let bob = service.sign_up("bob@here.example").await;
    let connect = format!("{GOOGLE}?connect={}", text(&bob["accessToken"]));
    let refused = with_google(&service, &double, &connect, |_| {}).await;
    assert_eq!(refused["error"], "provider-account-already-linked");
    let forged = format!("{GOOGLE}?connect=forged");
    follow(&service, &forged, Some("http://localhost:3000/")).await.assert_error(
        401,
        "invalid-request",
        "JWT",
    );
}

#[tokio::test]
async fn nobody_is_lured_into_linking_a_service_to_somebody_elses_account() {
    let options = Options {
        allowed_redirect_urls: vec!["https://*.app.example.com/in".to_owned(), "myapp://back".to_owned()],
        ..Options::default()
    };
    let (service, _double) = service_with(options).await;
    let ann = service.sign_up("ann@here.example").await;
    let connect = format!("{GOOGLE}?connect={}", text(&ann["accessToken"]));
    for page in [
        None,
        Some(""),
        Some("null"),
        Some("https://evil.example/"),
        Some("https://evil.example/https://a.app.example.com/"),
        Some("https://a.app.example.com.evil.example/"),
        Some("http://a.app.example.com/"),
        Some("http://localhost:3001/"),
    ] {
        follow(&service, &connect, page).await.assert_error(403, "foreign-page", "the client's own pages");
    }
    assert_eq!(service.count("select count(*) from brain.provider_sign_ins").await, 0);
    for page in ["https://a.app.example.com/", "https://a.app.example.com/x?y", "http://localhost:3000"] {
        assert_eq!(follow(&service, &connect, Some(page)).await.status, StatusCode::FOUND, "{page}");
    }
    // Signing in changes no account.
    assert_eq!(follow(&service, GOOGLE, Some("https://evil.example/")).await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn a_session_that_has_ended_links_no_service() {
    let (service, _double) = service().await;
    let ann = service.sign_up("ann@here.example").await;
    service.post("/signout", json!({ "refreshToken": ann["refreshToken"] })).await.assert_ok();
    let connect = format!("{GOOGLE}?connect={}", text(&ann["accessToken"]));
    let refused = follow(&service, &connect, Some("http://localhost:3000/")).await;
    refused.assert_error(401, "invalid-request", "session has ended");
}

#[tokio::test]
async fn an_id_token_that_is_not_right_signs_nobody_in() {
    let (service, double) = service().await;
    let now = service.clock.unix_seconds();
    let stranger = Double::start(service.clock.clone()).await;
    let wrong: [(&str, Value); 6] = [
        ("nonce", json!("another")),
        ("aud", json!("somebody")),
        ("aud", json!(["client", "somebody"])),
        ("iss", json!("https://accounts.example.com")),
        ("exp", json!(now - 1)),
        ("iat", json!(now + 3600)),
    ];
    for (name, value) in wrong {
        let query = with_google(&service, &double, GOOGLE, |claims| claims[name] = value.clone()).await;
        assert_eq!(query["error"], "oauth-token-echange-failed", "{name} {value}");
    }
    let forged =
        with_google(&service, &double, GOOGLE, |claims| *claims = json!(stranger.sign(claims))).await;
    assert_eq!(forged["error"], "oauth-token-echange-failed");
    let unsigned = with_google(&service, &double, GOOGLE, |claims| {
        use base64::Engine;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        *claims = json!(format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims.to_string())));
    })
    .await;
    assert_eq!(unsigned["error"], "oauth-token-echange-failed");
    assert_eq!(service.count("select count(*) from auth.users").await, 0);
}

#[tokio::test]
async fn the_services_new_key_is_found() {
    let (service, double) = service().await;
    with_google(&service, &double, GOOGLE, |_| {}).await;
    double.rotate();
    service.clock.advance(61);
    let query = with_google(&service, &double, GOOGLE, |_| {}).await;
    session(&service, &query).await;
    assert_eq!(double.seen().key_reads, 2);
}

#[tokio::test]
async fn a_state_is_for_the_browser_that_began() {
    let (service, double) = service().await;
    let mine = visit(&service, GOOGLE).await;
    let claims = double.claims("g-1", "ann@example.com", &mine.query["nonce"]);
    let code = double.code(&mine.query["code_challenge"], claims);
    let back = format!("state={}&code={code}", mine.query["state"]);
    let other = visit(&service, GOOGLE).await;
    for cookie in ["", "brain_sign_in=nonsense", &other.cookie] {
        let (at, query) = come_back(&service, GOOGLE, cookie, &back).await;
        assert!(at.starts_with("http://localhost:3000?"), "{at}");
        assert_eq!(query["error"], "invalid-state");
    }
    assert_eq!(come_back(&service, GITHUB, &mine.cookie, &back).await.1["error"], "invalid-state");
    // None of these has used it up.
    assert!(come_back(&service, GOOGLE, &mine.cookie, &back).await.1.contains_key("refreshToken"));
    // Parallel returns: one comes through.
    let again = visit(&service, GOOGLE).await;
    let claims = double.claims("g-1", "ann@example.com", &again.query["nonce"]);
    let code = double.code(&again.query["code_challenge"], claims);
    let back = format!("state={}&code={code}", again.query["state"]);
    let all =
        futures::future::join_all((0..8).map(|_| come_back(&service, GOOGLE, &again.cookie, &back))).await;
    assert_eq!(all.iter().filter(|(_, query)| query.contains_key("refreshToken")).count(), 1);
    let late = visit(&service, GOOGLE).await;
    service.sql("update brain.provider_sign_ins set expires_at = now()").await;
    let back = format!("state={}&code=x", late.query["state"]);
    assert_eq!(come_back(&service, GOOGLE, &late.cookie, &back).await.1["error"], "invalid-state");
}

#[tokio::test]
async fn what_the_service_refuses_is_told() {
    let (service, double) = service().await;
    let begun = visit(&service, GOOGLE).await;
    let back = format!("state={}&error=access_denied", begun.query["state"]);
    let (_, query) = come_back(&service, GOOGLE, &begun.cookie, &back).await;
    assert_eq!(query["error"], "oauth-provider-error");
    assert_eq!(query["errorDescription"], "Provider returned an error");
    let begun = visit(&service, GOOGLE).await;
    let back = format!("state={}&code=unknown", begun.query["state"]);
    assert_eq!(
        come_back(&service, GOOGLE, &begun.cookie, &back).await.1["error"],
        "oauth-token-echange-failed"
    );
    // Somebody else's code: its proof key is not ours.
    let begun = visit(&service, GOOGLE).await;
    let claims = double.claims("g-1", "ann@example.com", &begun.query["nonce"]);
    let code = double.code("another challenge", claims);
    let back = format!("state={}&code={code}", begun.query["state"]);
    assert_eq!(
        come_back(&service, GOOGLE, &begun.cookie, &back).await.1["error"],
        "oauth-token-echange-failed"
    );
    assert_eq!(service.get(&format!("{GOOGLE}/callback")).await.body["error"], "invalid-request");
}

#[tokio::test]
async fn the_beginning_is_checked() {
    let (service, _double) = service().await;
    service.get("/signin/provider/apple").await.assert_error(409, "disabled-endpoint", "");
    for (query, code) in [
        ("redirectTo=https://evil.example", "redirectTo-not-allowed"),
        ("redirectTo=nowhere", "invalid-request"),
        ("displayName=%22", "invalid-request"),
        ("metadata=x", "invalid-request"),
        ("allowedRoles=admin", "role-not-allowed"),
        ("defaultRole=admin", "default-role-must-be-in-allowed-roles"),
    ] {
        let answer: Answer = service.get(&format!("{GOOGLE}?{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!(code)), "{query}");
    }
    assert_eq!(service.count("select count(*) from brain.provider_sign_ins").await, 0);
}

#[tokio::test]
async fn the_settings_and_the_second_factor_hold_for_them_too() {
    let (mut service, double) = service_with(Options { disable_signup: true, ..Options::default() }).await;
    assert_eq!(with_google(&service, &double, GOOGLE, |_| {}).await["error"], "signup-disabled");
    let providers = double.providers();
    let disabled = Options { disable_new_users: true, providers: providers.clone(), ..Options::default() };
    service.reconfigure(disabled).await;
    assert_eq!(with_google(&service, &double, GOOGLE, |_| {}).await["error"], "disabled-user");
    assert_eq!(with_google(&service, &double, GOOGLE, |_| {}).await["error"], "disabled-user");
    service.sql("update auth.users set disabled = false, active_mfa_type = 'totp', totp_secret = 'x'").await;
    let query = with_google(&service, &double, GOOGLE, |_| {}).await;
    assert!(query["mfaTicket"].starts_with("mfaTotp:"), "{query:?}");
    let verified = Options { email_verification_required: true, providers, ..Options::default() };
    service.reconfigure(verified).await;
    let query = with_google(&service, &double, GOOGLE, |claims| {
        claims["sub"] = json!("g-9");
        claims["email"] = json!("new@example.com");
        claims["email_verified"] = json!(false);
    })
    .await;
    assert_eq!(query["error"], "unverified-user");
    assert!(!service.letter("email-verify", "new@example.com").await.is_null());
}

#[tokio::test]
async fn a_service_is_linked_with_a_security_key_where_the_settings_want_it() {
    let (mut service, double) = service().await;
    let ann = service.sign_up("ann@here.example").await;
    let token = text(&ann["accessToken"]);
    let required = Options {
        providers: double.providers(),
        require_elevated_claim: Elevation::Required,
        ..Options::default()
    };
    service.reconfigure(required).await;
    let elevated = "elevated-claim-required";
    let connect = format!("{GOOGLE}?connect={token}");
    follow(&service, &connect, Some("http://localhost:3000/")).await.assert_error(403, elevated, "key");
    let id_token = double.sign(&double.claims("g-1", "ann@example.com", "n"));
    let link = json!({ "provider": "google", "idToken": id_token, "nonce": "n" });
    service.post_as(token, "/link/idtoken", link).await.assert_error(403, elevated, "key");
    assert_eq!(links(&service).await, 0);
}
