//! An engine behind its routes, asked over HTTP and WebSocket.

use std::time::Duration;

use axum::Router;
use base::authenticate::Authenticator;
use base::clock::Clock;
use futures::{SinkExt, StreamExt};
use graphql::http::Endpoint;
use graphql::metadata_api::Mode;
use graphql::{EndpointOptions, EngineOptions};
use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::world::World;

const SECRET: &str = "the administrator's";

/// Who asks.
pub(crate) const ADMIN: &[(&str, &str)] = &[("x-hasura-admin-secret", SECRET)];
pub(crate) const ANN: &[(&str, &str)] =
    &[("x-hasura-admin-secret", SECRET), ("x-hasura-role", "user"), ("x-hasura-user-id", crate::world::ANN)];
pub(crate) const NOBODY: &[(&str, &str)] = &[];

pub(crate) struct Served {
    pub(crate) world: World,
    router: Router,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(EngineOptions::default(), EndpointOptions::default(), Mode::Change).await
    }

    pub(crate) async fn with(engine: EngineOptions, endpoint: EndpointOptions, mode: Mode) -> Self {
        let world = World::with(engine).await;
        let authenticator =
            Authenticator::new(Some(SecretString::from(SECRET)), None, Some("public".to_owned()));
        let clock = Clock::manual(1_000);
        let served = Endpoint::new(world.engine.clone(), authenticator, clock, CancellationToken::new());
        let served = served.with(endpoint);
        let router = graphql::http::router(served.clone(), &["/v1/graphql"]);
        Self { world, router: router.merge(graphql::metadata_api::router(served, mode)) }
    }

    /// The answer to a body.
    pub(crate) async fn post(
        &self,
        path: &str,
        who: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> (StatusCode, Value) {
        let mut request = http::Request::post(path).header("content-type", "application/json");
        for (name, value) in who {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::from(body.into())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}")))
    }

    /// The answer to a query.
    pub(crate) async fn ask(&self, who: &[(&str, &str)], query: &str) -> Value {
        let (status, answer) = self.post("/v1/graphql", who, json!({"query": query}).to_string()).await;
        assert_eq!(status, StatusCode::OK);
        answer
    }

    /// The code of the error that a query gets.
    pub(crate) async fn code(&self, who: &[(&str, &str)], query: &str) -> String {
        let answer = self.ask(who, query).await;
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The answer to a command of the administrator's.
    pub(crate) async fn command(&self, kind: &str, args: Value) -> (StatusCode, Value) {
        self.post("/v1/metadata", ADMIN, json!({"type": kind, "args": args}).to_string()).await
    }

    /// The answer to a command that must succeed.
    pub(crate) async fn done(&self, kind: &str, args: Value) -> Value {
        let (status, answer) = self.command(kind, args).await;
        assert_eq!(status, StatusCode::OK, "{kind}: {answer}");
        answer
    }

    /// The code and text of the error that a command gets.
    pub(crate) async fn refused(&self, kind: &str, args: Value) -> (String, String, String) {
        let (status, answer) = self.command(kind, args).await;
        assert_ne!(status, StatusCode::OK, "{kind}: {answer}");
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        (text("code"), text("path"), text("error"))
    }

    /// Runs SQL and gives its rows.
    pub(crate) async fn sql(&self, sql: &str) -> Value {
        self.done("run_sql", json!({"sql": sql})).await["result"].take()
    }

    /// Asks until the answer is as wished, for a while.
    pub(crate) async fn until(
        &self,
        who: &[(&str, &str)],
        query: &str,
        wished: impl Fn(&Value) -> bool,
    ) -> Value {
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.ask(who, query).await;
            if wished(&answer) {
                return answer;
            }
            assert!(tokio::time::Instant::now() < until, "{query} still answers {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Serves on an address of its own, and gives it.
    pub(crate) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("ws://{address}/v1/graphql")
    }
}

/// A socket that speaks `graphql-transport-ws`.
pub(crate) struct Socket(
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Socket {
    /// Connects and introduces itself; the answer is read by the caller.
    pub(crate) async fn open(address: &str, who: &[(&str, &str)]) -> Self {
        let mut request = address.into_client_request().unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut socket = Self(socket);
        let headers: serde_json::Map<_, _> =
            who.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        socket.say(&json!({"type": "connection_init", "payload": {"headers": headers}})).await;
        socket
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        // A socket that is closed already says why when it is read.
        let _ = self.0.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(&json!({"type": "subscribe", "id": id, "payload": {"query": query}})).await;
    }

    /// The next message, or the code with which the socket closed.
    pub(crate) async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await.expect("in time");
            match next {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }
}
