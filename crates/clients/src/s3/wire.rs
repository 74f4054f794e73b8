//! The way of requests to the store and of its answers: a silence that is too long ends them, wherever it falls, and
//! what they cost is counted. A request that goes on slowly is not silent, however long it takes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::meters::{self, Class};

/// A body goes on in pieces of so many bytes, so that its progress can be seen.
const PIECE: usize = 256 * 1024;

/// A silence is looked at so often before it is too long.
const LOOKS: u32 = 4;

/// So many bytes of a request may be in the buffers of the system, on their way at so many a second or more: the
/// store is not silent while they are.
const BUFFERS: u64 = 4 * 1024 * 1024;
const LEAST_RATE: u64 = 256 * 1024;

/// The other side said nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("silent for too long")]
pub(super) struct Silence;

/// A client over TLS by the platform's certificates (or those of `SSL_CERT_FILE`); its read time-out is the longest
/// silence. It knows no proxies.
pub(super) fn client() -> SharedHttpClient {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    let inner = Builder::new().tls_provider(provider).build_https();
    SharedHttpClient::new(Wire { inner })
}

#[derive(Debug)]
struct Wire {
    inner: SharedHttpClient,
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let mut plain = HttpConnectorSettings::builder();
        plain.set_connect_timeout(settings.connect_timeout());
        // The inner one's would end uploads that take longer than it.
        let inner = self.inner.http_connector(&plain.build(), components);
        SharedHttpConnector::new(Line { inner, silence: settings.read_timeout().unwrap_or(Duration::MAX) })
    }
}

#[derive(Debug)]
struct Line {
    inner: SharedHttpConnector,
    silence: Duration,
}

impl HttpConnector for Line {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        meters::request(class(request.method(), request.uri()));
        let progress = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&progress);
        let body = request.take_body();
        *request.body_mut() = SdkBody::from_body_1_x(Sent { body, rest: Bytes::new(), progress });
        let answer = self.inner.call(request);
        let silence = self.silence;
        HttpConnectorFuture::new(async move {
            let mut answer = heard(answer, &seen, silence).await?;
            let body = answer.take_body();
            *answer.body_mut() = SdkBody::from_body_1_x(Received { body, silence, patience: None });
            Ok(answer)
        })
    }
}

/// Waits for the answer as long as the request goes on.
async fn heard<T>(
    answer: impl Future<Output = Result<T, ConnectorError>>,
    progress: &AtomicU64,
    silence: Duration,
) -> Result<T, ConnectorError> {
    let mut answer = std::pin::pin!(answer);
    let (mut sent, mut quiet) = (0, Duration::ZERO);
    let look = silence / LOOKS;
    loop {
        if let Ok(answer) = tokio::time::timeout(look, &mut answer).await {
            return answer;
        }
        let now = progress.load(Ordering::Relaxed);
        quiet = if now == sent { quiet + look } else { Duration::ZERO };
        sent = now;
        let on_its_way = Duration::from_millis(1000 * sent.min(BUFFERS) / LEAST_RATE);
        if quiet >= silence + on_its_way {
            return Err(ConnectorError::timeout(Box::new(Silence)));
        }
    }
}

/// What a request costs, by the classes that Amazon's prices have.
fn class(method: &str, uri: &str) -> Class {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    match method {
        "DELETE" => Class::Free,
        "GET" if query.contains("list-type=") || query.contains("uploadId=") => Class::Put,
        "GET" | "HEAD" => Class::Get,
        _ => Class::Put,
    }
}

/// The body of a request, whose progress is told.
struct Sent {
    body: SdkBody,
    /// What is left of a piece that was too long.
    rest: Bytes,
    progress: Arc<AtomicU64>,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.progress.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = Body::size_hint(&self.body);
        let rest = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        // The lower bound first: the upper one may not be below it.
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// The body of an answer, which must not be silent for too long while somebody waits for it.
struct Received {
    body: SdkBody,
    silence: Duration,
    patience: Option<Pin<Box<Sleep>>>,
}

impl Body for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.patience = None;
            return Poll::Ready(frame);
        }
        let silence = self.silence;
        let sleep = move || Box::pin(tokio::time::sleep_until(Instant::now() + silence));
        match self.patience.get_or_insert_with(sleep).as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Box::new(Silence)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn requests_cost_what_amazon_says() {
        let uri = "https://b.s3.eu-central-1.amazonaws.com/uploads/x";
        let cases = [
            ("PUT", "", Class::Put),
            ("POST", "?uploads", Class::Put),
            ("GET", "", Class::Get),
            ("GET", "?list-type=2&prefix=uploads", Class::Put),
            ("GET", "?uploadId=x", Class::Put),
            ("HEAD", "", Class::Get),
            ("DELETE", "?uploadId=x", Class::Free),
        ];
        for (method, query, expected) in cases {
            assert_eq!(class(method, &format!("{uri}{query}")), expected, "{method} {query}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_goes_on_is_waited_for_and_a_silent_one_is_not() {
        let progress = AtomicU64::new(0);
        let began = Instant::now();
        let goes_on = async {
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_secs(3)).await;
                progress.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        heard(goes_on, &progress, Duration::from_secs(5)).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(90));
        let began = Instant::now();
        let silent = std::future::pending::<Result<(), ConnectorError>>();
        let error = heard(silent, &progress, Duration::from_secs(5)).await.unwrap_err();
        assert!(error.is_timeout() && began.elapsed() <= Duration::from_secs(7));
    }
}
