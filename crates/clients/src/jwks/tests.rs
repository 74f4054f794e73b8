use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use base::clock::Clock;
use base::ids::UserId;

use super::*;

fn keys(secret: &str) -> JwtKeys {
    JwtKeys::parse(&secret.to_owned().into(), Clock::manual(1_000)).unwrap()
}

/// Keys that sign, whose public halves an address has. Made for these tests alone.
fn signer(kid: &str, private: &str) -> JwtKeys {
    let pem = format!("-----BEGIN PRIVATE KEY-----\\n{private}\\n-----END PRIVATE KEY-----");
    keys(&format!(r#"{{"type":"EdDSA","kid":"{kid}","signing_key":"{pem}"}}"#))
}

fn one() -> JwtKeys {
    signer("one", "MC4CAQAwBQYDK2VwBCIEII9MgwVt68PY7GI+0Y+wBTq2oBsn/6Ym8pgMOwqOGtf9")
}

fn other() -> JwtKeys {
    signer("other", "MC4CAQAwBQYDK2VwBCIEIFo4v87C36IfzRWkdTyb7vncygsYihvMufAz/5JfiE5Z")
}

fn set(keys: &JwtKeys) -> String {
    serde_json::json!({ "keys": keys.public_keys() }).to_string()
}

fn token(keys: &JwtKeys) -> String {
    keys.sign(UserId(uuid::Uuid::nil()), 900, "user", &["user".to_owned()], &BTreeMap::new()).unwrap()
}

/// An address whose answer can be changed, and how often it was asked.
#[derive(Clone)]
struct Address {
    url: String,
    answer: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<Mutex<u32>>,
}

impl Address {
    async fn start(status: StatusCode, body: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let address =
            Self { url, answer: Arc::new(Mutex::new((status, body))), asked: Arc::new(Mutex::new(0)) };
        let told = address.clone();
        let answer = async move || {
            *told.asked.lock().unwrap() += 1;
            told.answer.lock().unwrap().clone()
        };
        let router = Router::new().route("/jwks.json", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn keys(&self) -> JwtKeys {
        keys(&format!(r#"{{"jwk_url":"{}"}}"#, self.url))
    }

    fn becomes(&self, status: StatusCode, body: String) {
        *self.answer.lock().unwrap() = (status, body);
    }
}

async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to be");
}

#[tokio::test]
async fn keys_are_there_at_the_start() {
    let address = Address::start(StatusCode::OK, set(&one())).await;
    let (keys, stop) = (address.keys(), CancellationToken::new());
    let mut tasks = keep(&keys, &stop).await.unwrap();
    assert!(keys.verify(&token(&one())).is_ok());
    assert!(keys.verify(&token(&other())).is_err());
    stop.cancel();
    assert!(tasks.join_next().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_token_with_an_unknown_key_fetches_it_and_many_do_not_fetch_more() {
    let address = Address::start(StatusCode::OK, set(&one())).await;
    let keys = address.keys();
    let keeper = Keeper {
        remote: keys.remotes()[0].clone(),
        http: Http::new(SERVICE, HTTP).unwrap(),
        floor: Duration::from_millis(100),
    };
    let first = keeper.fetch().await;
    let task = tokio::spawn(async move { keeper.run(first).await });
    address.becomes(StatusCode::OK, set(&other()));
    let token = token(&other());
    until(|| keys.verify(&token).is_ok()).await;
    let asked = *address.asked.lock().unwrap();
    assert!((2..=3).contains(&asked), "{asked}");
    // An address that fails takes nothing away.
    address.becomes(StatusCode::SERVICE_UNAVAILABLE, String::new());
    let _ = keys.verify(&self::token(&one()));
    until(|| *address.asked.lock().unwrap() > asked).await;
    assert!(keys.verify(&token).is_ok());
    task.abort();
}

#[tokio::test]
async fn what_is_no_set_or_too_large_is_refused() {
    for (status, body) in [
        (StatusCode::OK, "[]".to_owned()),
        (StatusCode::OK, r#"{"keys":[]}"#.to_owned()),
        (StatusCode::OK, " ".repeat(300 * 1024)),
        (StatusCode::NOT_FOUND, set(&one())),
    ] {
        let address = Address::start(status, body).await;
        let keys = address.keys();
        let remote = keys.remotes()[0].clone();
        let keeper = Keeper { remote, http: Http::new(SERVICE, HTTP).unwrap(), floor: FLOOR };
        assert!(keeper.fetch().await.is_err(), "{status}");
        assert!(keys.verify(&token(&one())).is_err());
    }
}

#[test]
fn an_answer_is_good_as_long_as_it_says() {
    let of = |control: &str, age: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, control.parse().unwrap());
        headers.insert(AGE, age.parse().unwrap());
        life(&headers).as_secs()
    };
    assert_eq!(of("public, max-age=3600, must-revalidate", "600"), 3_000);
    assert_eq!(of("Max-Age=1", "0"), 10);
    assert_eq!(of("max-age=99999999", "x"), 86_400);
    assert_eq!(of("max-age=60", "120"), 10);
    assert_eq!(of("no-store", "0"), 600);
    assert_eq!(life(&HeaderMap::new()).as_secs(), 600);
}
