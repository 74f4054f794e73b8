//! Settings that hold everywhere: which addresses may come in, passwords that thieves know, concealed errors, custom
//! claims, and sessions as their owners see them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::auth::{AddressRules, Auth, Options, router};
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::USER_AGENT;
use axum::routing::get;
use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use clients::http::HttpOptions;
use clients::pwned::PwnedPasswords;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use serde_json::json;
use sha1::{Digest, Sha1};

use super::service::{PASSWORD, Service, json_request, send, text};

#[tokio::test]
async fn a_blocked_address_is_as_good_as_unknown() {
    let service = Service::start().await;
    service.sign_up("a@bad.org").await;
    let blocked = AddressRules::new(&[], &[], &[], &["bad.org".to_owned()]);
    let mut service = service;
    service.reconfigure(Options { address_rules: blocked, ..Options::default() }).await;
    let refused =
        |answer: super::service::Answer| answer.assert_error(401, "invalid-email-password", "Incorrect");
    refused(service.sign_in("a@Bad.org", PASSWORD).await);
    refused(
        service
            .post("/signup/email-password", json!({ "email": "b@bad.org", "password": "x y z 1 2" }))
            .await,
    );
    for path in ["/signin/otp/email", "/signin/passwordless/email"] {
        refused(service.post(path, json!({ "email": "b@bad.org" })).await);
    }
    refused(service.post("/signin/otp/email/verify", json!({ "email": "b@bad.org", "otp": "123456" })).await);
    let session = service.sign_up("a@good.org").await;
    let change = json!({ "newEmail": "a@bad.org" });
    refused(service.post_as(text(&session["accessToken"]), "/user/email/change", change).await);
    assert_eq!(service.count("select count(*) from auth.users").await, 2);
}

#[tokio::test]
async fn a_password_that_thieves_know_is_refused_wherever_one_is_chosen() {
    let hex = data_encoding::HEXUPPER.encode(&Sha1::digest(b"known to thieves"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let line = format!("{}:7\r\n", &hex[5..]);
    let works = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&works);
    let answer = async move || {
        if told.load(Ordering::SeqCst) { Ok(line.clone()) } else { Err(StatusCode::SERVICE_UNAVAILABLE) }
    };
    let list = Router::new().route("/range/{sent}", get(answer));
    tokio::spawn(async move { axum::serve(listener, list).await });
    let breached_passwords = Some(PwnedPasswords::new(&address, HttpOptions::default()).unwrap());
    let service = Service::start_with(Options { breached_passwords, ..Options::default() }).await;
    let known = |email: &str| json!({ "email": email, "password": "known to thieves" });
    let refused = service.post("/signup/email-password", known("a@b.c")).await;
    refused.assert_error(400, "password-in-hibp-database", "HIBP");
    let session = service.sign_up("a@b.c").await;
    let change = json!({ "newPassword": "known to thieves" });
    let refused = service.post_as(text(&session["accessToken"]), "/user/password", change).await;
    refused.assert_error(400, "password-in-hibp-database", "HIBP");
    // A list that does not answer refuses nobody.
    works.store(false, Ordering::SeqCst);
    assert_eq!(service.post("/signup/email-password", known("b@b.c")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn errors_that_tell_about_accounts_are_concealed() {
    let service = Service::start_with(Options { conceal_errors: true, ..Options::default() }).await;
    service.sign_up("a@b.c").await;
    let same = |answer: super::service::Answer| {
        let body = json!({ "status": 400, "message": "The request payload is incorrect", "error": "invalid-request" });
        assert_eq!((answer.status, answer.body), (StatusCode::BAD_REQUEST, body));
    };
    same(service.sign_in("a@b.c", "a wrong one").await);
    same(service.post("/signup/email-password", json!({ "email": "a@b.c", "password": PASSWORD })).await);
    same(service.refresh(&json!("2c35b6f3-c4b9-48e3-978a-d4d0f1d42e24")).await);
    same(service.post("/signin/otp/email/verify", json!({ "email": "a@b.c", "otp": "123456" })).await);
    service.sql("update auth.users set disabled = true").await;
    same(service.sign_in("a@b.c", PASSWORD).await);
    // What tells nothing about accounts is told.
    let short = json!({ "email": "b@b.c", "password": "abc" });
    service.post("/signup/email-password", short).await.assert_error(400, "password-too-short", "short");
    service.get_user("Bearer x").await.assert_error(401, "invalid-request", "JWT");
}

#[tokio::test]
async fn a_page_that_a_link_leads_to_learns_no_more_than_any_other_caller() {
    let mut service = Service::start().await;
    let session = service.sign_up("a@b.c").await;
    service.sign_up("taken@b.c").await;
    let change = async |service: &Service| {
        let token = text(&session["accessToken"]);
        service.post_as(token, "/user/email/change", json!({ "newEmail": "c@b.c" })).await.assert_ok();
        service.sql("update brain.tickets set new_email = 'taken@b.c' where new_email = 'c@b.c'").await;
        let letter = service.letter("email-confirm-change", "c@b.c").await;
        service.sql("delete from brain.letters").await;
        letter
    };
    let unknown = json!({ "link":
        "http://localhost:3000/v1/verify?ticket=verifyEmail:x&redirectTo=http%3A%2F%2Flocalhost%3A3000" });
    let taken = change(&service).await;
    let told = [service.visit(&unknown).await, service.visit(&taken).await];
    assert!(told[0].contains("error=invalid%2Dticket&"), "{told:?}");
    assert!(told[1].contains("error=email%2Dalready%2Din%2Duse&"), "{told:?}");

    let concealed = Options { conceal_errors: true, letter_pause_seconds: 0, ..Options::default() };
    service.reconfigure(concealed).await;
    let taken = change(&service).await;
    for letter in [&unknown, &taken] {
        let address = service.visit(letter).await;
        let expected = "http://localhost:3000?error=invalid%2Drequest\
            &errorDescription=The%20request%20payload%20is%20incorrect";
        assert_eq!(address, expected);
    }
    // Where a link may not lead tells nothing about accounts.
    let answer = service.get("/verify?ticket=verifyEmail:x&redirectTo=https://evil.example").await;
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.contains("error=redirectTo%2Dnot%2Dallowed&"), "{location}");
}

/// A project with one answer, or none.
struct Told {
    data: &'static str,
    works: Arc<AtomicBool>,
}

impl Project for Told {
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>> {
        assert!(session.is_admin());
        assert_eq!(
            &*request.query,
            "query claims($id: uuid!) { user(id: $id) { metadata profile { org { id } } roles { role } } }"
        );
        let works = self.works.load(Ordering::SeqCst);
        Box::pin(async move {
            if works {
                Ok(Bytes::from_static(self.data.as_bytes()))
            } else {
                Err(GraphqlError::new("x", "$", "down"))
            }
        })
    }

    fn watch(&self, _: &Session, _: GraphqlRequest) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        futures::stream::empty().boxed()
    }
}

#[tokio::test]
async fn custom_claims_come_from_the_projects_rows() {
    let service = Service::start().await;
    let works = Arc::new(AtomicBool::new(true));
    let data = r#"{"user":{"metadata":{"team":7},"profile":{"org":{"id":"o-1"}},"roles":[{"role":"a"},{"role":"b"}]}}"#;
    let project = Arc::new(Told { data, works: Arc::clone(&works) });
    let claims = [
        ("Org-Id", "profile.org.id"),
        ("roles", "$.roles[*].role"),
        ("team", "metadata.team"),
        ("none", "metadata.none.x"),
    ];
    let custom_claims: BTreeMap<String, String> =
        claims.map(|(name, path)| (name.to_owned(), path.to_owned())).into();
    let start = |custom_claims: BTreeMap<String, String>| {
        let options = Options { custom_claims, ..Options::default() };
        Auth::start(service.pool.clone(), service.jwt.clone(), Some(project.clone()), options)
    };
    let reserved = BTreeMap::from([("user-id".to_owned(), "id".to_owned())]);
    assert!(start(reserved).await.is_err());
    let auth = router(start(custom_claims.clone()).await.unwrap());
    let body = json!({ "email": "a@b.c", "password": PASSWORD }).to_string();
    let session =
        send(auth.clone(), json_request("/signup/email-password", body)).await.body["session"].clone();
    let told = |token: &serde_json::Value| {
        let variables = service.jwt.verify(text(token)).unwrap().variables;
        ["org-id", "roles", "team", "none"].map(|name| variables[&format!("x-hasura-{name}")].clone())
    };
    assert_eq!(told(&session["accessToken"]), ["o-1", r#"{"a","b"}"#, "7", "null"]);
    // Without its claims a session does not begin, and a refresh token is not used up.
    works.store(false, Ordering::SeqCst);
    let refresh = || json_request("/token", json!({ "refreshToken": session["refreshToken"] }).to_string());
    let failed = send(auth.clone(), refresh()).await;
    failed.assert_error(503, "internal-server-error", "unavailable");
    assert!(start(custom_claims).await.is_err());
    works.store(true, Ordering::SeqCst);
    let renewed = send(auth, refresh()).await;
    assert_eq!(told(&renewed.body["accessToken"])[0], "o-1");
}

#[tokio::test]
async fn claims_that_cannot_be_read_take_no_proof_with_them() {
    let mut service = Service::start().await;
    let works = Arc::new(AtomicBool::new(true));
    let data = r#"{"user":{"metadata":{"team":7},"profile":{"org":{"id":"o-1"}},"roles":[{"role":"a"}]}}"#;
    let project = Arc::new(Told { data, works: Arc::clone(&works) });
    let claims = [("Org-Id", "profile.org.id"), ("roles", "$.roles[*].role"), ("team", "metadata.team")];
    let custom_claims = claims.map(|(name, path)| (name.to_owned(), path.to_owned())).into();
    let options = Options { custom_claims, anonymous_users_enabled: true, ..Options::default() };
    service.reconfigure_with(Some(project), options).await;
    let tries = async |path: &str, body: serde_json::Value| {
        works.store(false, Ordering::SeqCst);
        let failed = service.post(path, body.clone()).await;
        failed.assert_error(503, "internal-server-error", "unavailable");
        works.store(true, Ordering::SeqCst);
        let answer = service.post(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        let variables = service.jwt.verify(text(&answer.body["session"]["accessToken"])).unwrap().variables;
        assert_eq!(variables["x-hasura-org-id"], "o-1");
        answer.body["session"].clone()
    };
    // An account that nobody was told of is not there.
    tries("/signin/anonymous", json!({})).await;
    let session = tries("/signup/email-password", json!({ "email": "a@b.c", "password": PASSWORD })).await;
    assert_eq!(service.count("select count(*) from auth.users").await, 2);
    service.post("/signin/otp/email", json!({ "email": "a@b.c" })).await.assert_ok();
    let code = service.letter("signin-otp", "a@b.c").await["code"].clone();
    tries("/signin/otp/email/verify", json!({ "email": "a@b.c", "otp": code })).await;
    service.post("/signin/passwordless/email", json!({ "email": "a@b.c" })).await.assert_ok();
    let letter = service.letter("signin-passwordless", "a@b.c").await;
    works.store(false, Ordering::SeqCst);
    assert!(service.visit(&letter).await.contains("error=internal%2Dserver%2Derror"));
    works.store(true, Ordering::SeqCst);
    let address = service.visit(&letter).await;
    assert!(address.contains("refreshToken="), "{address}");
    // The second half of a sign-in, with a code that is good once.
    service.sql("update auth.users set password_hash = null where is_anonymous").await;
    let token = text(&session["accessToken"]);
    assert_eq!(service.get_user(&format!("Bearer {token}")).await.status, StatusCode::OK);
    service
        .sql("insert into brain.email_factors (user_id) select id from auth.users where email = 'a@b.c'")
        .await;
    service.post("/user/password/reset", json!({ "email": "a@b.c" })).await.assert_ok();
    let reset = service.letter("password-reset", "a@b.c").await["ticket"].clone();
    let change = json!({ "newPassword": PASSWORD, "ticket": reset });
    service.post("/user/password", change).await.assert_ok();
    let ticket = service.sign_in("a@b.c", PASSWORD).await.body["mfa"]["ticket"].clone();
    let code = service.letter("mfa-otp", "a@b.c").await["code"].clone();
    tries("/signin/mfa/totp", json!({ "ticket": ticket, "otp": code })).await;
}

#[tokio::test]
async fn a_refresh_token_after_its_use_is_noticed_and_by_setting_ends_the_session() {
    for ends in [false, true] {
        let options = Options { reused_token_ends_session: ends, ..Options::default() };
        let service = Service::start_with(options).await;
        let first = service.sign_up("a@b.c").await;
        let other = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
        let second = service.refresh(&first["refreshToken"]).await.body;
        // Two requests of one program that meet are no theft.
        service.refresh(&first["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");
        let third = service.refresh(&second["refreshToken"]).await.body;
        service
            .sql("update brain.spent_refresh_tokens set spent_at = spent_at - interval '11 seconds'")
            .await;
        service.refresh(&first["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");
        let status = service.refresh(&third["refreshToken"]).await.status;
        assert_eq!(status.is_success(), !ends);
        assert_eq!(service.refresh(&other["refreshToken"]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_session_knows_its_device() {
    let service = Service::start().await;
    service.sign_up("a@b.c").await;
    let body = json!({ "email": "a@b.c", "password": PASSWORD }).to_string();
    let mut request = json_request("/signin/email-password", body);
    let long = format!("Phone {}", "x".repeat(500));
    request.headers_mut().insert(USER_AGENT, long.parse().unwrap());
    let session = service.send(request).await.body["session"].clone();
    let known = "select count(*) from auth.refresh_tokens where metadata->>'userAgent' like 'Phone x%'
        and length(metadata->>'userAgent') = 256 and metadata->>'network' = 'local' and metadata ? 'lastUsedAt'";
    assert_eq!(service.count(known).await, 1);
    service.refresh(&session["refreshToken"]).await;
    assert_eq!(
        service.count("select count(*) from auth.refresh_tokens where metadata->>'userAgent' = ''").await,
        2
    );
}
