//! What an administrator does with accounts from the command line.

use app::auth::{Deed, People, Person};
use axum::http::StatusCode;
use serde_json::json;

use super::service::{PASSWORD, Service, text};

async fn find(people: &People, who: &str) -> Person {
    people.find(who).await.unwrap().unwrap()
}

#[tokio::test]
async fn people_are_listed_found_and_shown_with_their_sessions() {
    let service = Service::start().await;
    let people = People::new(service.pool.clone());
    for email in ["ann@b.c", "bob@b.c", "cy@x.y"] {
        service.sign_up(email).await;
    }
    service.sql("update auth.users set display_name = 'Ünal' where email = 'cy@x.y'").await;
    let session = service.sign_in("ann@b.c", PASSWORD).await.body["session"].clone();
    let pat = json!({ "expiresAt": "2100-01-01T00:00:00Z", "metadata": { "name": "robot" } });
    service.post_as(text(&session["accessToken"]), "/pat", pat).await;
    let emails =
        |list: Vec<Person>| -> Vec<String> { list.into_iter().filter_map(|one| one.email).collect() };
    assert_eq!(people.list(None, false, 100).await.unwrap().len(), 3);
    assert_eq!(people.list(None, false, 2).await.unwrap().len(), 2);
    assert_eq!(emails(people.list(Some("B@b"), false, 100).await.unwrap()), ["bob@b.c"]);
    assert_eq!(emails(people.list(Some("ünal"), false, 100).await.unwrap()), ["cy@x.y"]);
    let ann = find(&people, "Ann@b.c").await;
    assert_eq!((ann.sessions, ann.roles.len(), ann.has_second_factor), (3, 2, false));
    assert_eq!(find(&people, &ann.id.to_string()).await, ann);
    assert_eq!(people.find("nobody' or true --").await.unwrap(), None);
    let sessions = people.sessions(ann.id).await.unwrap();
    assert!(
        sessions.iter().any(|session| session.kind == "pat" && session.device == "robot"),
        "{sessions:?}"
    );
    assert!(sessions.iter().any(|session| session.device == "local"));
}

#[tokio::test]
async fn who_is_blocked_signed_out_verified_or_deleted_notices() {
    let service = Service::start().await;
    let people = People::new(service.pool.clone());
    let session = service.sign_up("a@b.c").await;
    let id = find(&people, "a@b.c").await.id;
    assert!(people.do_to(id, Deed::Block).await.unwrap());
    assert!(find(&people, "a@b.c").await.disabled);
    assert_eq!(people.list(None, true, 9).await.unwrap().len(), 1);
    service.refresh(&session["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");
    service.sign_in("a@b.c", PASSWORD).await.assert_error(401, "disabled-user", "disabled");
    assert!(people.do_to(id, Deed::Unblock).await.unwrap());
    let session = service.sign_in("a@b.c", PASSWORD).await.body["session"].clone();
    assert!(people.do_to(id, Deed::SignOut).await.unwrap());
    service.refresh(&session["refreshToken"]).await.assert_error(401, "invalid-refresh-token", "Invalid");
    assert_eq!(service.sign_in("a@b.c", PASSWORD).await.status, StatusCode::OK);
    assert!(people.do_to(id, Deed::Verify).await.unwrap());
    assert!(find(&people, "a@b.c").await.email_verified);
    assert!(people.do_to(id, Deed::Delete).await.unwrap());
    assert_eq!(people.find("a@b.c").await.unwrap(), None);
    for deed in [Deed::Block, Deed::Unblock, Deed::SignOut, Deed::Verify, Deed::Delete] {
        assert!(!people.do_to(id, deed).await.unwrap(), "{deed:?}");
    }
}
