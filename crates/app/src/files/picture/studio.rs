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
            let bytes = source.await?;
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
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use http::HeaderMap;
    use image::DynamicImage;
    use tokio::sync::oneshot;
    use uuid::Uuid;

    use super::super::testing::{encoded, picture};
    use super::*;

    struct Scratch {
        folder: PathBuf,
        studio: Studio,
    }

    impl Scratch {
        async fn with(pool: Pool) -> Self {
            let folder = std::env::temp_dir().join(format!("studio-{}", Uuid::new_v4()));
            let studio = Studio::with_pool(folder.clone(), 1 << 20, pool).await.unwrap();
            Self { folder, studio }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    const EXTENT: Extent = Extent {
        slots: 1,
        uploads: 1,
        changes: 1,
        pixel_bytes: 1 << 20,
        max_wait: Duration::from_mins(1),
        max_work: Duration::from_mins(1),
    };

    fn pool() -> Pool {
        Pool::with(EXTENT)
    }

    fn variant(etag: &str, query: &str) -> Variant {
        let options = Options::read(query, &HeaderMap::new()).unwrap().unwrap();
        Variant { file: FileId(Uuid::from_u128(7)), source_etag: etag.to_owned(), options }
    }

    fn png() -> Bytes {
        encoded(&DynamicImage::ImageRgb8(picture(60, 40)), Format::Png).into()
    }

    #[tokio::test]
    async fn what_many_ask_for_is_made_once_and_kept() {
        let scratch = Scratch::with(pool()).await;
        let (studio, wanted) = (&scratch.studio, variant("\"a\"", "w=30&f=webp"));
        assert!(studio.kept(&wanted).await.is_none());
        let asked = AtomicU32::new(0);
        let asked: &'static AtomicU32 = Box::leak(Box::new(asked));
        let source = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok(png())
        };
        // More of them than there are places in the pool.
        let all = futures::future::join_all((0..20).map(|_| studio.make(&wanted, source()))).await;
        let sizes: Vec<u64> = all.into_iter().map(|ready| ready.unwrap().size).collect();
        assert!(sizes.iter().all(|size| *size == sizes[0]));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(studio.0.making().is_empty());

        let kept = studio.kept(&wanted).await.unwrap();
        assert_eq!((kept.size, kept.format), (sizes[0], Format::WebP));
        // Who looked before it was kept gets it all the same, and it is not made again.
        assert_eq!(studio.make(&wanted, source()).await.unwrap().size, sizes[0]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        for other in [variant("\"b\"", "w=30&f=webp"), variant("\"a\"", "w=31&f=webp")] {
            assert!(studio.kept(&other).await.is_none());
            assert_ne!(other.etag(), wanted.etag());
        }
        studio.forget(wanted.file).await;
        assert!(studio.kept(&wanted).await.is_none());
    }

    #[tokio::test]
    async fn a_failure_is_everybody_s_and_not_kept() {
        let scratch = Scratch::with(pool()).await;
        let (studio, wanted) = (&scratch.studio, variant("\"a\"", "w=30"));
        let no_picture = || async { Ok(Bytes::from_static(b"text")) };
        let (one, other) =
            tokio::join!(studio.make(&wanted, no_picture()), studio.make(&wanted, no_picture()));
        assert_eq!(
            (one.err(), other.err()),
            (Some(PictureError::NotAnImage), Some(PictureError::NotAnImage))
        );
        let broken = async { Err(PictureError::Failed("the store is away".to_owned())) };
        assert!(matches!(studio.make(&wanted, broken).await.err(), Some(PictureError::Failed(_))));
        assert!(studio.make(&wanted, async { Ok(png()) }).await.is_ok());
    }

    #[tokio::test]
    async fn who_finds_no_place_is_sent_away_and_nothing_is_read() {
        let pool = pool();
        let scratch = Scratch::with(pool.clone()).await;
        let _held = (
            pool.turn(Purpose::Change).await.unwrap(),
            tokio::spawn({
                let pool = pool.clone();
                async move { pool.turn(Purpose::Change).await }
            }),
        );
        tokio::task::yield_now().await;
        let never = async { panic!("the source is read in its turn") };
        let refused = scratch.studio.make(&variant("\"a\"", "w=1"), never).await;
        assert_eq!(refused.err(), Some(PictureError::Busy));
    }

    #[tokio::test]
    async fn requests_go_on_while_a_picture_is_made() {
        let scratch = Scratch::with(pool()).await;
        let (give, given) = oneshot::channel();
        let making = tokio::spawn({
            let studio = scratch.studio.clone();
            let source = async { given.await.map_err(|_| PictureError::NotAnImage) };
            async move { studio.make(&variant("\"a\"", "w=320"), source).await.map(|ready| ready.size) }
        });
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert!(!making.is_finished());
        give.send(png()).unwrap();
        assert!(making.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_read() {
        let pool = pool();
        let scratch = Scratch::with(pool.clone()).await;
        let (studio, wanted) = (&scratch.studio, variant("\"a\"", "w=30"));
        let turn = pool.turn(Purpose::Upload).await.unwrap();
        let asked = tokio::spawn({
            let (studio, wanted) = (studio.clone(), wanted.clone());
            let never = async { panic!("nobody waits") };
            async move { studio.make(&wanted, never).await.map(|ready| ready.size) }
        });
        while studio.0.making().is_empty() {
            tokio::task::yield_now().await;
        }
        asked.abort();
        assert!(asked.await.is_err());
        drop(turn);
        while !studio.0.making().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(studio.make(&wanted, async { Ok(png()) }).await.is_ok());
    }

    #[tokio::test]
    async fn what_takes_too_long_is_not_begun_again_and_is_found_later() {
        // The encoder of AVIF takes a second and more for this one.
        let extent = Extent { slots: 4, max_work: Duration::from_millis(200), ..EXTENT };
        let scratch = Scratch::with(Pool::with(extent)).await;
        let (studio, wanted) = (&scratch.studio, variant("\"a\"", "w=400&f=avif"));
        assert_eq!(studio.make(&wanted, async { Ok(png()) }).await.err(), Some(PictureError::TooSlow));
        let never = async { panic!("it is being made") };
        assert_eq!(studio.make(&wanted, never).await.err(), Some(PictureError::TooSlow));
        while !studio.0.making().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(studio.kept(&wanted).await.is_some());
    }

    /// Whoever reads slowly holds a file open, and no bytes.
    #[tokio::test]
    async fn what_was_made_is_sent_from_the_cache() {
        let scratch = Scratch::with(pool()).await;
        let ready = scratch.studio.make(&variant("\"a\"", "w=30"), async { Ok(png()) }).await.unwrap();
        assert!(matches!(ready.content, ReadyContent::File(_)));
        let tiny = Studio::with_pool(scratch.folder.join("tiny"), 1, pool()).await.unwrap();
        let ready = tiny.make(&variant("\"a\"", "w=30"), async { Ok(png()) }).await.unwrap();
        assert!(matches!(ready.content, ReadyContent::Bytes(_)));
    }

    #[test]
    fn a_picture_has_an_entity_tag_of_its_own() {
        assert_eq!(variant("\"abc\"", "w=30&q=5").etag(), "\"abc-w30h0q5b0-same-2\"");
        assert_eq!(variant("W/\"abc\"", "f=png").etag(), "\"abc-w0h0q0b0-png-2\"");
    }
}
