//! The keys of access tokens rotate beside a running server: published at once, signing later or now.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::Server;

/// The file is looked at every two seconds.
const NOTICED: Duration = Duration::from_secs(30);

struct Person<'a> {
    server: &'a Server,
    http: reqwest::Client,
}

impl Person<'_> {
    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/v1{path}", self.server.address()));
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let answer = answer.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// The head of a new access token, which names its key.
    async fn head(&self, refresh_token: &mut Value) -> String {
        let session = self.post("/token", json!({ "refreshToken": refresh_token })).await;
        *refresh_token = session["refreshToken"].clone();
        session["accessToken"].as_str().unwrap().split('.').next().unwrap().to_owned()
    }

    async fn published(&self) -> usize {
        let address = format!("{}/v1/.well-known/jwks.json", self.server.address());
        let answer = self.http.get(address).send().await.unwrap().bytes().await.unwrap();
        let set: Value = serde_json::from_slice(&answer).unwrap();
        set["keys"].as_array().map_or(0, Vec::len)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_published_before_it_signs() {
    let mut server = Server::new(&[]);
    server.start().await;
    let person = Person { server: &server, http: reqwest::Client::new() };
    let who = json!({ "email": "ann@example.com", "password": "a long enough password" });
    let signed_up = person.post("/signup/email-password", who).await;
    let mut refresh_token = signed_up["session"]["refreshToken"].clone();
    let first = person.head(&mut refresh_token).await;

    let (succeeded, said) = server.run(&["keys", "rotate", "--type", "es256"]).await;
    assert!(succeeded && said.contains(" signs in 120 s"), "{said}");
    let is_published = async {
        while person.published().await == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(NOTICED, is_published).await.expect("it is noticed");
    assert_eq!(person.head(&mut refresh_token).await, first);
    let (_, said) = server.run(&["keys", "list"]).await;
    let does: Vec<bool> = said.lines().map(|line| line.contains("signs in ")).collect();
    assert_eq!(does, [true, false], "{said}");

    let (succeeded, said) = server.run(&["keys", "rotate", "--type", "eddsa", "--now"]).await;
    assert!(succeeded && said.contains(" signs from now on"), "{said}");
    let signs = async {
        while person.head(&mut refresh_token).await == first {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(NOTICED, signs).await.expect("it is noticed");
    assert_eq!(person.published().await, 2);
    let root = server.root().to_owned();
    server.stop().await;
    let _ = std::fs::remove_dir_all(root);
}
