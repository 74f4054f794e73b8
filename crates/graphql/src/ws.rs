//! GraphQL over WebSocket: the sub-protocol `graphql-transport-ws`, and the older `graphql-ws`.
//!
//! One task a socket. It reads, it sends what its operations have to say, and while it waits for a slow client
//! it does neither: an operation's stream holds only the latest state, so nothing piles up.

mod close;
mod protocol;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{AbortHandle, BoxStream, SelectAll, StreamExt, abortable};
use tokio::time::Instant;

use crate::engine::Caller;
use crate::http::{Endpoint, refused_error};
use crate::sockets::Place;
use close::Close;
use protocol::{Dialect, FromClient, InitPayload};

/// After this many times of asking without an answer the other side counts as gone.
const SILENT_PINGS: u32 = 3;

/// How long a message may take to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) async fn upgrade(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.protocols(Dialect::NAMES).max_message_size(endpoint.options.body_bytes);
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let place = endpoint.sockets.enter();
    upgrade.on_upgrade(move |socket| async move {
        let dialect = socket.protocol().and_then(|name| name.to_str().ok()).and_then(Dialect::named);
        let mut connection = Connection {
            dialect: dialect.unwrap_or(Dialect::Transport),
            socket,
            endpoint,
            headers,
            peer,
            place,
            session: None,
            revoked: futures::future::pending().boxed(),
            operations: HashMap::new(),
            started: 0,
            events: SelectAll::new(),
        };
        let close = match (&connection.place, dialect) {
            (None, _) => Some(Close::TOO_MANY_SOCKETS),
            (_, None) => Some(Close::SUBPROTOCOL),
            _ => connection.run().await,
        };
        connection.close(close).await;
    })
}

/// What an operation has to say.
struct Event {
    operation: Operation,
    said: Said,
}

enum Said {
    Next(Result<bytes::Bytes, GraphqlError>),
    Complete,
}

/// An operation: the client's name for it, and a number of ours, since names are used again.
#[derive(Clone)]
struct Operation {
    id: String,
    number: u64,
}

struct Connection {
    dialect: Dialect,
    socket: WebSocket,
    endpoint: Arc<Endpoint>,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
    place: Option<Place>,
    session: Option<Session>,
    /// Ends when the session is revoked.
    revoked: BoxFuture<'static, ()>,
    operations: HashMap<String, (u64, AbortHandle)>,
    started: u64,
    events: SelectAll<BoxStream<'static, Event>>,
}

impl Connection {
    /// Serves the socket until there is a reason to close it; `None` when the other side is gone.
    async fn run(&mut self) -> Option<Close> {
        let opened = Instant::now();
        let mut last_heard = opened;
        let mut ping = tokio::time::interval(self.endpoint.options.keep_alive);
        ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stop = self.endpoint.stop.clone();
        loop {
            let deadline = self.deadline(opened);
            tokio::select! {
                message = self.socket.recv() => {
                    last_heard = Instant::now();
                    match self.receive(message?.ok()?).await {
                        Ok(()) => {}
                        Err(close) => return Some(close),
                    }
                }
                Some(event) = self.events.next() => self.tell(event).await.ok()?,
                () = tokio::time::sleep_until(deadline) => {
                    return Some(if self.session.is_some() { Close::EXPIRED } else { Close::INIT_TIMEOUT });
                }
                _ = ping.tick() => {
                    if last_heard.elapsed() > self.endpoint.options.keep_alive * SILENT_PINGS {
                        return None;
                    }
                    let sign = self.dialect.keep_alive().map(|text| Message::Text(text.into()));
                    self.send(sign.unwrap_or(Message::Ping(bytes::Bytes::new()))).await.ok()?;
                }
                () = &mut self.revoked => return Some(Close::REVOKED),
                () = stop.cancelled() => return Some(Close::GOING_AWAY),
            }
        }
    }

    /// When the socket must close: when nobody has introduced themselves, or when their token ends.
    fn deadline(&self, opened: Instant) -> Instant {
        match &self.session {
            None => opened + self.endpoint.options.init_timeout,
            Some(session) => {
                let left =
                    session.expires_at().map(|end| end.saturating_sub(self.endpoint.clock.unix_seconds()));
                // An hour is as good as never: it is asked again.
                let left = left.map_or(3_600, |left| left.clamp(0, 3_600));
                Instant::now() + Duration::from_secs(u64::try_from(left).unwrap_or(0))
            }
        }
    }

    async fn receive(&mut self, message: Message) -> Result<(), Close> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::BINARY),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Close::NORMAL),
        };
        let Some(message) = self.dialect.read(&text) else {
            return self.mistake(None, Close::NO_MESSAGE).await;
        };
        match message {
            FromClient::Init(payload) => self.init(payload).await,
            FromClient::Ping => self.send_text(Dialect::pong()).await,
            FromClient::Pong => Ok(()),
            FromClient::Subscribe(id, body) => match self.subscribe(&id, body.into()) {
                Ok(()) => Ok(()),
                Err(close) => self.mistake(Some(&id), close).await,
            },
            FromClient::Complete(id) => {
                if let Some((_, operation)) = self.operations.remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
            FromClient::Terminate => Err(Close::NORMAL),
        }
    }

    /// Tells the client of a mistake, or closes the socket, as the dialect has it.
    async fn mistake(&mut self, id: Option<&str>, close: Close) -> Result<(), Close> {
        let text = self.dialect.mistake(id, close)?;
        self.send_text(text).await
    }

    async fn init(&mut self, payload: InitPayload) -> Result<(), Close> {
        if self.session.is_some() {
            return Err(Close::TOO_MANY_INITS);
        }
        let mut headers = self.headers.clone();
        for (name, value) in payload.headers {
            let name = HeaderName::try_from(name.to_ascii_lowercase());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        let session = self.endpoint.authenticator.session(&headers);
        let session = session.map_err(|refused| Close::forbidden(&refused_error(&refused).message))?;
        let user = session.variable("x-hasura-user-id");
        if !self.place.as_mut().is_some_and(|place| place.belongs_to(user)) {
            return Err(Close::TOO_MANY_SOCKETS);
        }
        if let Some(revocations) = &self.endpoint.revocations {
            self.revoked = revocations.revoked(&session);
        }
        self.session = Some(session);
        self.send_text(Dialect::ack()).await
    }

    fn subscribe(&mut self, id: &str, request: GraphqlRequest) -> Result<(), Close> {
        let session = self.session.as_ref().ok_or(Close::UNAUTHORIZED)?;
        if self.operations.contains_key(id) {
            return Err(Close::subscriber_exists(id));
        }
        if self.operations.len() >= self.endpoint.options.operations {
            return Err(Close::TOO_MANY_OPERATIONS);
        }
        let states = match self.endpoint.count(session, self.peer, 1) {
            Ok(()) => self.endpoint.engine.watch_for(Caller::Client, session, request),
            Err(refused) => futures::stream::once(async { Err(refused) }).boxed(),
        };
        let (states, abort) = abortable(states);
        self.started += 1;
        let operation = Operation { id: id.to_owned(), number: self.started };
        let last = Event { operation: operation.clone(), said: Said::Complete };
        let next = states.map(move |state| Event { operation: operation.clone(), said: Said::Next(state) });
        self.events.push(next.chain(futures::stream::once(async { last })).boxed());
        self.operations.insert(id.to_owned(), (self.started, abort));
        Ok(())
    }

    /// Tells the client what an operation has to say, unless the client has ended it meanwhile.
    async fn tell(&mut self, event: Event) -> Result<(), Close> {
        let Operation { id, number } = event.operation;
        if self.operations.get(&id).is_none_or(|(current, _)| *current != number) {
            return Ok(());
        }
        match event.said {
            Said::Next(Ok(data)) => self.send_text(self.dialect.next(&id, &data)).await,
            Said::Next(Err(error)) => {
                // An error ends the operation; no `complete` follows it in the newer dialect.
                self.operations.remove(&id);
                let shown = self.endpoint.shown(self.session.as_ref());
                self.send_text(self.dialect.error(&id, &error, shown)).await
            }
            Said::Complete => {
                self.operations.remove(&id);
                self.send_text(Dialect::complete(&id)).await
            }
        }
    }

    async fn send_text(&mut self, text: String) -> Result<(), Close> {
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message; a client that does not take it in time is given up.
    async fn send(&mut self, message: Message) -> Result<(), Close> {
        match tokio::time::timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Close::TOO_SLOW),
        }
    }

    async fn close(&mut self, close: Option<Close>) {
        for (_, operation) in self.operations.values() {
            operation.abort();
        }
        if let Some(close) = close {
            let frame = CloseFrame { code: close.code, reason: close.reason.into_owned().into() };
            let farewell = self.socket.send(Message::Close(Some(frame)));
            // Whether it arrives does not matter any more.
            let _ = tokio::time::timeout(Duration::from_secs(2), farewell).await;
        }
    }
}
