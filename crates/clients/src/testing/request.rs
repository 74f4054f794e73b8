//! The body of a request, of which the store may want nothing.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::poll_fn;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// How long a client may go on sending what nobody wants.
const LINGER: Duration = Duration::from_secs(10);

/// A body whose rest can still be read when whoever took it has let it go.
#[derive(Clone)]
pub(super) struct Remaining(Arc<Mutex<Incoming>>);

impl Remaining {
    pub(super) fn new(body: Incoming) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads what is left, and throws it away. A connection that is closed on what its client is still sending takes
    /// the answer with it: the real store lets the client end first.
    pub(super) async fn drain(mut self) {
        let rest = async {
            while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {}
        };
        let _ = tokio::time::timeout(LINGER, rest).await;
    }

    fn body(&self) -> MutexGuard<'_, Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for Remaining {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
