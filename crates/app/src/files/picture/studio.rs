//! Where changed pictures come from: the cache, or a turn of the pool. However many ask for the same one at the
//! same time, it is made once.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::ids::FileId;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::cache::{Cache, Kept, Key};
use super::pool::{Pool, Turn};
use super::transform::transform;
use super::{Format, Options, PictureError, meters};

/// Changes when the same options make other bytes than before, so that nobody's cache mixes the two.
const GENERATION: &str = "1";

/// Works on pictures, makes changed ones, and keeps those. Cloning it is cheap, and clones are the same studio.
#[derive(Clone)]
pub struct Studio(Arc<Inner>);

struct Inner {
    pool: Pool,
    cache: Cache,
    making: Mutex<HashMap<Key, Making>>,
}

type Making = Shared<BoxFuture<'static, Result<Made, PictureError>>>;

/// A picture that was just made.
#[derive(Clone, Debug)]
struct Made {
    format: Format,
    bytes: Bytes,
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
    /// A studio that keeps what it makes in `folder`, up to `capacity` bytes; the folder is made where it is missing.
    pub async fn open(folder: PathBuf, capacity: u64) -> io::Result<Self> {
        Self::with_pool(folder, capacity, Pool::new()).await
    }

    async fn with_pool(folder: PathBuf, capacity: u64, pool: Pool) -> io::Result<Self> {
        meters::describe();
        let opened = tokio::task::spawn_blocking(move || Cache::open(folder, capacity)).await;
        let cache = opened.map_err(io::Error::other)??;
        Ok(Self(Arc::new(Inner { pool, cache, making: Mutex::default() })))
    }

    /// Waits for a turn to work on a picture.
    pub(in crate::files) async fn turn(&self) -> Result<Turn, PictureError> {
        self.0.pool.turn().await
    }

    /// The picture, where it is kept.
    pub(in crate::files) async fn kept(&self, variant: &Variant) -> Option<Ready> {
        let Kept { format, size, file } = self.look_up(variant.key()).await?;
        meters::count_kept();
        Some(Ready { format, size, content: ReadyContent::File(tokio::fs::File::from_std(file)) })
    }

    /// Makes the picture of what `source` gives, or waits for whoever is making it. `source` is asked in the
    /// picture's turn, and not at all where somebody else makes it.
    pub(in crate::files) async fn make(
        &self,
        variant: &Variant,
        source: impl Future<Output = Result<Bytes, PictureError>> + Send + 'static,
    ) -> Result<Ready, PictureError> {
        let key = variant.key();
        let making = {
            let mut makings = self.0.making();
            if let Some(making) = makings.get(&key) {
                making.clone()
            } else {
                let making = self.begin(key.clone(), variant.options, source);
                makings.insert(key, making.clone());
                making
            }
        };
        let Made { format, bytes } = making.await?;
        Ok(Ready { format, size: bytes.len() as u64, content: ReadyContent::Bytes(bytes) })
    }

    /// Removes what is kept of a file that is gone. Errors are the log's: nobody can ask for it any more.
    pub(in crate::files) async fn forget(&self, file: FileId) {
        let studio = self.clone();
        let forgotten = tokio::task::spawn_blocking(move || studio.0.cache.forget(file)).await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!(file.id = %file, %error, "the changed pictures of a file stay");
        }
    }

    /// The work goes on when the client goes away: others may wait for it, and the next one finds it kept.
    fn begin(
        &self,
        key: Key,
        options: Options,
        source: impl Future<Output = Result<Bytes, PictureError>> + Send + 'static,
    ) -> Making {
        let ending = Ending { studio: self.clone(), key: key.clone() };
        let studio = self.clone();
        let task = tokio::spawn(async move {
            let _ending = ending;
            // It may have been made since somebody looked.
            if let Some(kept) = studio.look_up(key.clone()).await {
                return read_whole(kept).await;
            }
            let turn = studio.0.pool.turn().await?;
            let bytes = source.await?;
            let inner = Arc::clone(&studio.0);
            let work = move || {
                let (format, bytes) = transform(&bytes, &options)?;
                if let Err(error) = inner.cache.keep(key, format, &bytes) {
                    tracing::warn!(%error, "a changed picture is not kept");
                }
                Ok(Made { format, bytes: bytes.into() })
            };
            turn.run(work).await
        });
        let ended = task.map(|ended| {
            ended
                .unwrap_or_else(|error| Err(PictureError::Failed(format!("the work was cut short: {error}"))))
        });
        ended.boxed().shared()
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

async fn read_whole(kept: Kept) -> Result<Made, PictureError> {
    let mut bytes = Vec::new();
    let mut file = tokio::fs::File::from_std(kept.file);
    match file.read_to_end(&mut bytes).await {
        Ok(_) => Ok(Made { format: kept.format, bytes: bytes.into() }),
        Err(error) => Err(PictureError::Failed(format!("read a kept picture: {error}"))),
    }
}

/// Ends a making when it is dropped, however it ended.
struct Ending {
    studio: Studio,
    key: Key,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.studio.0.making().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use futures::future::Either;
    use http::HeaderMap;
    use image::DynamicImage;
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

    fn pool() -> Pool {
        Pool::with(1, 1, Duration::from_mins(1), Duration::from_mins(1))
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
            pool.turn().await.unwrap(),
            tokio::spawn({
                let pool = pool.clone();
                async move { pool.turn().await }
            }),
        );
        tokio::task::yield_now().await;
        let never = async { panic!("the source is read in its turn") };
        let refused = scratch.studio.make(&variant("\"a\"", "w=1"), never).await;
        assert_eq!(refused.err(), Some(PictureError::Busy));
    }

    /// On one thread: whatever runs there holds off everything else.
    #[tokio::test(flavor = "current_thread")]
    async fn requests_go_on_while_a_picture_is_made() {
        let scratch = Scratch::with(pool()).await;
        let large = Bytes::from(encoded(&DynamicImage::ImageRgb8(picture(1600, 1200)), Format::Jpeg));
        let wanted = variant("\"a\"", "w=320");
        let making = scratch.studio.make(&wanted, async { Ok(large) });
        let turns_of_others = async {
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        };
        let first = futures::future::select(Box::pin(turns_of_others), Box::pin(making)).await;
        let Either::Left(((), making)) = first else {
            panic!("the picture was made before others had their turns")
        };
        assert!(making.await.is_ok());
    }

    #[test]
    fn a_picture_has_an_entity_tag_of_its_own() {
        assert_eq!(variant("\"abc\"", "w=30&q=5").etag(), "\"abc-w30h0q5b0-same-1\"");
        assert_eq!(variant("W/\"abc\"", "f=png").etag(), "\"abc-w0h0q0b0-png-1\"");
    }
}
