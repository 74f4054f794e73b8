//! Objects are put, read, described, listed, archived and removed.

use std::time::Duration;

use bytes::Bytes;
use clients::Error;
use clients::s3::{Archive, Bucket, Content, Encryption, Settings};
use clients::testing::{Store, StoreOptions};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::{headers, noise, open, read};

const KEY: &str = "uploads/6f2c/ein Bild (1)+ä.png";

#[tokio::test]
async fn an_object_is_put_read_described_and_removed() {
    let (folder, _store, bucket) = open(StoreOptions::default()).await;
    bucket.put(KEY, folder.file(300_000), &headers()).await.unwrap();
    assert_eq!(read(&bucket, KEY).await, noise(300_000));
    let state = bucket.head(KEY).await.unwrap();
    assert_eq!((state.size, state.archive), (300_000, Archive::Ready));
    let some = bucket.get(KEY, Some((10, 19))).await.unwrap();
    assert_eq!(some.size, 10);
    let some: Vec<Bytes> = some.stream.try_collect().await.unwrap();
    assert_eq!(some.concat(), noise(20)[10..]);
    let listed = bucket.list("uploads/", None).await.unwrap();
    assert_eq!(
        listed.iter().map(|object| (object.key.as_str(), object.size)).collect::<Vec<_>>(),
        [(KEY, 300_000)]
    );
    assert!(bucket.list("uploads/", Some(KEY)).await.unwrap().is_empty());
    bucket.delete(KEY).await.unwrap();
    bucket.delete(KEY).await.unwrap();
    assert!(matches!(bucket.head(KEY).await, Err(Error::ObjectMissing)));
    assert!(matches!(bucket.get(KEY, None).await, Err(Error::ObjectMissing)));
}

#[tokio::test]
async fn an_empty_object_is_one() {
    let (_folder, _store, bucket) = open(StoreOptions::default()).await;
    bucket.put(KEY, Content::Bytes(Bytes::new()), &headers()).await.unwrap();
    assert!(read(&bucket, KEY).await.is_empty());
}

#[tokio::test]
async fn another_object_is_never_written_over_and_the_same_one_is_a_success() {
    let (_folder, _store, bucket) = open(StoreOptions::default()).await;
    let content = Content::Bytes(Bytes::from_static(b"first"));
    bucket.put(KEY, content.clone(), &headers()).await.unwrap();
    bucket.put(KEY, content, &headers()).await.unwrap();
    let other = bucket.put(KEY, Content::Bytes(Bytes::from_static(b"other")), &headers()).await;
    assert!(matches!(other, Err(Error::ObjectExists)));
    assert_eq!(read(&bucket, KEY).await, b"first");
}

#[tokio::test]
async fn content_that_is_not_what_was_said_makes_no_object() {
    let (folder, _store, bucket) = open(StoreOptions::default()).await;
    let Content::File { path, size, .. } = folder.file(1000) else { panic!("no file") };
    let wrong = Content::File { path: path.clone(), size, sha256: [7; 32] };
    let error = bucket.put(KEY, wrong, &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-content-refused");
    std::fs::remove_file(&path).unwrap();
    let gone = Content::File { path, size, sha256: [7; 32] };
    let error = bucket.put(KEY, gone, &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-content-unreadable");
    assert!(matches!(bucket.head(KEY).await, Err(Error::ObjectMissing)));
}

#[tokio::test]
async fn a_large_object_goes_in_parts_and_none_are_left() {
    let (folder, store, bucket) = open(StoreOptions::default()).await;
    let size = 70 * 1024 * 1024 + 1;
    let content = folder.file(size);
    bucket.put(KEY, content.clone(), &headers()).await.unwrap();
    assert!(bucket.head(KEY).await.unwrap().etag.contains("-5"));
    assert_eq!(read(&bucket, KEY).await, noise(usize::try_from(size).unwrap()));
    bucket.put(KEY, content, &headers()).await.unwrap();
    assert_eq!(store.uploads(), 0);
}

#[tokio::test]
async fn wrong_keys_are_told_apart() {
    let (_folder, store, _) = open(StoreOptions::default()).await;
    for (id, secret, code) in [("first", "wrong", "s3-signature"), ("nobody", "x", "s3-keys-unknown")] {
        let bucket = Bucket::open(store.settings(), Store::keys_of(id, secret)).unwrap();
        let error = bucket.put(KEY, Content::Bytes(Bytes::new()), &headers()).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
}

#[tokio::test]
async fn a_store_that_takes_no_acl_or_knows_no_condition_is_met_half_way() {
    let refuses = StoreOptions { refuses_acl: true, refuses_conditions: true, ..StoreOptions::default() };
    let (folder, store, _) = open(refuses).await;
    let mut settings = store.settings();
    settings.object_acl = Some("private".to_owned());
    let bucket = Bucket::open(settings, store.keys()).unwrap();
    bucket.put(KEY, folder.file(10), &headers()).await.unwrap();
    bucket.put("uploads/2/large", folder.file(65 * 1024 * 1024), &headers()).await.unwrap();
    let upload = bucket.begin_upload("uploads/3/direct", &headers()).await.unwrap();
    bucket.abort_upload("uploads/3/direct", &upload).await.unwrap();
}

#[tokio::test]
async fn a_store_without_keys_of_its_own_is_asked_for_no_encryption() {
    let refuses = StoreOptions { refuses_encryption: true, ..StoreOptions::default() };
    let (folder, store, asking) = open(refuses).await;
    let error = asking.put(KEY, folder.file(10), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-not-implemented");
    let settings = Settings { encryption: Encryption::Unasked, ..store.settings() };
    let bucket = Bucket::open(settings, store.keys()).unwrap();
    bucket.put(KEY, folder.file(10), &headers()).await.unwrap();
    bucket.put("uploads/2/large", folder.file(65 * 1024 * 1024), &headers()).await.unwrap();
    // What was refused was not the condition, which goes on being sent.
    let asking = asking.put(KEY, folder.file(11), &headers()).await.unwrap_err();
    assert_eq!(asking.code(), "s3-not-implemented");
    let error = bucket.put(KEY, folder.file(11), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-object-exists");
}

#[tokio::test]
async fn an_archived_object_is_told_asked_for_and_read_when_it_is_back() {
    let (folder, store, bucket) = open(StoreOptions::default()).await;
    bucket.put(KEY, folder.file(10), &headers()).await.unwrap();
    bucket.restore(KEY, 7).await.unwrap();
    store.archive(KEY);
    assert_eq!(bucket.head(KEY).await.unwrap().archive, Archive::Archived);
    assert!(matches!(bucket.get(KEY, None).await, Err(Error::ObjectArchived { restoring: false })));
    bucket.restore(KEY, 7).await.unwrap();
    bucket.restore(KEY, 7).await.unwrap();
    assert_eq!(bucket.head(KEY).await.unwrap().archive, Archive::Restoring);
    assert!(matches!(bucket.get(KEY, None).await, Err(Error::ObjectArchived { restoring: true })));
    store.finish_restoring(KEY);
    assert_eq!(bucket.head(KEY).await.unwrap().archive, Archive::Ready);
    assert_eq!(read(&bucket, KEY).await, noise(10));
}

/// What the process has taken most of, in MiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes: run it alone"]
async fn memory_does_not_grow_with_the_object() {
    let (folder, store, _) = open(StoreOptions::default()).await;
    let mut settings = store.settings();
    // The store hashes, unoptimised, before it answers.
    settings.read_timeout = Duration::from_mins(2);
    let bucket = Bucket::open(settings, store.keys()).unwrap();
    let path = folder.store().join("large");
    let put = async |key: &str, size: u64| {
        std::fs::File::create(&path).unwrap().set_len(size).unwrap();
        let mut hash = Sha256::new();
        (0..size / 1024).for_each(|_| hash.update([0; 1024]));
        let content = Content::File { path: path.clone(), size, sha256: hash.finalize().into() };
        bucket.put(key, content, &headers()).await.unwrap();
        let mut stream = bucket.get(key, None).await.unwrap().stream;
        let mut read = 0;
        while let Some(piece) = stream.try_next().await.unwrap() {
            read += piece.len() as u64;
        }
        assert_eq!(read, size);
        peak_memory()
    };
    let mib = 1024 * 1024;
    let small = put("uploads/small", 128 * mib).await;
    let large = put("uploads/large", 1024 * mib).await;
    eprintln!("peak of client and store together: {small} MiB with 128 MiB, {large} MiB with 1 GiB");
    assert!(large < small + 32, "{small} MiB, then {large} MiB");
}
