//! Uploads that a client makes by itself with signed addresses.

use std::time::{Duration, UNIX_EPOCH};

use base::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clients::Error;
use clients::s3::{Bucket, Part, PresignedPart, UploadedPart};
use clients::testing::StoreOptions;
use sha2::{Digest, Sha256};

use super::{headers, noise, open, read};

const KEY: &str = "uploads/2b1d/film.mp4";
const PART: usize = 5 * 1024 * 1024;
const LIFE: Duration = Duration::from_hours(1);

fn now() -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(Clock::system().unix_seconds()).unwrap())
}

async fn sign(bucket: &Bucket, upload: &str, number: u16, content: &[u8]) -> PresignedPart {
    let hash = Sha256::digest(content).into();
    bucket.presign_part(KEY, upload, number, content.len() as u64, &hash, LIFE, now()).await.unwrap()
}

async fn send(signed: &PresignedPart, content: Vec<u8>) -> u16 {
    let mut request = reqwest::Client::new().put(&signed.url).body(content);
    // The length is the body's own, as every client sends it.
    for (name, value) in signed.headers.iter().filter(|(name, _)| name != "content-length") {
        request = request.header(name, value);
    }
    request.send().await.unwrap().status().as_u16()
}

fn named(parts: &[Part], contents: &[&[u8]]) -> Vec<UploadedPart> {
    let named = parts.iter().zip(contents).map(|(part, content)| UploadedPart {
        number: part.number,
        etag: part.etag.clone(),
        sha256: Sha256::digest(content).into(),
    });
    named.collect()
}

#[tokio::test]
async fn a_client_uploads_in_parts_and_the_store_refuses_other_bytes() {
    let (_folder, store, bucket) = open(StoreOptions::default()).await;
    let all = noise(4 * PART + 100);
    let contents: Vec<&[u8]> = all.chunks(PART).collect();
    let upload = bucket.begin_upload(KEY, &headers()).await.unwrap();
    let first = sign(&bucket, &upload, 1, contents[0]).await;
    assert!(first.life == LIFE && !first.headers.is_empty());
    let mut other = contents[0].to_vec();
    other[7] ^= 1;
    assert_eq!(send(&first, other).await, 400);
    assert!(matches!(send(&first, contents[0][1..].to_vec()).await, 400 | 403));
    let undeclared = reqwest::Client::new().put(&first.url).body(contents[0].to_vec()).send().await.unwrap();
    assert_eq!(undeclared.status(), 403);
    assert!(bucket.parts(KEY, &upload).await.unwrap().is_empty());
    for (number, content) in [5, 4, 3, 2, 1].into_iter().zip(contents.iter().rev()) {
        let signed = sign(&bucket, &upload, number, content).await;
        assert_eq!(send(&signed, content.to_vec()).await, 200);
    }
    let parts = bucket.parts(KEY, &upload).await.unwrap();
    let sizes: Vec<(u16, u64)> = parts.iter().map(|part| (part.number, part.size)).collect();
    let whole = PART as u64;
    assert_eq!(sizes, [(1, whole), (2, whole), (3, whole), (4, whole), (5, 100)]);
    let parts = named(&parts, &contents);
    let done = bucket.complete_upload(KEY, &upload, &parts).await.unwrap();
    let each =
        contents.iter().fold(Sha256::new(), |each, content| each.chain_update(Sha256::digest(content)));
    assert_eq!(done.checksum, Some(format!("{}-5", STANDARD.encode(each.finalize()))));
    assert_eq!(bucket.complete_upload(KEY, &upload, &parts).await.unwrap(), done);
    assert_eq!(store.uploads(), 0);
    assert!(read(&bucket, KEY).await == all);
}

#[tokio::test]
async fn a_store_without_checksums_of_parts_does() {
    let options = StoreOptions { ignores_checksums: true, ..StoreOptions::default() };
    let (_folder, _store, bucket) = open(options).await;
    let upload = bucket.begin_upload(KEY, &headers()).await.unwrap();
    let signed = sign(&bucket, &upload, 1, b"small").await;
    assert_eq!(send(&signed, b"small".to_vec()).await, 200);
    let parts = named(&bucket.parts(KEY, &upload).await.unwrap(), &[b"small"]);
    assert_eq!(bucket.complete_upload(KEY, &upload, &parts).await.unwrap().checksum, None);
}

#[tokio::test]
async fn an_upload_is_given_up_once_and_for_all() {
    let (_folder, store, bucket) = open(StoreOptions::default()).await;
    let upload = bucket.begin_upload(KEY, &headers()).await.unwrap();
    let signed = sign(&bucket, &upload, 1, b"small").await;
    assert_eq!(send(&signed, b"small".to_vec()).await, 200);
    bucket.abort_upload(KEY, &upload).await.unwrap();
    bucket.abort_upload(KEY, &upload).await.unwrap();
    assert_eq!(store.uploads(), 0);
    assert_eq!(send(&signed, b"small".to_vec()).await, 404);
    let error = bucket.parts(KEY, &upload).await.unwrap_err();
    assert_eq!(error.code(), "s3-upload-missing");
    let part = UploadedPart { number: 1, etag: "x".to_owned(), sha256: [0; 32] };
    let error = bucket.complete_upload(KEY, &upload, &[part]).await.unwrap_err();
    assert!(matches!(&error, Error::Store { code: "s3-upload-missing", .. }), "{error:?}");
}

#[tokio::test]
async fn parts_that_are_not_there_or_too_small_make_no_object() {
    let (_folder, _store, bucket) = open(StoreOptions::default()).await;
    let upload = bucket.begin_upload(KEY, &headers()).await.unwrap();
    for (number, content) in [(1, b"small"), (2, b"other")] {
        let signed = sign(&bucket, &upload, number, content).await;
        assert_eq!(send(&signed, content.to_vec()).await, 200);
    }
    let mut parts = named(&bucket.parts(KEY, &upload).await.unwrap(), &[b"small", b"other"]);
    let too_small = bucket.complete_upload(KEY, &upload, &parts).await.unwrap_err();
    assert_eq!(too_small.code(), "s3-parts-refused");
    parts[1].sha256 = [0; 32];
    let refused = bucket.complete_upload(KEY, &upload, &parts[1..]).await.unwrap_err();
    assert_eq!(refused.code(), "s3-parts-refused");
    assert!(matches!(bucket.head(KEY).await, Err(Error::ObjectMissing)));
}

#[tokio::test]
async fn a_signed_address_reads_one_object_for_a_while() {
    let (folder, _store, bucket) = open(StoreOptions::default()).await;
    bucket.put(KEY, folder.file(1000), &headers()).await.unwrap();
    let mut shown = headers();
    shown.content_type = "text/plain".to_owned();
    shown.content_disposition = "attachment; filename*=UTF-8''a%20b.txt".to_owned();
    let signed = bucket.presign_get(KEY, &shown, LIFE, now()).await.unwrap();
    assert_eq!(signed.life, LIFE);
    assert!(!signed.url.contains("checksum") && signed.url.contains("X-Amz-Expires=3600"));
    let answer = reqwest::get(&signed.url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain");
    assert_eq!(answer.headers()["content-disposition"], shown.content_disposition);
    assert_eq!(answer.bytes().await.unwrap(), noise(1000));
    let elsewhere = signed.url.replace("film.mp4", "other.mp4");
    assert_eq!(reqwest::get(elsewhere).await.unwrap().status(), 403);
    let longer = signed.url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000");
    assert_eq!(reqwest::get(longer).await.unwrap().status(), 403);
    let put = reqwest::Client::new().put(&signed.url).body("x").send().await.unwrap();
    assert_eq!(put.status(), 403);
    let before = now() - 2 * LIFE;
    let expired = bucket.presign_get(KEY, &shown, LIFE, before).await.unwrap();
    assert_eq!(reqwest::get(&expired.url).await.unwrap().status(), 403);
    let forever = bucket.presign_get(KEY, &shown, 1000 * LIFE, now()).await.unwrap();
    assert_eq!(forever.life, 168 * LIFE);
    assert_eq!(reqwest::get(&forever.url).await.unwrap().status(), 200);
}
