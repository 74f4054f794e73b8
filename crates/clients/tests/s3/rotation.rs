//! Keys: replaced under load, expired, a profile's, an instance's, none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use base::clock::Clock;
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
async fn keys_that_the_store_refuses_do_not_take_the_place_of_others() {
    let (_folder, _store, bucket) = open(StoreOptions::default()).await;
    for (id, secret, code) in [("nobody", "x", "s3-keys-unknown"), ("first", "wrong", "s3-signature")] {
        let error = bucket.replace_keys(Store::keys_of(id, secret)).await.unwrap_err();
        assert_eq!(error.code(), code);
        bucket.put(&format!("uploads/{id}-{secret}"), small(), &headers()).await.unwrap();
    }
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

#[tokio::test]
async fn all_who_wait_for_keys_hear_of_one_failure() {
    let (_folder, store, _) = open(StoreOptions::default()).await;
    // It takes calls, and never answers.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let machine = Machine { instance_endpoint: Some(endpoint), ..Machine::default() };
    let bucket = Bucket::open(store.settings(), Keys::Machine(machine)).unwrap();
    let began = Instant::now();
    bucket.check_keys().await.unwrap_err();
    let alone = began.elapsed();
    let waiting = (0..20).map(|_| bucket.check_keys());
    let began = Instant::now();
    for answer in futures::future::join_all(waiting).await {
        assert_eq!(answer.unwrap_err().code(), "s3-keys-missing");
    }
    assert!(began.elapsed() < alone + Duration::from_secs(1), "{:?}, {alone:?} alone", began.elapsed());
}

#[tokio::test]
async fn given_keys_may_expire_too() {
    let (_folder, store, _) = open(StoreOptions::default()).await;
    let now = Clock::system().unix_seconds();
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap());
    let Keys::Given { access_key_id, secret_access_key, .. } = store.keys() else { panic!("the machine's") };
    let keys = Keys::Given {
        access_key_id,
        secret_access_key,
        session_token: Some("session".to_owned().into()),
        expires: Some(at(now + 600)),
    };
    let bucket = Bucket::open(store.settings(), keys).unwrap();
    let signed = bucket.presign_get("uploads/1", &headers(), Duration::from_hours(1), at(now)).await.unwrap();
    assert_eq!(signed.life, Duration::from_mins(10));
}

/// An instance's own service, which tells keys of a role: their id, their secret is it and `-secret`.
async fn instance(id: &Arc<Mutex<&'static str>>, expires_at: i64) -> Machine {
    type Id = Arc<Mutex<&'static str>>;
    let token = || async { ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "token") };
    let role = || async { "role" };
    let keys = move |State(id): State<Id>| async move {
        let id = *id.lock().unwrap();
        let expires = chrono::DateTime::from_timestamp(expires_at, 0).unwrap();
        let expires = expires.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        serde_json::json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "AccessKeyId": id,
            "SecretAccessKey": format!("{id}-secret"), "Token": "session", "Expiration": expires,
        })
        .to_string()
    };
    let router = Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/meta-data/iam/security-credentials/", get(role))
        .route("/latest/meta-data/iam/security-credentials/role", get(keys))
        .with_state(Arc::clone(id));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Machine { instance_endpoint: Some(endpoint), ..Machine::default() }
}

#[tokio::test]
async fn an_instances_keys_are_renewed_before_they_expire_and_where_the_store_refuses_them() {
    let (_folder, store, _) = open(StoreOptions::default()).await;
    let now = Clock::system().unix_seconds();
    let clock = Clock::manual(now);
    let id = Arc::new(Mutex::new("first"));
    let machine = instance(&id, now + 3600).await;
    let bucket = Bucket::open_with(store.settings(), Keys::Machine(machine), clock.clone()).unwrap();
    bucket.put("uploads/1", small(), &headers()).await.unwrap();
    store.allow("second", "second-secret");
    *id.lock().unwrap() = "second";
    store.forbid("first");
    // It has just been asked.
    let error = bucket.put("uploads/2", small(), &headers()).await.unwrap_err();
    assert_eq!(error.code(), "s3-keys-unknown");
    clock.advance(11);
    bucket.put("uploads/2", small(), &headers()).await.unwrap();
    store.allow("third", "third-secret");
    *id.lock().unwrap() = "third";
    clock.advance(3600 - 300);
    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap());
    let signed = bucket.presign_get("uploads/1", &headers(), Duration::from_hours(2), at).await.unwrap();
    assert!(signed.url.contains("third") && signed.url.contains("X-Amz-Expires=3600"));
    assert_eq!(signed.life, Duration::from_hours(1));
    assert_eq!(reqwest::get(&signed.url).await.unwrap().status(), 200);
}

#[tokio::test]
async fn no_address_outlives_the_keys_that_signed_it() {
    let (_folder, store, _) = open(StoreOptions::default()).await;
    let now = Clock::system().unix_seconds();
    let machine = instance(&Arc::new(Mutex::new("first")), now + 1000).await;
    let bucket = Bucket::open(store.settings(), Keys::Machine(machine)).unwrap();
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap());
    let headers = headers();
    let sign = |life, now| bucket.presign_get("uploads/1", &headers, life, at(now));
    assert_eq!(sign(Duration::from_hours(1), now).await.unwrap().life, Duration::from_secs(1000));
    assert_eq!(sign(Duration::from_secs(10), now).await.unwrap().life, Duration::from_secs(10));
    let error = sign(Duration::from_hours(1), now + 1000).await.map(drop).unwrap_err();
    assert_eq!(error.code(), "s3-keys-expired");
}
