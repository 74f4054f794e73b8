//! Tests of `studio`.

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
    let (one, other) = tokio::join!(studio.make(&wanted, no_picture()), studio.make(&wanted, no_picture()));
    assert_eq!((one.err(), other.err()), (Some(PictureError::NotAnImage), Some(PictureError::NotAnImage)));
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
    // The encoder of AVIF takes some seconds for this one; to look at its source takes next to nothing.
    let extent = Extent { slots: 4, max_work: Duration::from_millis(500), ..EXTENT };
    let scratch = Scratch::with(Pool::with(extent)).await;
    let (studio, wanted) = (&scratch.studio, variant("\"a\"", "w=2000&f=avif"));
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
