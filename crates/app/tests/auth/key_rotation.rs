//! A new key of access tokens, and somebody who verifies tokens by the published keys and keeps those as long as may be.

use axum::http::header::CACHE_CONTROL;
use base::jwt::JwtKeys;
use serde_json::{Value, json};

use super::service::{Service, text};

/// Made for these tests alone.
const PRIVATE: [(&str, &str); 2] = [
    ("old", "MC4CAQAwBQYDK2VwBCIEII9MgwVt68PY7GI+0Y+wBTq2oBsn/6Ym8pgMOwqOGtf9"),
    ("new", "MC4CAQAwBQYDK2VwBCIEIFo4v87C36IfzRWkdTyb7vncygsYihvMufAz/5JfiE5Z"),
];

fn key(at: usize, signs_from: Option<i64>) -> Value {
    let (kid, private) = PRIVATE[at];
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----");
    let mut key = json!({ "type": "EdDSA", "kid": kid, "signing_key": pem });
    if let Some(from) = signs_from {
        key["signs_from"] = json!(from);
    }
    key
}

/// Who verifies tokens elsewhere.
struct Verifier {
    keys: JwtKeys,
    good_until: i64,
}

impl Verifier {
    fn new(service: &Service) -> Self {
        let secret = json!({ "jwk_url": "https://brain.example/v1/.well-known/jwks.json" }).to_string();
        Self { keys: JwtKeys::parse(&secret.into(), service.clock.clone()).unwrap(), good_until: 0 }
    }

    /// Whether it takes the token. The keys are read when those that it has are as old as they may be, not before.
    async fn takes(&mut self, service: &Service, token: &str) -> bool {
        let now = service.clock.unix_seconds();
        if now >= self.good_until {
            let answer = service.get("/.well-known/jwks.json").await;
            let cached = answer.headers[CACHE_CONTROL].to_str().unwrap();
            let (_, max_age) = cached.split_once("max-age=").unwrap();
            self.good_until = now + max_age.parse::<i64>().unwrap();
            self.keys.remotes()[0].install(answer.body.to_string().as_bytes()).unwrap();
        }
        self.keys.verify(token).is_ok()
    }
}

#[tokio::test]
async fn who_keeps_the_published_keys_refuses_no_token_while_they_rotate() {
    let service = Service::start().await;
    service.jwt.replace(&json!([key(0, None)]).to_string().into()).unwrap();
    let mut refresh_token = service.sign_up("a@b.c").await["refreshToken"].clone();
    // One that read the keys just before, and one that reads them between.
    let mut verifiers = [Verifier::new(&service), Verifier::new(&service)];
    let mut signers = Vec::new();
    for second in 0..200 {
        if second == 30 {
            let from = service.clock.unix_seconds() + 2 * app::auth::JWKS_MAX_AGE_SECONDS;
            let rotated = json!([key(1, Some(from)), key(0, None)]);
            service.jwt.replace(&rotated.to_string().into()).unwrap();
        }
        let session = service.refresh(&refresh_token).await.body;
        refresh_token = session["refreshToken"].clone();
        let token = text(&session["accessToken"]);
        for (at, verifier) in verifiers.iter_mut().enumerate().filter(|(at, _)| second >= 29 * at) {
            assert!(verifier.takes(&service, token).await, "verifier {at}, second {second}");
        }
        let signer = ["old", "new"].into_iter().find(|kid| service.jwt.is_signer(Some(kid))).unwrap();
        if signers.last() != Some(&signer) {
            signers.push(signer);
        }
        service.clock.advance(1);
    }
    assert_eq!(signers, ["old", "new"]);
}
