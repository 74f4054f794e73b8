//! A double of the services that people sign in with: it speaks OpenID Connect as Google does, and has GitHub's
//! addresses beside. It checks the proof key and the client's secret, and signs what it is told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use app::auth::Providers;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base::clock::Clock;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clients::http::HttpOptions;
use clients::identity::{GitHub, GitHubOptions, OpenId, OpenIdOptions, Provider};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::google::pem;

/// The double.
#[derive(Clone)]
pub(super) struct Double(Arc<Inner>);

struct Inner {
    address: String,
    clock: Clock,
    keys: Mutex<Vec<(String, KeyPair)>>,
    seen: Mutex<Seen>,
}

/// What is to come of codes, and what GitHub tells.
#[derive(Default)]
pub(super) struct Seen {
    /// By code: the proof key's challenge, and the id token's claims.
    codes: HashMap<String, (String, Value)>,
    pub(super) emails: Value,
    pub(super) key_reads: usize,
    /// How often it was asked what it says about itself.
    pub(super) discoveries: usize,
    /// Whether it fails when it is asked that, after half a minute.
    pub(super) fails: bool,
}

impl Double {
    pub(super) async fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let keys = Mutex::new(vec![("k1".to_owned(), KeyPair::generate(KeySize::Rsa2048).unwrap())]);
        let double = Self(Arc::new(Inner { address, clock, keys, seen: Mutex::default() }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/gh/token", post(token))
            .route("/gh/user", get(github_user))
            .route("/gh/user/emails", get(github_emails))
            .with_state(double.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        double
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap()
    }

    /// Both services, as a sign-in service has them.
    pub(super) fn providers(&self) -> Providers {
        let address = &self.0.address;
        let google = OpenIdOptions {
            name: "google",
            issuer: address.clone(),
            client_id: "client".to_owned(),
            client_secret: "secret".to_owned().into(),
            scopes: vec!["email".to_owned(), "profile".to_owned()],
            http: HttpOptions::default(),
        };
        let github = GitHubOptions {
            client_id: "client".to_owned(),
            client_secret: "secret".to_owned().into(),
            scopes: vec!["user:email".to_owned()],
            authorization_url: format!("{address}/gh/authorize"),
            token_url: format!("{address}/gh/token"),
            profile_url: format!("{address}/gh/user"),
            http: HttpOptions::default(),
        };
        Providers::new(vec![
            Provider::OpenId(OpenId::new(google, self.0.clock.clone()).unwrap()),
            Provider::GitHub(GitHub::new(github).unwrap()),
        ])
    }

    /// The claims of a good id token for this person, address and nonce.
    pub(super) fn claims(&self, subject: &str, email: &str, nonce: &str) -> Value {
        let now = self.0.clock.unix_seconds();
        json!({
            "iss": self.0.address, "aud": "client", "sub": subject, "iat": now, "exp": now + 3600,
            "email": email, "email_verified": true, "name": "Ann \"A\" Lee", "locale": "ru-RU", "nonce": nonce,
        })
    }

    /// Signs claims with the last key.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let keys = self.0.keys.lock().unwrap();
        let (name, key) = keys.last().unwrap();
        let header = Header { kid: Some(name.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(pem(key).as_bytes()).unwrap())
            .unwrap()
    }

    /// A new key, in the place of the old ones.
    pub(super) fn rotate(&self) {
        let fresh = ("k2".to_owned(), KeyPair::generate(KeySize::Rsa2048).unwrap());
        *self.0.keys.lock().unwrap() = vec![fresh];
    }

    /// A code that whoever has the challenge's verifier gets an id token with these claims for.
    pub(super) fn code(&self, challenge: &str, claims: Value) -> String {
        let code = uuid::Uuid::new_v4().to_string();
        self.seen().codes.insert(code.clone(), (challenge.to_owned(), claims));
        code
    }
}

async fn discovery(State(double): State<Double>) -> Response {
    let fails = {
        let mut seen = double.seen();
        seen.discoveries += 1;
        seen.fails
    };
    if fails {
        // Time enough for others to come.
        tokio::time::sleep(Duration::from_millis(300)).await;
        double.0.clock.advance(30);
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let address = &double.0.address;
    Json(json!({
        "issuer": address, "authorization_endpoint": format!("{address}/authorize"),
        "token_endpoint": format!("{address}/token"), "jwks_uri": format!("{address}/jwks"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
    .into_response()
}

async fn jwks(State(double): State<Double>) -> Json<Value> {
    double.seen().key_reads += 1;
    let keys = double.0.keys.lock().unwrap();
    let keys: Vec<Value> = keys
        .iter()
        .map(|(name, key)| {
            // SEQUENCE { INTEGER n, INTEGER e } of a key of 2048 bits.
            let der = key.public_key().as_ref();
            let (n, e) = (URL_SAFE_NO_PAD.encode(&der[9..265]), URL_SAFE_NO_PAD.encode(&der[267..]));
            json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": n, "e": e })
        })
        .collect();
    Json(json!({ "keys": keys }))
}

async fn token(
    State(double): State<Double>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let refuse = || (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    let basic = format!("Basic {}", STANDARD.encode("client:secret"));
    assert_eq!(headers["authorization"], basic);
    let Some((challenge, claims)) = double.seen().codes.remove(&form["code"]) else { return refuse() };
    let shown = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    if shown != challenge {
        return refuse();
    }
    if claims.is_null() {
        return Json(json!({ "access_token": "gh", "token_type": "bearer", "scope": "user:email" }))
            .into_response();
    }
    let id_token = claims.as_str().map_or_else(|| double.sign(&claims), str::to_owned);
    Json(json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 3599, "id_token": id_token }))
        .into_response()
}

async fn github_user(headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], "Bearer gh");
    assert!(headers.contains_key("user-agent"));
    Json(json!({ "id": 4711, "login": "ann", "name": null, "email": null, "avatar_url": "https://a.b/c" }))
}

async fn github_emails(State(double): State<Double>) -> Response {
    let emails = double.seen().emails.clone();
    if emails.is_null() { StatusCode::FORBIDDEN.into_response() } else { Json(emails).into_response() }
}
