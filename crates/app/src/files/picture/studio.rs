//! Where changed pictures come from: the cache, or a turn of the pool. However many ask for the same one at the
//! same time, it is made once.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base::ids::FileId;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use sha2::{Digest as _, Sha256};

use super::cache::{Cache, Kept, Key};
use super::details::Examined;
use super::pool::{Extent, Pool, Purpose, Turn};
use super::stripped::Stripped;
use super::transform::Change;
use super::{Format, Options, PictureError, meters};

/// Changes when the same options make other bytes than before, so that nobody's cache mixes the two.
const GENERATION: &str = "2";

/// Works on pictures, makes changed ones, and keeps those. Cloning it is cheap, and clones are the same studio.
#[derive(Clone)]
pub struct Studio(Arc<Inner>);

struct Inner {
    pool: Pool,
    cache: Cache,
    making: Mutex<HashMap<Key, Making>>,
}

/// A picture that is being made. It stays here for as long as the work lasts, which nobody can stop.
struct Making {
    outcome: Shared<BoxFuture<'static, Result<Made, PictureError>>>,
    /// Everybody who waits for it has a clone.
    waiting: Arc<()>,
}

/// A picture that was just made.
#[derive(Clone, Debug)]
enum Made {
    /// It is in the cache.
    Kept,
    /// The cache does not take it.
    Unkept(Format, Bytes),
}

/// How much a studio does.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// What the pictures that it keeps may take on the disk, in bytes.
    pub cache_bytes: u64,
    /// What all work at once may take of the memory, in bytes. One picture is always worked on.
    pub memory_bytes: u64,
    /// How long somebody waits for one picture.
    pub max_work: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { cache_bytes: 1 << 30, memory_bytes: 512 << 20, max_work: Duration::from_secs(30) }
    }
}

/// A changed picture of a file as it is now.
#[derive(Clone, Debug)]
pub(in crate::files) struct Variant {
    /// The file.
    pub(in crate::files) file: FileId,
    /// The entity tag of its content.
    pub(in crate::files) source_etag: String,
    /// What becomes of it.
    pub(in crate::files) options: Options,
}

impl Variant {
    /// The changed picture's own entity tag, with quotes.
    pub(in crate::files) fn etag(&self) -> String {
        let source = self.source_etag.trim_start_matches("W/").trim_matches('"');
        format!("\"{source}-{}-{GENERATION}\"", self.options.code())
    }

    fn key(&self) -> Key {
        let hash = Sha256::digest(self.etag());
        Key { file: self.file.0, code: HEXLOWER.encode(hash.get(..16).unwrap_or(&hash)) }
    }
}

/// A picture to send.
pub(in crate::files) struct Ready {
    /// What it is.
    pub(in crate::files) format: Format,
    /// How many bytes it has.
    pub(in crate::files) size: u64,
    /// The bytes.
    pub(in crate::files) content: ReadyContent,
}

/// Where a picture's bytes are.
pub(in crate::files) enum ReadyContent {
    /// In memory.
    Bytes(Bytes),
    /// In a file, from its beginning.
    File(tokio::fs::File),
}

impl Studio {
    /// A studio that keeps what it makes in `folder`, which is made where it is missing.
    pub async fn open(folder: PathBuf, capacity: Capacity) -> io::Result<Self> {
        let Capacity { cache_bytes, memory_bytes, max_work } = capacity;
        let pool = Pool::with(Extent::of_machine(memory_bytes, max_work));
        Self::with_pool(folder, cache_bytes, pool).await
    }

    async fn with_pool(folder: PathBuf, cache_bytes: u64, pool: Pool) -> io::Result<Self> {
        meters::describe();
        let opened = tokio::task::spawn_blocking(move || Cache::open(folder, cache_bytes)).await;
        let cache = opened.map_err(io::Error::other)??;
        Ok(Self(Arc::new(Inner { pool, cache, making: Mutex::default() })))
    }

    /// Waits for a turn to work on a picture that somebody uploads.
    pub(in crate::files) async fn turn(&self) -> Result<Turn, PictureError> {
        self.0.pool.turn(Purpose::Upload).await
    }

    /// The picture, where it is kept.
    pub(in crate::files) async fn kept(&self, variant: &Variant) -> Option<Ready> {
        let kept = self.look_up(variant.key()).await?;
        meters::count_kept();
        Some(kept.into())
    }

    /// Makes the picture of what `source` gives, or waits for whoever is making it. `source` is asked in the
    /// picture's turn, and not at all where somebody else makes it, or nobody waits any more.
    pub(in crate::files) async fn make(
        &self,
        variant: &Variant,
        source: impl Future<Output = Result<Bytes, PictureError>> + Send + 'static,
    ) -> Result<Ready, PictureError> {
        let key = variant.key();
        let (outcome, _waiting) = {
            let mut makings = self.0.making();
            let making = makings
                .entry(key.clone())
                .or_insert_with_key(|key| self.begin(key.clone(), variant.options, source));
            (making.outcome.clone(), Arc::clone(&making.waiting))
        };
        match outcome.await? {
            Made::Unkept(format, bytes) => {
                Ok(Ready { format, size: bytes.len() as u64, content: ReadyContent::Bytes(bytes) })
            }
            // What is asked for at the same time may be more than the cache holds.
            Made::Kept => self.look_up(key).await.map(Ready::from).ok_or(PictureError::Busy),
        }
    }

    /// Removes what is kept of a file that is gone. Errors are the log's: nobody can ask for it any more.
    pub(in crate::files) async fn forget(&self, file: FileId) {
        let studio = self.clone();
        let forgotten = tokio::task::spawn_blocking(move || studio.0.cache.forget(file)).await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!(file.id = %file, %error, "the changed pictures of a file stay");
        }
    }

    /// Once it was begun, the work goes on when the clients go away: the next one finds it kept.
    fn begin(
        &self,
        key: Key,
        options: Options,
        source: impl Future<Output = Result<Bytes, PictureError>> + Send + 'static,
    ) -> Making {
        let waiting = Arc::new(());
        let ending = Ending { studio: self.clone(), key: key.clone(), waiting: Arc::downgrade(&waiting) };
        let studio = self.clone();
        let task = tokio::spawn(async move {
            // It may have been made since somebody looked.
            if studio.look_up(key.clone()).await.is_some() {
                return Ok(Made::Kept);
            }
            let turn = studio.0.pool.turn(Purpose::Change).await?;
            if !ending.is_wanted() {
                return Err(PictureError::Busy);
            }
            let bytes = turn.read(source).await?;
            let prepare = move || {
                let change = Change::of(bytes, options)?;
                let cost = change.cost();
                // Through all of the work, which may outlast whoever waits here: until then it is not begun again.
                Ok(((change, ending), cost))
            };
            let work = move |(change, _ending): (Change, Ending)| {
                let (format, bytes) = change.make()?;
                match studio.0.cache.keep(key, format, &bytes) {
                    Ok(true) => return Ok(Made::Kept),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "a changed picture is not kept"),
                }
                Ok(Made::Unkept(format, bytes.into()))
            };
            turn.run(prepare, work).await
        });
        let ended = task.map(|ended| {
            ended
                .unwrap_or_else(|error| Err(PictureError::Failed(format!("the work was cut short: {error}"))))
        });
        Making { outcome: ended.boxed().shared(), waiting }
    }

    async fn look_up(&self, key: Key) -> Option<Kept> {
        let studio = self.clone();
        tokio::task::spawn_blocking(move || studio.0.cache.get(&key)).await.ok().flatten()
    }
}

impl Inner {
    fn making(&self) -> MutexGuard<'_, HashMap<Key, Making>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Kept> for Ready {
    fn from(Kept { format, size, file }: Kept) -> Self {
        Self { format, size, content: ReadyContent::File(tokio::fs::File::from_std(file)) }
    }
}

impl Turn {
    /// Takes the metadata out of a picture and looks at it; `None` for what is no picture.
    ///
    /// [`PictureError::Malformed`] and [`PictureError::TooLarge`] mean that nobody can tell what is in the file: it
    /// must not be served as a picture.
    pub(in crate::files) async fn examine(self, bytes: Bytes) -> Result<Option<Examined>, PictureError> {
        let prepare = move || {
            let stripped = Stripped::of(bytes)?;
            let cost = stripped.as_ref().map_or(0, Stripped::cost_of_examining);
            Ok((stripped, cost))
        };
        self.run(prepare, |stripped| stripped.map(Stripped::examined).transpose()).await
    }
}

/// Ends a making when it is dropped, however it ended.
struct Ending {
    studio: Studio,
    key: Key,
    waiting: Weak<()>,
}

impl Ending {
    /// Whether anybody waits. Whoever comes after nobody did begins anew.
    fn is_wanted(&self) -> bool {
        let mut makings = self.studio.0.making();
        // Its place among the makings has one itself.
        let is_wanted = self.waiting.strong_count() > 1;
        if !is_wanted {
            self.remove(&mut makings);
        }
        is_wanted
    }

    fn remove(&self, makings: &mut HashMap<Key, Making>) {
        // Somebody else may have begun the same anew.
        if makings
            .get(&self.key)
            .is_some_and(|making| Weak::ptr_eq(&self.waiting, &Arc::downgrade(&making.waiting)))
        {
            makings.remove(&self.key);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.remove(&mut self.studio.0.making());
    }
}

#[cfg(test)]
mod tests;
