//! Calls to other people's services over HTTP: one client, with limits in time and size, counted by service.
//!
//! It follows no redirect and takes no proxy, because what a request carries is for one host, and it keeps no secret: callers hand
//! them in with each request. Whether a call may be repeated is for its caller to know; [`NoAnswer`] tells what is
//! certain, and [`Http::get`], which changes nothing, when another one may go better.

use std::pin::Pin;
use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use reqwest::redirect::Policy;

use crate::{Again, Error};

/// A request.
pub type Request = http::Request<Vec<u8>>;

/// An answer with its whole body.
pub type Response = http::Response<Vec<u8>>;

/// The longest pause that a service may ask for.
const MAX_PAUSE: Duration = Duration::from_hours(1);

const REQUESTS: &str = "clients_requests_total";
const SECONDS: &str = "clients_request_seconds";

/// Limits of a service's calls.
#[derive(Clone, Copy, Debug)]
pub struct HttpOptions {
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a call may take altogether.
    pub timeout: Duration,
    /// How large an answer may be, in bytes, its headers left out.
    pub max_answer_bytes: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_answer_bytes: 1024 * 1024,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The request is none that can be sent.
    #[error("the request cannot be sent")]
    Malformed,
    /// No connection came about: the service has not seen the request.
    #[error("the service cannot be reached")]
    Unreachable,
    /// The time ran out; the service may have done what was asked.
    #[error("the service did not answer in time")]
    Silent,
    /// The connection ended before the answer did; the service may have done what was asked.
    #[error("the service broke off")]
    Broken,
    /// The answer is larger than any that was expected.
    #[error("the answer is too large")]
    TooLarge,
}

impl NoAnswer {
    /// Whether a call that changes nothing may go better later.
    fn again(self) -> Again {
        match self {
            Self::Malformed => Again::Never,
            Self::Unreachable | Self::Silent | Self::Broken | Self::TooLarge => Again::Later,
        }
    }

    fn outcome(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Broken => "broken",
            Self::TooLarge => "too-large",
        }
    }
}

/// A client for one service. Cloning is cheap, and clones share their connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    service: &'static str,
    max_answer_bytes: usize,
}

impl Http {
    /// Gets ready; connects to nobody yet. `service` names the service in metrics.
    pub fn new(service: &'static str, options: HttpOptions) -> Result<Self, Error> {
        metrics::describe_counter!(REQUESTS, "Calls to other services, by service and outcome.");
        metrics::describe_histogram!(
            SECONDS,
            metrics::Unit::Seconds,
            "How long calls to other services took."
        );
        let client = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(Policy::none())
            // Without it the environment would be read for proxies.
            .no_proxy()
            .user_agent(concat!("BrainMessenger/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::ConfigureHttp(error.to_string()))?;
        Ok(Self { client, service, max_answer_bytes: options.max_answer_bytes })
    }

    /// Sends a request, once, and reads its answer, whatever its status.
    pub async fn send(&self, request: Request) -> Result<Response, NoAnswer> {
        let began = Instant::now();
        let result = self.try_send(request).await;
        let outcome = match &result {
            Ok(response) => response.status().as_str().to_owned(),
            Err(none) => none.outcome().to_owned(),
        };
        metrics::counter!(REQUESTS, "service" => self.service, "outcome" => outcome).increment(1);
        metrics::histogram!(SECONDS, "service" => self.service).record(began.elapsed());
        result
    }

    /// Asks for an address, once. An answer whose status is not one of success is an error.
    pub async fn get(&self, url: &str, headers: HeaderMap) -> Result<Response, Error> {
        let failed = |reason: String, again| Error::Call { service: self.service, reason, again };
        let unanswered = |none: NoAnswer| failed(none.to_string(), none.again());
        let request = http::Request::builder().method(Method::GET).uri(url).body(Vec::new());
        let mut request = request.map_err(|_| unanswered(NoAnswer::Malformed))?;
        *request.headers_mut() = headers;
        let answer = self.send(request).await.map_err(unanswered)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        Err(failed(format!("the service answered {status}"), again(status, answer.headers())))
    }

    async fn try_send(&self, request: Request) -> Result<Response, NoAnswer> {
        let request = reqwest::Request::try_from(request).map_err(|_| NoAnswer::Malformed)?;
        let mut answer = self.client.execute(request).await.map_err(|error| explain(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| explain(&error))? {
            if body.len() + chunk.len() > self.max_answer_bytes {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl<'c> oauth2::AsyncHttpClient<'c> for Http {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<Response, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: Request) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn explain(error: &reqwest::Error) -> NoAnswer {
    match () {
        () if error.is_builder() => NoAnswer::Malformed,
        () if error.is_connect() => NoAnswer::Unreachable,
        () if error.is_timeout() => NoAnswer::Silent,
        () => NoAnswer::Broken,
    }
}

/// Whether a call with this answer may go better later.
fn again(status: StatusCode, headers: &HeaderMap) -> Again {
    if !status.is_server_error()
        && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
    {
        return Again::Never;
    }
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    asked.map_or(Again::Later, |seconds| Again::After(Duration::from_secs(seconds).min(MAX_PAUSE)))
}

/// Whether a service may be called at this address: by HTTPS, or on this machine.
pub fn is_safe_address(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    !host.is_empty() && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here))
}

/// The value of `name=value&…` in the form that HTML forms have.
pub(crate) fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = oauth2::url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_encrypted() {
        for good in
            ["https://gmail.googleapis.com", "http://127.0.0.1:9999/x", "http://[::1]:1", "http://localhost"]
        {
            assert!(is_safe_address(good), "{good}");
        }
        for bad in [
            "http://gmail.googleapis.com",
            "ftp://localhost",
            "localhost:1",
            "",
            "https://",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(!is_safe_address(bad), "{bad}");
        }
    }

    #[test]
    fn the_status_says_whether_to_ask_again_and_the_header_when() {
        let of = |status: u16, pause: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, pause.parse().unwrap());
            again(StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert_eq!(of(503, "30"), Again::After(Duration::from_secs(30)));
        assert_eq!(of(429, "999999"), Again::After(MAX_PAUSE));
        assert_eq!(of(408, "soon"), Again::Later);
        assert_eq!([of(301, "1"), of(404, "1")], [Again::Never, Again::Never]);
        assert_eq!(again(StatusCode::BAD_GATEWAY, &HeaderMap::new()), Again::Later);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_large_answer_not_read() {
        use axum::response::Redirect;
        use axum::routing::get;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new()
            .route("/elsewhere", get(async || Redirect::temporary("/small")))
            .route("/small", get(async || "x".repeat(10)))
            .route("/large", get(async || "x".repeat(11)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = Http::new("test", HttpOptions { max_answer_bytes: 10, ..HttpOptions::default() }).unwrap();
        let ask = async |path: &str| {
            let asked = http.get(&format!("{address}{path}"), HeaderMap::new()).await;
            asked.map(|answer| answer.body().len()).map_err(|error| error.again())
        };
        assert_eq!(ask("/small").await, Ok(10));
        assert_eq!(ask("/elsewhere").await, Err(Again::Never));
        assert_eq!(ask("/large").await, Err(Again::Later));
        assert_eq!(ask(" no address").await, Err(Again::Never));
    }

    #[test]
    fn a_form_is_escaped() {
        assert_eq!(form(&[("a", "b c"), ("d", "&=ü")]), b"a=b+c&d=%26%3D%C3%BC");
    }
}
