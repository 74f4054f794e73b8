//! The one HTTP client for everybody else's services. Every call has a bound in time and in bytes and is counted;
//! whether to try again is the caller's to decide, by [`Error::again`].

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, StatusCode};

use crate::{Again, Error};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection waits for the next call.
const IDLE: Duration = Duration::from_secs(60);

/// The most addresses that a call may be sent on to.
const MAX_REDIRECTS: usize = 3;

/// The longest pause that a service may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a call is bounded, and under which name it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The service's name in metrics and errors.
    pub service: &'static str,
    /// How long the call may take, its answer included.
    pub timeout: Duration,
    /// The largest answer, in bytes.
    pub max_bytes: usize,
}

/// An answer with a status of success.
#[derive(Debug)]
pub struct Answer {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// The client. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct WebClient(Client);

impl WebClient {
    /// Gets ready; connects to nobody yet.
    pub fn new() -> Result<Self, Error> {
        // It fails where one is installed already, which is the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("BrainMessenger/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::limited(MAX_REDIRECTS))
            .build();
        client.map(Self).map_err(|error| Error::ConfigureWeb(error.to_string()))
    }

    /// Asks for an address.
    pub async fn get(&self, url: &str, headers: HeaderMap, bounds: Bounds) -> Result<Answer, Error> {
        let request = self.0.get(url).headers(headers).build();
        let request = request.map_err(|error| Error::ConfigureWeb(error.without_url().to_string()))?;
        self.call(request, bounds).await
    }

    async fn call(&self, request: Request, bounds: Bounds) -> Result<Answer, Error> {
        let service = bounds.service;
        let called = tokio::time::timeout(bounds.timeout, self.answer(request, bounds)).await;
        let result = called.unwrap_or_else(|_| {
            Err(Error::Call { service, reason: "it took too long".to_owned(), again: Again::Later })
        });
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("clients_calls_total", "service" => service, "outcome" => outcome).increment(1);
        result
    }

    async fn answer(&self, request: Request, bounds: Bounds) -> Result<Answer, Error> {
        let service = bounds.service;
        let failed = |reason: String| Error::Call { service, reason, again: Again::Later };
        // An address may hold what nobody else should read.
        let broke = |error: reqwest::Error| failed(error.without_url().to_string());
        let mut response = self.0.execute(request).await.map_err(broke)?;
        let status = response.status();
        if !status.is_success() {
            let again = again(status, response.headers());
            return Err(Error::Call { service, reason: format!("it answered {status}"), again });
        }
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(broke)? {
            if body.len() + chunk.len() > bounds.max_bytes {
                return Err(failed(format!("its answer is larger than {} bytes", bounds.max_bytes)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { headers, body: body.freeze() })
    }
}

/// Whether a call with this answer may go better later.
fn again(status: StatusCode, headers: &HeaderMap) -> Again {
    if !status.is_server_error()
        && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
    {
        return Again::Never;
    }
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    asked.map_or(Again::Later, |seconds| Again::After(Duration::from_secs(seconds).min(MAX_PAUSE)))
}
