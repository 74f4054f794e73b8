//! Work on pictures, a few at a time, on threads of its own: decoding takes a core for as long as it lasts, and
//! requests must not wait behind it. Who comes when everything is taken hears so at once.
//!
//! A turn is a core and a file in memory. What the pixels take is known once the file was looked at, and comes out of
//! a budget: once, and all at once, so that no two turns wait for each other.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{MAX_SOURCE_BYTES, PictureError, meters};

/// How many uploads may wait for each turn. They are on the disk meanwhile.
const UPLOADS_PER_SLOT: usize = 64;

/// How many changed pictures may: half as many, for whoever may read one picture may ask for any number of them.
const CHANGES_PER_SLOT: usize = 32;

/// How long somebody waits for a turn and for memory.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// How often a file is in memory in a turn: as it came, without metadata, and once more while that is made or decoded.
const FILES_PER_TURN: u64 = 3;

/// A unit of the budget.
const MIB: u64 = 1 << 20;

/// What a turn is for. Each has a line of its own, and they take turns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// Somebody uploads a picture.
    Upload,
    /// Somebody asks for another size or format.
    Change,
}

/// Those who work on pictures, and those who wait to. Cloning it is cheap, and clones are the same pool.
#[derive(Clone)]
pub(super) struct Pool {
    uploads: Line,
    changes: Line,
    /// Whose turn it is.
    slots: Arc<Semaphore>,
    budget: Budget,
    max_wait: Duration,
    max_work: Duration,
}

/// How much a pool does at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Turns at a time.
    pub(super) slots: usize,
    /// Uploads that may wait.
    pub(super) uploads: usize,
    /// Changed pictures that may wait.
    pub(super) changes: usize,
    /// What the pixels of all turns may take, in bytes.
    pub(super) pixel_bytes: u64,
    /// How long somebody waits for a turn and for memory.
    pub(super) max_wait: Duration,
    /// How long somebody waits for the work. What exceeds it goes on in its turn, for a thread cannot be stopped;
    /// the bounds in pixels end it.
    pub(super) max_work: Duration,
}

impl Extent {
    /// For this machine, where all work may take `memory` bytes. Leaves one core to everything else, where there are
    /// several, and half of the memory to pixels.
    pub(super) fn of_machine(memory: u64, max_work: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let files = MAX_SOURCE_BYTES * FILES_PER_TURN;
        let affordable = usize::try_from(memory / (2 * files)).unwrap_or(usize::MAX);
        let slots = cores.saturating_sub(1).min(affordable).max(1);
        Self {
            slots,
            uploads: slots * UPLOADS_PER_SLOT,
            changes: slots * CHANGES_PER_SLOT,
            pixel_bytes: memory.saturating_sub(slots as u64 * files),
            max_wait: MAX_WAIT,
            max_work,
        }
    }
}

#[derive(Clone)]
struct Line {
    /// Who may be here at all: those who wait and those whose turn it is.
    places: Arc<Semaphore>,
    /// The first of the line. It alone waits for a slot, so that of two lines neither stands behind all of the other.
    first: Arc<Semaphore>,
}

impl Line {
    fn of(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), first: Arc::new(Semaphore::new(1)) }
    }
}

/// The memory for pixels, in MiB.
#[derive(Clone)]
struct Budget {
    free: Arc<Semaphore>,
    total: u32,
}

/// Memory that was taken from a budget, until it is dropped.
struct Room {
    permit: Option<OwnedSemaphorePermit>,
    budget: Budget,
}

impl Budget {
    fn of(bytes: u64) -> Self {
        let total = u32::try_from((bytes / MIB).max(1)).unwrap_or(u32::MAX);
        let permits = usize::try_from(total).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(permits)), total }
    }

    /// Waits for `bytes`, in the order of coming; whoever wants more than there is gets all.
    async fn take(self, bytes: u64) -> Result<Room, PictureError> {
        let wanted = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX).min(self.total);
        let permit = Arc::clone(&self.free).acquire_many_owned(wanted).await;
        let permit = Some(permit.map_err(|_| PictureError::Busy)?);
        self.show();
        Ok(Room { permit, budget: self })
    }

    fn show(&self) {
        let taken = u64::from(self.total).saturating_sub(self.free.available_permits() as u64);
        meters::show_memory_bytes(taken * MIB);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.permit.take();
        self.budget.show();
    }
}

/// A turn, until it is dropped or its work has ended. Take it before reading a source, so that no more of them
/// are in memory than are worked on.
pub(in crate::files) struct Turn {
    held: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    budget: Budget,
    /// For how long it may still wait.
    patience: Duration,
    max_work: Duration,
}

fn busy() -> PictureError {
    meters::count_busy();
    PictureError::Busy
}

impl Pool {
    pub(super) fn with(extent: Extent) -> Self {
        let Extent { slots, uploads, changes, pixel_bytes, max_wait, max_work } = extent;
        Self {
            uploads: Line::of(slots + uploads),
            changes: Line::of(slots + changes),
            slots: Arc::new(Semaphore::new(slots)),
            budget: Budget::of(pixel_bytes),
            max_wait,
            max_work,
        }
    }

    /// Waits for a turn, in the order of coming among those who want the same.
    pub(super) async fn turn(&self, purpose: Purpose) -> Result<Turn, PictureError> {
        let line = match purpose {
            Purpose::Upload => &self.uploads,
            Purpose::Change => &self.changes,
        };
        let place = Arc::clone(&line.places).try_acquire_owned().map_err(|_| busy())?;
        let came = Instant::now();
        let slot = tokio::time::timeout(self.max_wait, async {
            let _first = line.first.acquire().await?;
            Arc::clone(&self.slots).acquire_owned().await
        });
        let slot = slot.await.map_err(|_| busy())?.map_err(|_| busy())?;
        let patience = self.max_wait.saturating_sub(came.elapsed());
        Ok(Turn { held: (place, slot), budget: self.budget.clone(), patience, max_work: self.max_work })
    }
}

impl Turn {
    /// What `source` gives, if a store does not take the turn's time with it.
    pub(super) async fn read<T>(
        &self,
        source: impl Future<Output = Result<T, PictureError>>,
    ) -> Result<T, PictureError> {
        tokio::time::timeout(self.max_work, source).await.unwrap_or(Err(PictureError::TooSlow))
    }

    /// Works where it may take its time: `prepare` looks at what there is to do and says how many bytes of memory that
    /// takes, `work` does it once they are there. A panic of a decoder is an error like others.
    pub(super) async fn run<P: Send + 'static, T: Send + 'static>(
        self,
        prepare: impl FnOnce() -> Result<(P, u64), PictureError> + Send + 'static,
        work: impl FnOnce(P) -> Result<T, PictureError> + Send + 'static,
    ) -> Result<T, PictureError> {
        let Self { held, budget, patience, max_work } = self;
        let preparing = move || {
            // The work goes on when nobody waits for it any more, so its turn must last as long.
            let held = held;
            let started = Instant::now();
            let (prepared, bytes) =
                prepare().inspect_err(|error| meters::count_refused(started.elapsed(), error))?;
            Ok((held, prepared, bytes, started.elapsed()))
        };
        let (held, prepared, bytes, took) = apart(max_work, preparing).await?;
        let room = tokio::time::timeout(patience, budget.take(bytes)).await.map_err(|_| busy())??;
        let working = move || {
            let _held = (held, room);
            let started = Instant::now();
            let result = work(prepared);
            match &result {
                Ok(_) => meters::count_made(took + started.elapsed()),
                Err(error) => meters::count_refused(took + started.elapsed(), error),
            }
            result
        };
        apart(max_work, working).await
    }
}

/// What `work` gives, on a thread that no request runs on, if it takes no longer than `max_work`.
async fn apart<T: Send + 'static>(
    max_work: Duration,
    work: impl FnOnce() -> Result<T, PictureError> + Send + 'static,
) -> Result<T, PictureError> {
    match tokio::time::timeout(max_work, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => {
            tracing::error!(%error, "work on a picture was cut short");
            Err(PictureError::Failed("the work was cut short".to_owned()))
        }
        Err(_) => Err(PictureError::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::Purpose::{Change, Upload};
    use super::*;

    const LONG: Duration = Duration::from_mins(1);
    const EXTENT: Extent =
        Extent { slots: 1, uploads: 1, changes: 1, pixel_bytes: 10 * MIB, max_wait: LONG, max_work: LONG };

    fn waiting(pool: &Pool, purpose: Purpose) -> tokio::task::JoinHandle<Result<Turn, PictureError>> {
        let pool = pool.clone();
        tokio::spawn(async move { pool.turn(purpose).await })
    }

    async fn run<T: Send + 'static>(
        turn: Turn,
        work: impl FnOnce() -> Result<T, PictureError> + Send + 'static,
    ) -> Result<T, PictureError> {
        turn.run(|| Ok(((), 1)), |()| work()).await
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_sent_away_and_uploads_have_their_own() {
        let pool = Pool::with(EXTENT);
        let first = pool.turn(Change).await.unwrap();
        let second = waiting(&pool, Change);
        while pool.changes.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.turn(Change).await.err(), Some(PictureError::Busy));
        let upload = waiting(&pool, Upload);
        tokio::task::yield_now().await;
        drop(first);
        drop(second.await.unwrap().unwrap());
        assert!(upload.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn an_upload_waits_for_one_change_and_not_for_all() {
        let pool = Pool::with(Extent { changes: 50, ..EXTENT });
        let first = pool.turn(Change).await.unwrap();
        let change = |_| {
            let pool = pool.clone();
            tokio::spawn(async move { drop(pool.turn(Change).await.unwrap()) })
        };
        let changes: Vec<_> = (0..50).map(change).collect();
        while pool.changes.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let upload = waiting(&pool, Upload);
        while pool.uploads.places.available_permits() == 2 {
            tokio::task::yield_now().await;
        }
        drop(first);
        let uploaded = upload.await.unwrap().unwrap();
        let done = changes.iter().filter(|change| change.is_finished()).count();
        assert!(done <= 1, "{done} changes were before it");
        drop(uploaded);
        for change in changes {
            change.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_without_end() {
        let pool = Pool::with(Extent { max_wait: Duration::from_secs(1), ..EXTENT });
        let _held = pool.turn(Upload).await.unwrap();
        assert_eq!(pool.turn(Upload).await.err(), Some(PictureError::Busy));
    }

    #[tokio::test]
    async fn memory_is_taken_all_at_once_or_not_at_all() {
        let pool = Pool::with(Extent { slots: 3, max_wait: Duration::from_millis(50), ..EXTENT });
        let (end, ended) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let turn = pool.turn(Upload).await.unwrap();
        let large = tokio::spawn(turn.run(
            || Ok(((), 100 * MIB)),
            move |()| {
                let _ = begun.send(());
                ended.recv().map_err(|_| PictureError::NotAnImage)
            },
        ));
        begins.await.unwrap();
        assert_eq!(pool.budget.free.available_permits(), 0, "more than all is all");
        let turn = pool.turn(Upload).await.unwrap();
        assert_eq!(run(turn, || Ok(1)).await, Err(PictureError::Busy));
        end.send(()).unwrap();
        assert_eq!(large.await.unwrap(), Ok(()));
        assert_eq!(run(pool.turn(Upload).await.unwrap(), || Ok(1)).await, Ok(1));
        assert_eq!(pool.budget.free.available_permits(), 10);
    }

    #[test]
    fn the_files_of_all_turns_leave_half_of_the_memory_to_pixels() {
        for mib in [1, 64, 256, 1024, 1 << 20] {
            let extent = Extent::of_machine(mib * MIB, LONG);
            assert!(extent.slots >= 1);
            let files = extent.slots as u64 * 75 * MIB;
            assert!(extent.slots == 1 || files * 2 <= mib * MIB, "{mib}: {extent:?}");
            assert!(extent.slots == 1 || files + extent.pixel_bytes == mib * MIB);
        }
    }

    #[tokio::test]
    async fn work_that_is_too_slow_keeps_its_turn_until_it_ends() {
        let max_work = Duration::from_millis(1);
        let pool = Pool::with(Extent { uploads: 0, changes: 0, max_work, ..EXTENT });
        let (end, ended) = mpsc::channel::<()>();
        let work = move || ended.recv().map_err(|_| PictureError::NotAnImage);
        let turn = pool.turn(Upload).await.unwrap();
        assert_eq!(turn.run(move || work().map(|()| ((), 1)), Ok).await, Err(PictureError::TooSlow));
        assert_eq!(pool.turn(Upload).await.err(), Some(PictureError::Busy));
        end.send(()).unwrap();
        while pool.slots.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(pool.turn(Upload).await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_ends_nothing_but_its_own_work() {
        let pool = Pool::with(EXTENT);
        let work = || -> Result<(), PictureError> { panic!("a decoder's") };
        let turn = pool.turn(Upload).await.unwrap();
        assert!(matches!(run(turn, work).await, Err(PictureError::Failed(_))));
        assert_eq!(run(pool.turn(Upload).await.unwrap(), || Ok(1)).await, Ok(1));
    }
}
