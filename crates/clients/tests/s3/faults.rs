//! What happens between the client and the store, and what the store may say: each is survived, or told apart.

use std::time::{Duration, Instant};

use bytes::Bytes;
use clients::s3::{Bucket, Content};
use clients::testing::{Mishap, Network, Store, StoreOptions};
use clients::{Again, Error};
use futures::{StreamExt, TryStreamExt};

use super::{Folder, headers, noise, open, read};

const KEY: &str = "uploads/1c/film.mp4";
const MIB: u64 = 1024 * 1024;

/// A bucket behind a network.
async fn behind() -> (Folder, Store, Network, Bucket) {
    let (folder, store, _) = open(StoreOptions::default()).await;
    let network = Network::before(store.address()).await;
    let mut settings = store.settings();
    settings.endpoint = Some(network.endpoint());
    settings.read_timeout = Duration::from_secs(1);
    let bucket = Bucket::open(settings, store.keys()).unwrap();
    (folder, store, network, bucket)
}

fn small() -> Content {
    Content::Bytes(Bytes::from_static(b"small"))
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_made_again_from_its_beginning() {
    let (folder, _store, network, bucket) = behind().await;
    network.fail(2, "PUT", Mishap::BreakRequest(MIB));
    bucket.put(KEY, folder.file(5 * MIB), &headers()).await.unwrap();
    assert!(read(&bucket, KEY).await == noise(5 * 1024 * 1024));
    network.fail(3, "PUT", Mishap::BreakRequest(MIB));
    let error = bucket.put("uploads/2", folder.file(5 * MIB), &headers()).await.unwrap_err();
    assert!(["s3-broken", "s3-unreachable"].contains(&error.code()), "{error:?}");
    assert_eq!(error.again(), Again::Later);
    assert!(matches!(bucket.head("uploads/2").await, Err(Error::ObjectMissing)));
}

#[tokio::test]
async fn a_part_that_breaks_off_is_made_again_and_an_upload_that_fails_leaves_nothing() {
    let (folder, store, network, bucket) = behind().await;
    network.fail(2, "PUT", Mishap::BreakRequest(MIB));
    bucket.put(KEY, folder.file(65 * MIB), &headers()).await.unwrap();
    assert_eq!(bucket.head(KEY).await.unwrap().size, 65 * MIB);
    network.fail(100, "PUT", Mishap::Answer { status: 503, code: "SlowDown", region: None });
    let error = bucket.put("uploads/2", folder.file(65 * MIB), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-slow-down");
    assert_eq!(store.uploads(), 0);
}

#[tokio::test]
async fn an_upload_that_nobody_waits_for_is_given_up() {
    let (folder, store, network, bucket) = behind().await;
    network.fail(100, "PUT", Mishap::Slow(64 * 1024, Duration::from_millis(100)));
    let headers = headers();
    let put = bucket.put(KEY, folder.file(65 * MIB), &headers);
    assert!(tokio::time::timeout(Duration::from_secs(1), put).await.is_err());
    assert_eq!(store.uploads(), 1);
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.uploads() > 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_failure() {
    let (folder, _store, network, bucket) = behind().await;
    network.fail(1, "PUT", Mishap::LoseAnswer);
    bucket.put(KEY, folder.file(MIB), &headers()).await.unwrap();
    network.fail(1, "DELETE", Mishap::LoseAnswer);
    bucket.delete(KEY).await.unwrap();
    network.fail(1, "POST /brain-test/uploads/1c/film.mp4?uploadId", Mishap::LoseAnswer);
    bucket.put(KEY, folder.file(65 * MIB), &headers()).await.unwrap();
    assert_eq!(bucket.head(KEY).await.unwrap().size, 65 * MIB);
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let (folder, _store, network, bucket) = behind().await;
    bucket.put(KEY, folder.file(8 * MIB), &headers()).await.unwrap();
    network.fail(5, "GET", Mishap::BreakAnswer(MIB));
    assert!(read(&bucket, KEY).await == noise(8 * 1024 * 1024));
    network.settle();
    network.fail(1, "GET", Mishap::Stall(MIB, Duration::from_mins(1)));
    let began = Instant::now();
    assert!(read(&bucket, KEY).await == noise(8 * 1024 * 1024));
    assert!(began.elapsed() < Duration::from_secs(20));
    network.fail(100, "GET", Mishap::BreakAnswer(100_000));
    let object = bucket.get(KEY, None).await.unwrap();
    let error = object.stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.code(), "s3-broken");
}

#[tokio::test]
async fn a_download_never_goes_on_with_another_object() {
    let (folder, _store, network, bucket) = behind().await;
    bucket.put(KEY, folder.file(2 * MIB), &headers()).await.unwrap();
    network.fail(1, "GET", Mishap::BreakAnswer(MIB));
    let mut object = bucket.get(KEY, None).await.unwrap();
    object.stream.next().await.unwrap().unwrap();
    bucket.delete(KEY).await.unwrap();
    bucket.put(KEY, Content::Bytes(vec![1; 2 * 1024 * 1024].into()), &headers()).await.unwrap();
    let error = object.stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.code(), "s3-object-changed");
}

#[tokio::test]
async fn a_store_that_does_not_know_ranges_spoils_nothing() {
    let (folder, _store, network, bucket) = behind().await;
    bucket.put(KEY, folder.file(2 * MIB), &headers()).await.unwrap();
    let whole = Mishap::Answer { status: 200, code: "", region: None };
    network.fail(1, "GET", whole);
    let error = bucket.get(KEY, Some((10, 19))).await.map(drop).unwrap_err();
    assert_eq!(error.code(), "s3-unexpected");
    network.fail(1, "GET", Mishap::BreakAnswer(MIB));
    network.fail(1, "GET", whole);
    let object = bucket.get(KEY, None).await.unwrap();
    let error = object.stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.code(), "s3-unexpected");
}

#[tokio::test]
async fn a_burst_of_slow_down_passes_and_a_long_one_is_told() {
    let (_folder, _store, network, bucket) = behind().await;
    let slow_down = Mishap::Answer { status: 503, code: "SlowDown", region: None };
    network.fail(2, "PUT", slow_down);
    bucket.put(KEY, small(), &headers()).await.unwrap();
    network.fail(2, "GET", Mishap::Answer { status: 429, code: "", region: None });
    assert_eq!(read(&bucket, KEY).await, b"small");
    network.fail(100, "", slow_down);
    let error = bucket.get(KEY, None).await.map(drop).unwrap_err();
    assert_eq!((error.code(), error.again()), ("s3-slow-down", Again::Later));
    assert_eq!(network.lines().iter().filter(|line| line.starts_with("GET")).count(), 6);
}

#[tokio::test]
async fn an_earlier_try_that_is_still_at_work_is_waited_for() {
    let (folder, _store, network, bucket) = behind().await;
    let conflict = Mishap::Answer { status: 409, code: "ConditionalRequestConflict", region: None };
    network.fail(2, "PUT", conflict);
    bucket.put(KEY, small(), &headers()).await.unwrap();
    // The last try met the earlier one, which has put the object since.
    network.fail(3, "PUT", conflict);
    bucket.put(KEY, small(), &headers()).await.unwrap();
    network.fail(3, "PUT", conflict);
    let error = bucket.put(KEY, folder.file(10), &headers()).await.unwrap_err();
    assert_eq!((error.code(), error.again()), ("s3-conflict", Again::Later));
}

#[tokio::test]
async fn slowness_is_no_silence() {
    let (folder, _store, network, bucket) = behind().await;
    let slow = Mishap::Slow(64 * 1024, Duration::from_millis(100));
    network.fail(2, "", slow);
    let began = Instant::now();
    bucket.put(KEY, folder.file(2 * MIB), &headers()).await.unwrap();
    assert!(read(&bucket, KEY).await == noise(2 * 1024 * 1024));
    assert!(began.elapsed() > Duration::from_secs(5));
    assert_eq!(network.lines().len(), 2);
}

#[tokio::test]
async fn silence_ends_a_call() {
    let (folder, _store, network, bucket) = behind().await;
    network.fail(100, "", Mishap::Silence(Duration::from_secs(30)));
    let began = Instant::now();
    let error = bucket.get(KEY, None).await.map(drop).unwrap_err();
    assert_eq!((error.code(), error.again()), ("s3-silent", Again::Later));
    let error = bucket.put(KEY, folder.file(MIB / 8), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-silent");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    network.settle();
    bucket.put("uploads/3", small(), &headers()).await.unwrap();
}

#[tokio::test]
async fn what_the_store_says_has_a_code_and_a_sentence() {
    let (_folder, _store, network, bucket) = behind().await;
    let cases = [
        (403, "RequestTimeTooSkewed", "s3-clock", "clock"),
        (403, "AccessDenied", "s3-forbidden", "check keys and policy (s3:ListBucket)"),
        (400, "ExpiredToken", "s3-keys-expired", "renew"),
        (403, "InvalidAccessKeyId", "s3-keys-unknown", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "s3-signature", "AWS_SECRET_ACCESS_KEY"),
        (404, "NoSuchBucket", "s3-bucket-missing", "check bucket and path"),
        (400, "BadDigest", "s3-content-refused", "not what was sent"),
        (429, "", "s3-slow-down", "reduce requests"),
        (500, "InternalError", "s3-unavailable", "500"),
        (200, "InternalError", "s3-unavailable", "failure of its own"),
        (418, "Teapot", "s3-refused", "418"),
    ];
    for (status, code, expected, sentence) in cases {
        network.settle();
        network.fail(100, "GET", Mishap::Answer { status, code, region: None });
        let error = bucket.list("uploads/", None).await.unwrap_err();
        assert_eq!(error.code(), expected, "{status} {code}: {error}");
        assert!(error.to_string().contains(sentence), "{error}");
        assert!(!format!("{error:?}").contains("secret-message"));
    }
}

#[tokio::test]
async fn the_right_region_is_told() {
    let (_folder, _store, network, bucket) = behind().await;
    for (status, code) in [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed"), (400, "")] {
        network.settle();
        network.fail(100, "", Mishap::Answer { status, code, region: Some("eu-north-1") });
        for error in [bucket.head(KEY).await.unwrap_err(), bucket.get(KEY, None).await.map(drop).unwrap_err()]
        {
            assert_eq!(error.code(), "s3-region", "{status} {code}");
            assert!(error.to_string().contains("AWS_REGION=eu-north-1"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_error_under_a_status_of_success_makes_no_object() {
    let (folder, store, network, bucket) = behind().await;
    network.fail(
        100,
        "POST /brain-test/uploads/1c/film.mp4?uploadId",
        Mishap::Answer { status: 200, code: "InternalError", region: None },
    );
    let error = bucket.put(KEY, folder.file(65 * MIB), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-unavailable");
    assert_eq!(store.uploads(), 0);
    assert!(matches!(bucket.head(KEY).await, Err(Error::ObjectMissing)));
}
