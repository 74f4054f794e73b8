//! Nhost Storage's tools for the administrator: what the store has and the rows do not, and the other way round.

use bytes::Bytes;
use clients::s3::{Bucket, Content, ObjectHeaders};
use http::Method;
use serde_json::{Value, json};

use super::everywhere;
use super::service::{ANNA, Caller, Place, Service};

everywhere! {
    nobody_else_is_told
    objects_that_nobody_knows_are_listed_and_removed
    files_without_their_object_are_listed_and_deleted
    files_that_never_came_are_listed
}

async fn ask(service: &Service, operation: &str) -> Value {
    let answer = service.post(&format!("/ops/{operation}"), Caller::Admin, &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Puts an object into the store behind the service's back.
async fn intrude(service: &Service, key: &str) {
    let Some(shop) = &service.shop else {
        let path = service.folder.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(path, "somebody").unwrap();
    };
    let headers = ObjectHeaders {
        content_type: "text/plain".to_owned(),
        content_disposition: "attachment".to_owned(),
        cache_control: None,
    };
    let bucket = Bucket::open(shop.settings(), shop.keys()).unwrap();
    bucket.put(key, Content::Bytes(Bytes::from_static(b"somebody")), &headers).await.unwrap();
}

async fn nobody_else_is_told(place: Place) {
    let service = Service::start(place).await;
    for operation in [
        "list-orphans",
        "delete-orphans",
        "list-broken-metadata",
        "delete-broken-metadata",
        "list-not-uploaded",
    ] {
        for caller in [Caller::Nobody, Caller::User(ANNA)] {
            let answer = service.post(&format!("/ops/{operation}"), caller, &json!({})).await;
            assert_eq!(answer.error().0, 403, "{operation}");
        }
    }
}

async fn objects_that_nobody_knows_are_listed_and_removed(place: Place) {
    let service = Service::start(place).await;
    let kept = service.stored("a.txt", "text/plain", b"a").await;
    let unknown = "uploads/0b7a1c5e-0000-4000-8000-000000000001/b.txt";
    // The name of the kept file's own object, written in capitals: it is another object, and none of ours.
    let known = service.objects().await.pop().unwrap();
    let foreign = known.replace(&kept, &kept.to_uppercase());
    intrude(&service, unknown).await;
    intrude(&service, &foreign).await;

    let mut orphans = vec![unknown.to_owned(), foreign.clone()];
    orphans.sort();
    assert_eq!(ask(&service, "list-orphans").await, json!({ "files": orphans }));
    assert_eq!(ask(&service, "delete-orphans").await, json!({ "files": [unknown] }));
    let mut left = vec![known, foreign];
    left.sort();
    assert_eq!(service.objects().await, left);
    assert_eq!(service.book().await.len(), 1);
    let answer = service.fetch(Method::GET, &format!("/files/{kept}"), Caller::User(ANNA), &[]).await;
    assert_eq!(answer.body, b"a");
}

async fn files_without_their_object_are_listed_and_deleted(place: Place) {
    let service = Service::start(place).await;
    let (lost, kept) = (
        service.stored("a.txt", "text/plain", b"a").await,
        service.stored("b.txt", "text/plain", b"b").await,
    );
    let key = service.objects().await.into_iter().find(|key| key.contains(&lost)).unwrap();
    service.lose(&key).await;
    // One that somebody said to be there, without ever uploading it.
    let said = "mutation { insertFile(object: { name: \"c.txt\", bucketId: \"default\", isUploaded: true }) { id } }";
    let said = service.world.admin(said).await["insertFile"]["id"].as_str().unwrap().to_owned();
    let ids = |answer: &Value| {
        let files = answer["metadata"].as_array().unwrap().iter();
        let mut ids: Vec<String> = files.map(|file| file["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut broken = vec![lost, said];
    broken.sort();
    assert_eq!(ids(&ask(&service, "list-broken-metadata").await), broken);
    assert_eq!(ids(&ask(&service, "delete-broken-metadata").await), broken);
    let left = service.rows().await;
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(kept)));
    assert_eq!(ask(&service, "list-broken-metadata").await, json!({ "metadata": [] }));
}

async fn files_that_never_came_are_listed(place: Place) {
    let service = Service::start(place).await;
    service.stored("a.txt", "text/plain", b"a").await;
    assert_eq!(ask(&service, "list-not-uploaded").await, json!({ "metadata": [] }));
    let row = "mutation { insertFile(object: { name: \"b.txt\", bucketId: \"default\", isUploaded: false }) { id } }";
    let id = service.world.admin(row).await["insertFile"]["id"].clone();
    let listed = json!({ "id": id, "name": "b.txt", "bucketId": "default", "isUploaded": false });
    assert_eq!(ask(&service, "list-not-uploaded").await, json!({ "metadata": [listed] }));
}
