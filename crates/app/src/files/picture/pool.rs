//! Work on pictures, a few at a time, on threads of its own: decoding takes a core for as long as it lasts, and
//! requests must not wait behind it. Who comes when everything is taken hears so at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::details::{Examined, examine};
use super::{PictureError, meters};

/// How many may wait for each turn.
const WAITING_PER_SLOT: usize = 64;

/// How long somebody waits for a turn.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// How long somebody waits for the work. What exceeds it goes on in its turn, for a thread cannot be stopped;
/// the bounds in pixels end it.
const MAX_WORK: Duration = Duration::from_secs(30);

/// Those who work on pictures, and those who wait to. Cloning it is cheap, and clones are the same pool.
#[derive(Clone)]
pub(in crate::files) struct Pool {
    /// Who may be here at all: those who wait and those whose turn it is.
    places: Arc<Semaphore>,
    /// Whose turn it is.
    slots: Arc<Semaphore>,
    max_wait: Duration,
    max_work: Duration,
}

/// A turn, until it is dropped or its work has ended. Take it before reading a source, so that no more of them
/// are in memory than are worked on.
pub(in crate::files) struct Turn {
    held: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    max_work: Duration,
}

impl Pool {
    /// Leaves one core to everything else, where there are several.
    pub(in crate::files) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with(cores.saturating_sub(1).max(1), WAITING_PER_SLOT, MAX_WAIT, MAX_WORK)
    }

    /// A pool of `slots` turns, with so many places to wait for each.
    pub(super) fn with(slots: usize, waiting: usize, max_wait: Duration, max_work: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(slots * (1 + waiting))),
            slots: Arc::new(Semaphore::new(slots)),
            max_wait,
            max_work,
        }
    }

    /// Waits for a turn, in the order of coming.
    pub(in crate::files) async fn turn(&self) -> Result<Turn, PictureError> {
        let busy = || {
            meters::count_busy();
            PictureError::Busy
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let slot = tokio::time::timeout(self.max_wait, Arc::clone(&self.slots).acquire_owned()).await;
        let slot = slot.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Turn { held: (place, slot), max_work: self.max_work })
    }
}

impl Turn {
    /// Takes the metadata out of a picture and looks at it; `None` for what is no picture.
    ///
    /// [`PictureError::Malformed`] and [`PictureError::TooLarge`] mean that nobody can tell what is in the file: it
    /// must not be served as a picture.
    pub(in crate::files) async fn examine(self, bytes: Bytes) -> Result<Option<Examined>, PictureError> {
        self.run(move || examine(&bytes)).await
    }

    /// Works where it may take its time. A panic of a decoder is an error like others.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, PictureError> + Send + 'static,
    ) -> Result<T, PictureError> {
        let Self { held, max_work } = self;
        let working = tokio::task::spawn_blocking(move || {
            // The work goes on when nobody waits for it any more, so its turn must last as long.
            let _held = held;
            let started = Instant::now();
            let result = work();
            meters::count_work(started.elapsed(), &result);
            result
        });
        match tokio::time::timeout(max_work, working).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                tracing::error!(%error, "work on a picture was cut short");
                Err(PictureError::Failed("the work was cut short".to_owned()))
            }
            Err(_) => Err(PictureError::TooSlow),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_sent_away() {
        let pool = Pool::with(1, 1, LONG, LONG);
        let first = pool.turn().await.unwrap();
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.turn().await }
        });
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.turn().await.err(), Some(PictureError::Busy));
        drop(first);
        assert!(second.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_without_end() {
        let pool = Pool::with(1, 5, Duration::from_secs(1), LONG);
        let _held = pool.turn().await.unwrap();
        assert_eq!(pool.turn().await.err(), Some(PictureError::Busy));
    }

    #[tokio::test]
    async fn work_that_is_too_slow_keeps_its_turn_until_it_ends() {
        let pool = Pool::with(1, 0, LONG, Duration::from_millis(1));
        let (end, ended) = mpsc::channel::<()>();
        let work = move || ended.recv().map_err(|_| PictureError::NotAnImage);
        assert_eq!(pool.turn().await.unwrap().run(work).await, Err(PictureError::TooSlow));
        assert_eq!(pool.turn().await.err(), Some(PictureError::Busy));
        end.send(()).unwrap();
        while pool.slots.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.turn().await.unwrap().run(|| Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_ends_nothing_but_its_own_work() {
        let pool = Pool::with(1, 0, LONG, LONG);
        let work = || -> Result<(), PictureError> { panic!("a decoder's") };
        assert!(matches!(pool.turn().await.unwrap().run(work).await, Err(PictureError::Failed(_))));
        assert_eq!(pool.turn().await.unwrap().run(|| Ok(1)).await, Ok(1));
    }
}
