use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;

use super::*;
use crate::http::HttpOptions;

#[tokio::test]
async fn a_failure_that_took_long_is_remembered_from_its_end() {
    let (clock, asked) = (Clock::manual(1_000), Arc::new(AtomicUsize::new(0)));
    let (seen, moved) = (Arc::clone(&asked), clock.clone());
    let slow = async move || {
        seen.fetch_add(1, Ordering::SeqCst);
        moved.advance(30);
        StatusCode::SERVICE_UNAVAILABLE
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let router = Router::new().route("/token", post(slow));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let source = Source::Given(Credentials::RefreshToken {
        client_id: "client".to_owned(),
        client_secret: "secret".to_owned().into(),
        refresh_token: "refresh".to_owned().into(),
    });
    let options = TokenOptions { source, scope: "test", token_url: Some(url) };
    let http = Http::new("test", HttpOptions::default()).unwrap();
    let tokens = Tokens::new(http, options, clock.clone());
    for asks in [1, 1, 2] {
        assert!(tokens.token().await.unwrap_err().may_pass());
        assert_eq!(asked.load(Ordering::SeqCst), asks);
        if asks == 1 {
            clock.advance(PAUSE_SECONDS - 1);
        }
    }
}
