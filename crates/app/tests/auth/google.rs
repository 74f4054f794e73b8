//! A double of Google: gives out access tokens against assertions and refresh tokens, and takes letters, or fails as
//! it is told to.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a call is answered with, in the place of a success.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// This status, header `Retry-After` and reason.
    Answer(u16, Option<u32>, &'static str),
    /// Nothing, for half a minute.
    Silence,
}

/// The double.
#[derive(Clone)]
pub(super) struct Google(Arc<Inner>);

struct Inner {
    address: String,
    key: KeyPair,
    seen: Mutex<Seen>,
}

/// What happened so far, and what is to happen next.
#[derive(Default)]
pub(super) struct Seen {
    /// The claims of each assertion whose signature was right.
    pub(super) assertions: Vec<Value>,
    /// How many tokens were given out; the last one is `token-N`, and the only good one.
    pub(super) tokens: usize,
    /// Each call with a letter, taken or not.
    pub(super) calls: usize,
    /// The letters that were taken.
    pub(super) letters: Vec<String>,
    pub(super) next: VecDeque<Fault>,
    pub(super) next_token: VecDeque<(u16, &'static str)>,
}

impl Google {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let google = Self(Arc::new(Inner { address, key, seen: Mutex::default() }));
        let router = Router::new()
            .route("/token", post(token))
            .route("/gmail/v1/users/me/messages/send", post(send))
            .with_state(google.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        google
    }

    pub(super) fn address(&self) -> &str {
        &self.0.address
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap()
    }

    /// How many letters were taken, of how many calls.
    pub(super) fn letters_and_calls(&self) -> (usize, usize) {
        let seen = self.seen();
        (seen.letters.len(), seen.calls)
    }

    /// Waits until so many letters were taken.
    pub(super) async fn until_taken(&self, letters: usize) {
        let taken = async {
            while self.seen().letters.len() < letters {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), taken).await.unwrap();
    }

    /// A service account's file, which its owner removes.
    pub(super) fn service_account(&self) -> PathBuf {
        let path = std::env::temp_dir().join(format!("brain-account-{}.json", uuid::Uuid::new_v4()));
        let pem = pem(&self.0.key);
        let file = json!({
            "type": "service_account", "project_id": "brain", "private_key_id": "key-1", "private_key": pem,
            "client_email": "brain@brain.iam.example.com", "token_uri": format!("{}/token", self.address()),
        });
        std::fs::write(&path, file.to_string()).unwrap();
        path
    }
}

#[derive(Deserialize)]
struct TokenForm {
    grant_type: String,
    assertion: Option<String>,
    refresh_token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

async fn token(State(google): State<Google>, Form(form): Form<TokenForm>) -> Response {
    let refuse = |status: u16, code: &str| {
        (StatusCode::from_u16(status).unwrap(), Json(json!({ "error": code }))).into_response()
    };
    if let Some((status, code)) = google.seen().next_token.pop_front() {
        return refuse(status, code);
    }
    match (form.grant_type.as_str(), form.assertion) {
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", Some(assertion)) => {
            let key = jsonwebtoken::DecodingKey::from_rsa_der(google.0.key.public_key().as_ref());
            let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
            rules.validate_exp = false;
            rules.validate_aud = false;
            let Ok(read) = jsonwebtoken::decode::<Value>(&assertion, &key, &rules) else {
                return refuse(400, "invalid_grant");
            };
            assert_eq!(read.header.kid.as_deref(), Some("key-1"));
            google.seen().assertions.push(read.claims);
        }
        ("refresh_token", None) => {
            let shown =
                (form.client_id.as_deref(), form.client_secret.as_deref(), form.refresh_token.as_deref());
            if shown != (Some("client"), Some("secret"), Some("refresh")) {
                return refuse(400, "invalid_grant");
            }
        }
        _ => return refuse(400, "unsupported_grant_type"),
    }
    let mut seen = google.seen();
    seen.tokens += 1;
    let token = format!("token-{}", seen.tokens);
    Json(json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" })).into_response()
}

async fn send(State(google): State<Google>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let (fault, tokens) = {
        let mut seen = google.seen();
        seen.calls += 1;
        (seen.next.pop_front(), seen.tokens)
    };
    match fault {
        Some(Fault::Silence) => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return StatusCode::OK.into_response();
        }
        Some(Fault::Answer(status, retry_after, reason)) => {
            let body =
                json!({ "error": { "code": status, "message": reason, "errors": [{ "reason": reason }] } });
            let mut answer = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert("retry-after", seconds.into());
            }
            return answer;
        }
        None => {}
    }
    assert_eq!(headers["authorization"], format!("Bearer token-{tokens}"));
    let raw = body["raw"].as_str().unwrap();
    let letter = String::from_utf8(URL_SAFE_NO_PAD.decode(raw).unwrap()).unwrap();
    google.seen().letters.push(letter);
    Json(json!({ "id": "m1", "threadId": "t1", "labelIds": ["SENT"] })).into_response()
}

/// A private key in the form that files and `jsonwebtoken` take.
pub(super) fn pem(key: &KeyPair) -> String {
    let der = key.as_der().unwrap();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

/// The part of a letter that has this type, decoded.
pub(super) fn part(letter: &str, kind: &str) -> String {
    let start = letter.find(&format!("Content-Type: {kind}")).unwrap();
    let (head, rest) = letter[start..].split_once("\r\n\r\n").unwrap();
    let body = rest.split("\r\n--").next().unwrap();
    let bytes = match () {
        () if head.contains("base64") => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        () if head.contains("quoted-printable") => unquote(&body.replace("=\r\n", "")),
        () => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).unwrap()
}

fn unquote(text: &str) -> Vec<u8> {
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}
