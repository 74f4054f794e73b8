//! Keys: replaced under load, expired, a profile's, an instance's, none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clients::s3::{Bucket, Content, Keys, Machine};
use clients::testing::{Store, StoreOptions};

use super::{headers, open};

fn small() -> Content {
    Content::Bytes(Bytes::from_static(b"small"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_upload_fails_while_keys_are_replaced() {
    let (folder, store, bucket) = open(StoreOptions::default()).await;
    let content = folder.file(2 * 1024 * 1024);
    let stop = Arc::new(AtomicBool::new(false));
    let uploads = (0..4).map(|client| {
        let (bucket, stop, content) = (bucket.clone(), Arc::clone(&stop), content.clone());
        tokio::spawn(async move {
            let mut done = 0;
            while !stop.load(Ordering::Relaxed) {
                let key = format!("uploads/{client}/{done}");
                bucket.put(&key, content.clone(), &headers()).await.unwrap();
                done += 1;
            }
            done
        })
    });
    let uploads: Vec<_> = uploads.collect();
    let mut old = "first".to_owned();
    for round in 0..10 {
        let new = format!("key-{round}");
        store.allow(&new, "another");
        bucket.replace_keys(Store::keys_of(&new, "another")).await.unwrap();
        // The account's owner deletes the old ones at once.
        store.forbid(&old);
        old = new;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut all = 0;
    for upload in uploads {
        all += upload.await.unwrap();
    }
    assert!(all >= 10, "{all} uploads");
}

#[tokio::test]
async fn a_profile_is_read_again_where_the_store_refuses_its_keys() {
    let (folder, store, _) = open(StoreOptions::default()).await;
    let file = folder.store().join("credentials");
    let write = |id: &str, secret: &str| {
        std::fs::write(
            &file,
            format!("[brain]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
        )
        .unwrap();
    };
    write("first", "first-secret");
    let machine = Machine {
        profile: Some("brain".to_owned()),
        credentials_file: Some(file.clone()),
        ..Machine::default()
    };
    let bucket = Bucket::open(store.settings(), Keys::Machine(machine.clone())).unwrap();
    bucket.put("uploads/1", small(), &headers()).await.unwrap();
    store.allow("second", "second-secret");
    write("second", "second-secret");
    bucket.replace_keys(Keys::Machine(machine)).await.unwrap();
    store.forbid("first");
    bucket.put("uploads/2", small(), &headers()).await.unwrap();
}

#[tokio::test]
async fn a_machine_without_keys_says_so_soon() {
    let (_folder, store, bucket) = open(StoreOptions::default()).await;
    // Nobody listens there.
    let nowhere = Machine { instance_endpoint: Some("http://127.0.0.1:9".to_owned()), ..Machine::default() };
    let began = Instant::now();
    let lost = Bucket::open(store.settings(), Keys::Machine(nowhere.clone())).unwrap();
    let error = lost.check_keys().await.unwrap_err();
    assert_eq!(error.code(), "s3-keys-missing");
    let error = lost.put("uploads/1", small(), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-keys-missing");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let error = bucket.replace_keys(Keys::Machine(nowhere)).await.unwrap_err();
    assert_eq!(error.code(), "s3-keys-missing");
    bucket.put("uploads/1", small(), &headers()).await.unwrap();
}
