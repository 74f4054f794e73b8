//! What holds of every route alike: that it is there, what it says to a request that is none, to who shows no token or
//! a bad one, and to who may not come in; and links of every kind, which are good once.

use app::auth::{Options, RelyingParty};
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{Method, Request, StatusCode};
use futures::future::join_all;
use serde_json::{Value, json};

use super::service::{Answer, Service, json_request, text};

/// Whether a route asks for an access token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Needed,
    NotNeeded,
}

/// Whether it asks for a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Object,
    PerhapsAnObject,
    Nothing,
}

use Token::{Needed, NotNeeded};
use Wants::{Nothing, Object, PerhapsAnObject};

/// Every route that is asked by `POST` with JSON: Nhost Auth's, and the four of our own at the end.
const POSTED: [(&str, Token, Wants); 33] = [
    ("/signup/email-password", NotNeeded, Object),
    ("/signup/webauthn", NotNeeded, Object),
    ("/signup/webauthn/verify", NotNeeded, Object),
    ("/signin/email-password", NotNeeded, Object),
    ("/signin/otp/email", NotNeeded, Object),
    ("/signin/otp/email/verify", NotNeeded, Object),
    ("/signin/passwordless/email", NotNeeded, Object),
    ("/signin/anonymous", NotNeeded, PerhapsAnObject),
    ("/signin/pat", NotNeeded, Object),
    ("/signin/mfa/totp", NotNeeded, Object),
    ("/signin/webauthn", NotNeeded, PerhapsAnObject),
    ("/signin/webauthn/verify", NotNeeded, Object),
    ("/signin/idtoken", NotNeeded, Object),
    ("/link/idtoken", Needed, Object),
    ("/elevate/webauthn", Needed, Nothing),
    ("/elevate/webauthn/verify", Needed, Object),
    ("/token", NotNeeded, Object),
    ("/token/verify", NotNeeded, PerhapsAnObject),
    ("/signout", NotNeeded, Object),
    ("/pat", Needed, Object),
    ("/user/password", NotNeeded, Object),
    ("/user/password/reset", NotNeeded, Object),
    ("/user/email/change", Needed, Object),
    ("/user/email/send-verification-email", NotNeeded, Object),
    ("/user/deanonymize", Needed, Object),
    ("/user/mfa", Needed, Object),
    ("/user/webauthn/add", Needed, Nothing),
    ("/user/webauthn/verify", Needed, Object),
    ("/user/email/verify", NotNeeded, Object),
    ("/user/delete", Needed, PerhapsAnObject),
    ("/mfa/email/send", Needed, Nothing),
    ("/mfa/recovery-codes", Needed, Object),
    // No text messages: it says so, whatever it is asked.
    ("/signin/passwordless/sms", NotNeeded, Nothing),
];

/// What it ignores that it does not know, as at Nhost Auth.
const TAKES_ANY_KEY: &str = "/signout";

fn options() -> Options {
    let relying_party = RelyingParty {
        id: "localhost".to_owned(),
        name: "Brain".to_owned(),
        origins: vec!["http://localhost:3000".to_owned()],
        timeout_ms: 60_000,
    };
    Options { relying_party: Some(relying_party), anonymous_users_enabled: true, ..Options::default() }
}

async fn get(service: &Service, path: &str, authorization: &str) -> Answer {
    let request = Request::get(path).header(AUTHORIZATION, authorization);
    service.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_request_that_is_none_is_refused_everywhere_in_one_shape() {
    let service = Service::start_with(options()).await;
    let session = service.sign_up("a@b.c").await;
    let bearer = format!("Bearer {}", text(&session["accessToken"]));
    let send = async |path: &str, body: String, kind: &str| {
        let mut request = json_request(path, body);
        request.headers_mut().insert(AUTHORIZATION, bearer.parse().unwrap());
        request.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
        service.send(request).await
    };
    let json = "application/json";
    for (path, _, wants) in POSTED {
        let by_get = get(&service, path, &bearer).await;
        by_get.assert_error(405, "invalid-request", "method");
        if wants == Nothing {
            continue;
        }
        for body in ["{", "[]", "null", "\"x\"", "{\"email\":\"\\ud800\"}", "\u{0}"] {
            let answer = send(path, body.to_owned(), json).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.body["error"]),
                (400, &json!("invalid-request")),
                "{path} {body}"
            );
            assert_eq!(answer.body.as_object().unwrap().len(), 3, "{path} {body}");
        }
        send(path, "{}".to_owned(), "text/plain").await.assert_invalid("application/json");
        send(path, " ".repeat(65 * 1024), json).await.assert_error(413, "invalid-request", "too large");
        if path != TAKES_ANY_KEY {
            send(path, r#"{"no such key":1}"#.to_owned(), json).await.assert_invalid("unknown field");
        }
        if wants == Object {
            send(path, String::new(), json).await.assert_invalid("body is needed");
        }
    }
}

#[tokio::test]
async fn who_shows_no_good_token_is_told_so_wherever_one_is_needed() {
    let service = Service::start_with(options()).await;
    let session = service.sign_up("a@b.c").await;
    let token = text(&session["accessToken"]).to_owned();
    let assert_refused = |answer: &Answer, path: &str| {
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (401, &json!("invalid-request")),
            "{path}"
        );
        assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer", "{path}");
    };
    for path in ["/user", "/mfa/totp/generate"] {
        assert_refused(&service.get(path).await, path);
        assert_refused(&get(&service, path, "Bearer forged").await, path);
    }
    for (path, needs, _) in POSTED {
        let without = service.post(path, json!({})).await;
        assert_eq!(without.status == StatusCode::UNAUTHORIZED, needs == Needed, "{path} {without:?}");
        if needs == Needed {
            assert_refused(&without, path);
            assert_refused(&service.post_as("forged", path, json!({})).await, path);
        }
    }
    service.clock.advance(900);
    for (path, _, _) in POSTED.iter().filter(|(_, needs, _)| *needs == Needed) {
        assert_refused(&service.post_as(&token, path, json!({})).await, path);
    }
}

/// Requests of somebody who is signed in that would be fulfilled if they might.
fn good_requests() -> Vec<(&'static str, Value)> {
    vec![
        ("/pat", json!({ "expiresAt": "2100-01-01T00:00:00Z" })),
        ("/user/password", json!({ "newPassword": "another password" })),
        ("/user/email/change", json!({ "newEmail": "new@b.c" })),
        ("/user/mfa", json!({ "code": "123456", "activeMfaType": "totp" })),
        ("/mfa/email/send", json!({})),
        ("/mfa/recovery-codes", json!({ "code": "123456" })),
        ("/link/idtoken", json!({ "provider": "google", "idToken": "x" })),
        ("/user/webauthn/add", json!({})),
        ("/user/webauthn/verify", json!({ "credential": {} })),
        ("/elevate/webauthn", json!({})),
    ]
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why_wherever_they_show_their_token() {
    let mut service = Service::start_with(options()).await;
    let session = service.sign_up("a@b.c").await;
    let token = text(&session["accessToken"]).to_owned();
    let strict = Options { email_verification_required: true, ..options() };
    for (change, strictly, status, code) in [
        ("update auth.users set is_anonymous = true", false, 403, "forbidden-anonymous"),
        ("update auth.users set is_anonymous = false", true, 401, "unverified-user"),
        ("update auth.users set disabled = true", false, 401, "disabled-user"),
        ("delete from auth.users", false, 401, "invalid-request"),
    ] {
        service.sql(change).await;
        service.reconfigure(if strictly { strict.clone() } else { options() }).await;
        for path in ["/user", "/mfa/totp/generate"] {
            get(&service, path, &format!("Bearer {token}")).await.assert_error(status, code, "");
        }
        for (path, body) in good_requests() {
            let answer = service.post_as(&token, path, body).await;
            assert_eq!((answer.status.as_u16(), &answer.body["error"]), (status, &json!(code)), "{path}");
        }
    }
    assert_eq!(service.count("select count(*) from brain.letters").await, 0);
}

#[tokio::test]
async fn a_link_of_any_kind_is_good_once_in_parallel_too() {
    let service = Service::start_with(options()).await;
    for (email, kind) in [
        ("reset@b.c", "password-reset"),
        ("link@b.c", "signin-passwordless"),
        ("change@b.c", "email-confirm-change"),
        ("verify@b.c", "email-verify"),
    ] {
        let session = service.sign_up(email).await;
        let token = text(&session["accessToken"]);
        let (path, body, reader) = match kind {
            "password-reset" => ("/user/password/reset", json!({ "email": email }), email),
            "signin-passwordless" => ("/signin/passwordless/email", json!({ "email": email }), email),
            "email-verify" => ("/user/email/send-verification-email", json!({ "email": email }), email),
            _ => ("/user/email/change", json!({ "newEmail": "changed@b.c" }), "changed@b.c"),
        };
        service.post_as(token, path, body).await.assert_ok();
        let letter = service.letter(kind, reader).await;
        let visits = join_all((0..8).map(|_| service.visit(&letter))).await;
        let good = visits.iter().filter(|address| address.contains("refreshToken=")).count();
        let refused = visits.iter().filter(|address| address.contains("error=invalid%2Dticket")).count();
        assert_eq!((good, refused), (1, 7), "{kind} {visits:?}");
        assert!(service.visit(&letter).await.contains("error=invalid%2Dticket"), "{kind}");
    }
}

#[tokio::test]
async fn a_browser_may_ask_beforehand_of_every_route() {
    let service = Service::start_with(options()).await;
    for (path, _, _) in POSTED {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(path)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST");
        let answer = service.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example.com", "{path}");
    }
}
