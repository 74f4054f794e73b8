//! The least rights: those that are printed are enough for all that a server does with its bucket, each of them is needed,
//! and with those of the specification files go up and down.

use std::time::{Duration, UNIX_EPOCH};

use base::clock::Clock;
use bytes::Bytes;
use clients::http::{Http, HttpOptions, Request};
use clients::s3::{Bucket, Content, Encryption, Keys, ObjectHeaders, Settings, UploadedPart};
use futures::TryStreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::command::Operator;
use super::comparing::migrated;
use super::store::{Person, Store};

fn make_bucket(bucket: &str) {
    let place = json!({ "LocationConstraint": "eu-central-1" });
    let made = json!({ "Bucket": bucket, "CreateBucketConfiguration": place, "ObjectOwnership": "BucketOwnerEnforced" });
    Store::shared().call("create_bucket", &made);
}

fn open(bucket: &str, person: &Person) -> Bucket {
    let settings = Settings {
        bucket: bucket.to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(Store::shared().endpoint.clone()),
        public_endpoint: None,
        path_style: true,
        object_acl: None,
        encryption: Encryption::Store,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(20),
        attempts: 2,
    };
    let keys = Keys::Given {
        access_key_id: person.id.clone(),
        secret_access_key: person.secret.clone().into(),
        session_token: None,
        expires: None,
    };
    Bucket::open(settings, keys).unwrap()
}

/// The settings that ask for the most rights.
fn with_archive(bucket: &str, person: &Person) -> Operator {
    Operator::of_bucket(bucket, person)
        .with("AWS_S3_ARCHIVE_AFTER_DAYS", "30")
        .with("AWS_S3_ARCHIVE_CLASS", "GLACIER")
}

fn printed(bucket: &str) -> Value {
    with_archive(bucket, &Person { id: "AKIDNOBODY".to_owned(), secret: "none".to_owned() }).policy("server")
}

fn headers() -> ObjectHeaders {
    ObjectHeaders {
        content_type: "text/plain".to_owned(),
        content_disposition: "attachment; filename=\"a b.txt\"".to_owned(),
        cache_control: None,
    }
}

/// A file goes up and down in every way that there is.
async fn keep_files(bucket: &Bucket, folder: &str) {
    let now = UNIX_EPOCH + Duration::from_secs(Clock::system().unix_seconds().unsigned_abs());
    let life = Duration::from_mins(10);
    let http = Http::new("test", HttpOptions::default()).unwrap();
    let whole = format!("uploads/{folder}/whole.txt");
    bucket.put(&whole, Content::Bytes(Bytes::from_static(b"hello")), &headers()).await.unwrap();
    assert_eq!(bucket.head(&whole).await.unwrap().size, 5);
    let read: Vec<Bytes> =
        bucket.get(&whole, Some((1, 3))).await.unwrap().stream.try_collect().await.unwrap();
    assert_eq!(read.concat(), b"ell");
    let signed = bucket.presign_get(&whole, &headers(), life, now).await.unwrap();
    assert_eq!(http.get(&signed.url, http::HeaderMap::new()).await.unwrap().body(), b"hello");

    let parts = format!("uploads/{folder}/parts.bin");
    let upload = bucket.begin_upload(&parts, &headers()).await.unwrap();
    let part = vec![7_u8; 1 << 20];
    let sha256: [u8; 32] = Sha256::digest(&part).into();
    let size = part.len() as u64;
    let signed = bucket.presign_part(&parts, &upload, 1, size, &sha256, life, now).await.unwrap();
    let mut request = Request::new(part);
    *request.method_mut() = http::Method::PUT;
    *request.uri_mut() = signed.url.parse().unwrap();
    for (name, value) in &signed.headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = http.send(request).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    bucket.complete_upload(&parts, &upload, &[UploadedPart { number: 1, etag, sha256 }]).await.unwrap();
    assert_eq!(bucket.head(&parts).await.unwrap().size, size);
}

#[tokio::test]
async fn the_printed_policy_is_enough_for_a_server() {
    make_bucket("served");
    let bucket = open("served", &Store::shared().person(&printed("served")));
    keep_files(&bucket, "a").await;
    let listed = bucket.list("uploads/", None).await.unwrap();
    assert_eq!(
        listed.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(),
        ["uploads/a/parts.bin", "uploads/a/whole.txt"]
    );
    assert!(matches!(bucket.head("uploads/none").await, Err(clients::Error::ObjectMissing)));
    let upload = bucket.begin_upload("uploads/a/given-up", &headers()).await.unwrap();
    assert_eq!(bucket.parts("uploads/a/given-up", &upload).await.unwrap(), []);
    bucket.abort_upload("uploads/a/given-up", &upload).await.unwrap();
    Store::shared().call(
        "put_object",
        &json!({ "Bucket": "served", "Key": "uploads/a/cold", "Body": "x", "StorageClass": "GLACIER" }),
    );
    bucket.restore("uploads/a/cold", 1).await.unwrap();
    bucket.delete("uploads/a/whole.txt").await.unwrap();

    // It is enough for files alone.
    let elsewhere = bucket.put("elsewhere", Content::Bytes(Bytes::new()), &headers()).await;
    assert_eq!(elsewhere.unwrap_err().code(), "s3-forbidden");
    assert_eq!(bucket.list("", None).await.unwrap_err().code(), "s3-forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_the_store_names_each_right_that_is_missing() {
    let (_database, url) = migrated().await;
    make_bucket("tried");
    let with_archive = |person: &Person| with_archive("tried", person).with("DATABASE_URL", &url);
    let policy = printed("tried");
    let said = with_archive(&Store::shared().person(&policy)).run(&["check"]);
    let subjects = [
        "put",
        "list",
        "get",
        "encryption",
        "what is not there",
        "get by a signed address",
        "restore",
        "delete",
        "upload in parts",
        "parts of an upload",
        "end of an upload",
        "store and database",
    ];
    assert_eq!(said.about("right"), subjects, "{said:?}");
    let objects = Store::shared().call("list_objects_v2", &json!({ "Bucket": "tried" }));
    assert_eq!(objects["KeyCount"], 0, "what was tried is gone: {objects}");

    let rights = policy["Statement"][0]["Action"].as_array().unwrap();
    assert_eq!(rights.len(), 6);
    for missing in rights {
        let mut less = policy.clone();
        let least: Vec<_> = rights.iter().filter(|right| *right != missing).collect();
        less["Statement"][0]["Action"] = json!(least);
        let said = with_archive(&Store::shared().person(&less)).run(&["check"]);
        let missing = format!("the right {} is missing", missing.as_str().unwrap());
        assert!(!said.succeeded && said.output.contains(&missing), "{missing}: {said:?}");
    }
    let mut blind = policy.clone();
    blind["Statement"].as_array_mut().unwrap().pop();
    let said = with_archive(&Store::shared().person(&blind)).run(&["check"]);
    for subject in ["list", "what is not there"] {
        assert_eq!(said.line(subject), format!("failed   {subject}: the right s3:ListBucket is missing"));
    }
}

#[tokio::test]
async fn with_the_rights_of_the_specification_files_go_up_and_down() {
    make_bucket("specified");
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::specified/*" }] });
    let person = Store::shared().person(&policy);
    let bucket = open("specified", &person);
    keep_files(&bucket, "a").await;
    assert_eq!(bucket.delete("uploads/a/whole.txt").await.unwrap_err().code(), "s3-forbidden");

    let (_database, url) = migrated().await;
    let said = Operator::of_bucket("specified", &person).with("DATABASE_URL", &url).run(&["check"]);
    assert!(!said.succeeded);
    let right = ["put", "get", "encryption", "get by a signed address", "upload in parts"];
    assert_eq!(said.about("right"), right, "{said:?}");
    for (subject, right) in [
        ("delete", "s3:DeleteObject"),
        ("list", "s3:ListBucket"),
        ("what is not there", "s3:ListBucket"),
        ("parts of an upload", "s3:ListMultipartUploadParts"),
        ("end of an upload", "s3:AbortMultipartUpload"),
    ] {
        assert_eq!(said.line(subject), format!("failed   {subject}: the right {right} is missing"));
    }
}

#[test]
fn access_lists_are_asked_for_where_they_are_sent() {
    let place = json!({ "LocationConstraint": "eu-central-1" });
    Store::shared().call("create_bucket", &json!({ "Bucket": "listed", "CreateBucketConfiguration": place }));
    let nobody = Person { id: "AKIDNOBODY".to_owned(), secret: "none".to_owned() };
    let without = Operator::of_bucket("listed", &nobody).policy("server");
    let with = Operator::of_bucket("listed", &nobody).with("AWS_S3_OBJECT_ACL", "private").policy("server");
    let put = |policy: &Value| {
        let person = Store::shared().person(policy);
        Operator::of_bucket("listed", &person).with("AWS_S3_OBJECT_ACL", "private").run(&["check"])
    };
    let said = put(&without);
    assert_eq!(said.line("put"), "failed   put: the right s3:PutObject or s3:PutObjectAcl is missing");
    assert!(put(&with).about("right").contains(&"put"));
}
