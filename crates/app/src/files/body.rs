//! The body of an upload as a stream that can neither stall nor trickle for ever, nor make the form's reader hoard it.
//!
//! The multipart reader takes all that a stream has ready before it hands anything on, and looks for the end
//! of a part's headers in as much as comes. So this stream pauses after each piece, and ends with an error
//! when a part's headers go on for too long.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use super::limits::Pace;

/// How long the rest of a refused upload is read.
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// Why the body ends too soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// Nothing came for too long, or all of it too slowly.
    #[error("nothing came for too long, or all of it too slowly")]
    Stalled,
    /// The connection broke.
    #[error("the connection broke")]
    BrokenOff,
    /// A form field's headers are longer than allowed.
    #[error("a form field's headers are too long")]
    LongPartHeaders,
}

/// A request's body. Clones are the same body: one reads the form, another what is left after a failure.
#[derive(Clone)]
pub(super) struct UploadBody(Arc<Mutex<Reading>>);

struct Reading {
    data: BodyDataStream,
    pace: Pace,
    received: u64,
    /// How long the client was waited for, before now.
    waited: Duration,
    waiting_since: Option<Instant>,
    /// When the client is given up, while it is waited for.
    deadline: Pin<Box<Sleep>>,
    /// What may still come before the next part's content begins; `None` while content is read.
    headers_left: Option<usize>,
    pause: bool,
    over: bool,
}

impl UploadBody {
    /// The body of a request whose client must send at this pace.
    pub(super) fn new(body: Body, pace: Pace) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            data: body.into_data_stream(),
            pace,
            received: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            deadline: Box::pin(tokio::time::sleep(pace.stall)),
            headers_left: None,
            pause: false,
            over: false,
        })))
    }

    /// From here on a part's headers are read: at most about `bytes` of them.
    pub(super) fn expect_headers(&self, bytes: usize) {
        self.lock().headers_left = Some(bytes);
    }

    /// From here on a part's content is read, whose length the reader watches.
    pub(super) fn expect_content(&self) {
        self.lock().headers_left = None;
    }

    /// Reads and forgets what is left, up to `at_most` bytes: a client that is still sending would see a
    /// broken connection instead of the answer.
    pub(super) async fn discard_rest(mut self, at_most: u64) {
        self.expect_content();
        let discard = async {
            let mut left = at_most;
            while let Some(Ok(chunk)) = self.next().await {
                left = left.saturating_sub(chunk.len() as u64);
                if left == 0 {
                    break;
                }
            }
        };
        // Whether it was all or not: there is nothing else to do for this client.
        let _ = tokio::time::timeout(DISCARD_TIME, discard).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for UploadBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut reading = self.lock();
        if reading.over {
            return Poll::Ready(None);
        }
        if std::mem::take(&mut reading.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = ready!(reading.poll_piece(cx));
        match &piece {
            Some(Ok(_)) => reading.pause = true,
            Some(Err(_)) | None => reading.over = true,
        }
        Poll::Ready(piece)
    }
}

impl Reading {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let Poll::Ready(piece) = self.data.poll_next_unpin(cx) else {
            if self.waiting_since.is_none() {
                let now = Instant::now();
                self.waiting_since = Some(now);
                let until = now + self.patience();
                self.deadline.as_mut().reset(until);
            }
            return self.deadline.as_mut().poll(cx).map(|()| Some(Err(BodyError::Stalled)));
        };
        if let Some(since) = self.waiting_since.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
        Poll::Ready(match piece {
            Some(Ok(chunk)) => {
                self.received = self.received.saturating_add(chunk.len() as u64);
                Some(self.within_headers(chunk))
            }
            Some(Err(_)) => Some(Err(BodyError::BrokenOff)),
            None => None,
        })
    }

    /// For how long the next piece is waited for.
    fn patience(&self) -> Duration {
        self.pace.stall.min(self.pace.time_for(self.received).saturating_sub(self.waited))
    }

    /// A chunk may reach beyond the headers, so it is refused only when the ones before used them up.
    fn within_headers(&mut self, chunk: Bytes) -> Result<Bytes, BodyError> {
        match &mut self.headers_left {
            Some(0) => Err(BodyError::LongPartHeaders),
            Some(left) => {
                *left = left.saturating_sub(chunk.len());
                Ok(chunk)
            }
            None => Ok(chunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: &[&'static [u8]]) -> UploadBody {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk))).collect();
        UploadBody::new(Body::from_stream(futures::stream::iter(chunks)), Pace::default())
    }

    #[tokio::test]
    async fn headers_without_an_end_are_refused() {
        let mut body = body(&[b"0123456789", b"0123456789", b"0123456789"]);
        body.expect_headers(15);
        assert!(body.next().await.unwrap().is_ok());
        assert!(body.next().await.unwrap().is_ok());
        assert_eq!(body.next().await.unwrap(), Err(BodyError::LongPartHeaders));
        assert!(body.next().await.is_none());
    }

    #[tokio::test]
    async fn one_poll_round_takes_one_piece() {
        let mut body = body(&[b"a", b"b"]);
        let mut rounds = 0;
        let all = futures::future::poll_fn(|cx| {
            rounds += 1;
            let mut taken = 0;
            loop {
                match body.poll_next_unpin(cx) {
                    Poll::Ready(Some(_)) => taken += 1,
                    Poll::Ready(None) => return Poll::Ready(taken),
                    Poll::Pending => {
                        assert!(taken <= 1);
                        return Poll::Pending;
                    }
                }
            }
        });
        all.await;
        assert!(rounds >= 3, "{rounds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_given_up() {
        let silent = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let mut body = UploadBody::new(silent, Pace::default());
        assert_eq!(body.next().await, Some(Err(BodyError::Stalled)));
    }

    /// A body of so many pieces, one each so many seconds.
    fn slow(piece: &'static [u8], pieces: usize, every: u64) -> UploadBody {
        let pieces = futures::stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(every)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(piece))
        });
        UploadBody::new(Body::from_stream(pieces), Pace::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_trickles_is_given_up() {
        let begun = Instant::now();
        let mut body = slow(b"x", 1000, 29);
        let ended = loop {
            match body.next().await {
                Some(Ok(_)) => {}
                ended => break ended,
            }
        };
        assert_eq!((ended, begun.elapsed().as_secs()), (Some(Err(BodyError::Stalled)), 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_is_a_line_and_the_server_may_be_slow_itself() {
        const TEN_KIB: &[u8] = &[0; 10 << 10];
        let mut body = slow(TEN_KIB, 1000, 1);
        let mut pieces = 0;
        while let Some(piece) = body.next().await {
            piece.unwrap();
            pieces += 1;
            if pieces == 500 {
                tokio::time::sleep(Duration::from_hours(1)).await;
            }
        }
        assert_eq!(pieces, 1000);
    }
}
