//! After the kills: what clients were told is true, and the database, the store and the folders agree.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clients::s3::Bucket;
use clients::testing::Store;
use serde_json::json;

use super::ledger::Seen;
use super::load::Client;
use super::server::Server;

/// How long housekeeping may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is not over yet, and whose turn has come.
const LEFT: &str = "query($now: timestamptz!) {
  stored_objects(where: { isCurrent: { _eq: false } }) { key fileId uploadId expectedUntil problem }
  files(where: { isUploaded: { _eq: false } }) { id updatedAt objects { key } }
  due: stored_objects(where: { isCurrent: { _eq: false }, expectedUntil: { _lt: $now } }) { key }
  dueWithoutEnd: stored_objects(where: { isCurrent: { _eq: false }, expectedUntil: { _is_null: true } }) { key }
  dueFiles: files(where: { isUploaded: { _eq: false }, updatedAt: { _lt: $now } }) { id }
}";

const ALL: &str = "{
  stored_objects(order_by: [{ key: asc }]) { key size }
  files(where: { isUploaded: { _eq: true } }) { id }
}";

/// Every file shows what its client may find: whole, or not at all.
pub(super) async fn files_are_whole(server: &Server, clients: &[Client]) {
    for client in clients {
        for entry in &client.files {
            let seen = client.look(server.address(), entry.id).await.expect("the server answers");
            assert!(entry.allows(seen), "{seen:?} of {entry:?}\n{}", server.log());
        }
    }
}

/// Housekeeping comes when the time of all that was begun is over, and leaves nothing of it.
pub(super) async fn is_tidied_up(server: &mut Server) {
    // What came in parts as a picture is rewritten by housekeeping, and what was there before stays for its readers.
    for _ in 0..3 {
        server.let_a_month_pass().await;
        // It begins at the start, and goes on a minute later.
        server.kill().await;
        server.start().await;
        if is_done(server).await {
            return;
        }
    }
    panic!("something is always left\n{}", server.log());
}

/// Waits until housekeeping did what it has to do now: whether there is nothing to do later.
async fn is_done(server: &Server) -> bool {
    // Between what a month has passed for and what is new.
    let variables = json!({ "now": "yesterday" });
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let left = server.ask(LEFT, variables.clone()).await;
        let is_none = |name: &str| left[name].as_array().unwrap().is_empty();
        if ["due", "dueWithoutEnd", "dueFiles"].into_iter().all(is_none) {
            return is_none("stored_objects") && is_none("files");
        }
        assert!(tokio::time::Instant::now() < deadline, "{left}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The database, the store and the clients know of the same files and objects, and nothing else is anywhere.
pub(super) async fn all_agree(server: &Server, store: Option<&Store>, clients: &[Client]) {
    let known = server.ask(ALL, json!({})).await;
    let book: BTreeMap<String, u64> = (known["stored_objects"].as_array().unwrap().iter())
        .map(|line| (line["key"].as_str().unwrap().to_owned(), line["size"].as_u64().unwrap()))
        .collect();
    let mut stored = BTreeMap::new();
    match store {
        None => list(&server.files(), &server.files().join("uploads"), &mut stored),
        Some(store) => {
            let bucket = Bucket::open(store.settings(), store.keys()).unwrap();
            let mut after = None;
            loop {
                let page = bucket.list("", after.as_deref()).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.key.clone());
                stored.extend(page.into_iter().map(|listed| (listed.key, listed.size)));
            }
        }
    }
    assert_eq!(book, stored);

    let mut shown = Vec::new();
    for client in clients {
        for entry in &client.files {
            let seen = client.look(server.address(), entry.id).await.expect("the server answers");
            assert!(entry.allows(seen), "{seen:?} of {entry:?}");
            shown.extend((seen != Seen::Nothing).then(|| entry.id.to_string()));
        }
    }
    let files = known["files"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap().to_owned());
    let mut files: Vec<_> = files.collect();
    shown.sort();
    files.sort();
    assert_eq!(shown, files);

    for folder in ["spool", "parts"] {
        let mut left = BTreeMap::new();
        list(&server.files(), &server.files().join(folder), &mut left);
        assert_eq!(left, BTreeMap::new(), "{folder}");
    }
    let (agrees, said) = server.run(&["storage", "check"]).await;
    let agreeing = format!("store and database: {} objects agree", book.len());
    assert!(agrees && said.contains(&agreeing), "{agreeing}\n{said}");
}

/// All that is under `folder`, empty folders of it too, but not itself.
fn list(root: &Path, folder: &Path, found: &mut BTreeMap<String, u64>) {
    let entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap).collect();
    for entry in entries {
        let (path, about) = (entry.path(), entry.metadata().unwrap());
        let is_empty = about.is_dir() && std::fs::read_dir(&path).unwrap().next().is_none();
        if about.is_dir() && !is_empty {
            list(root, &path, found);
        } else {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(key, if is_empty { 0 } else { about.len() });
        }
    }
}
