use std::os::unix::fs::PermissionsExt as _;

use base::ids::FileId;
use bytes::Bytes;
use futures::TryStreamExt as _;

use super::*;
use crate::files::spool::{SpoolFolder, Spooled};
use crate::files::store::SentPart;

struct Scratch {
    root: PathBuf,
    store: DiskStore,
    spool: SpoolFolder,
}

impl Scratch {
    async fn new() -> Self {
        let root = std::env::temp_dir().join(format!("store-{}", Uuid::new_v4()));
        let store = DiskStore::open(&root).await.unwrap();
        Self { store, spool: SpoolFolder::open(root.join("spool"), 1000).unwrap(), root }
    }

    async fn spooled(&self, bytes: &[u8]) -> Spooled {
        let mut file = self.spool.create(None).await.unwrap();
        file.write(bytes).await.unwrap();
        file.finish().await.unwrap()
    }

    async fn put(&self, key: &ObjectKey, bytes: &[u8]) {
        let content = Content::Received(self.spooled(bytes).await);
        self.store.put(key, content).await.unwrap();
    }

    async fn read(&self, key: &ObjectKey, range: Option<(u64, u64)>) -> Result<String, StoreError> {
        let chunks: Vec<Bytes> = self.store.read(key, range).await?.try_collect().await?;
        Ok(String::from_utf8(chunks.concat()).unwrap())
    }

    async fn part(&self, upload: &str, number: u16, bytes: &[u8]) -> SentPart {
        let content = self.spooled(bytes).await;
        let sha256 = data_encoding::HEXLOWER.encode(&content.sha256());
        let etag = self.store.put_part(upload, number, content).await.unwrap();
        SentPart { number, etag, sha256 }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::content(FileId(Uuid::new_v4()), name)
}

#[tokio::test]
async fn what_a_crash_left_is_removed_when_it_is_old() {
    let scratch = Scratch::new().await;
    let upload = scratch.store.begin_parts().await.unwrap();
    fs::write(scratch.root.join(PARTS).join("~half"), "x").unwrap();
    let now = fs::metadata(scratch.root.join(PARTS)).unwrap().modified().unwrap();
    let an_hour = std::time::Duration::from_hours(1);
    assert_eq!(scratch.store.remove_abandoned(now - an_hour).await.unwrap(), 0);
    scratch.part(&upload, 1, b"x").await;
    assert_eq!(scratch.store.remove_abandoned(now + an_hour).await.unwrap(), 2);
    assert_eq!(fs::read_dir(scratch.root.join(PARTS)).unwrap().count(), 0);
}

#[tokio::test]
async fn objects_are_kept_read_in_parts_and_removed() {
    let scratch = Scratch::new().await;
    let first = key("a.txt");
    assert!(matches!(scratch.read(&first, None).await, Err(StoreError::Missing)));
    scratch.put(&first, b"0123456789").await;
    let second = first.fresh();
    scratch.store.put(&second, Content::Made(Bytes::from_static(b"made"))).await.unwrap();
    assert_eq!(scratch.read(&first, None).await.unwrap(), "0123456789");
    assert_eq!(scratch.read(&first, Some((2, 4))).await.unwrap(), "234");
    assert_eq!(scratch.read(&second, None).await.unwrap(), "made");
    assert_eq!(scratch.store.size(&first).await.unwrap(), 10);

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = scratch.root.join(first.folder());
    assert_eq!(
        (mode(&folder), mode(&folder.join("a.txt")), mode(&folder.join(second.name()))),
        (0o700, 0o600, 0o600)
    );
    assert_eq!(fs::read_dir(scratch.root.join("spool")).unwrap().count(), 0);

    scratch.store.remove(&first).await.unwrap();
    scratch.store.remove(&first).await.unwrap();
    assert_eq!(scratch.read(&second, None).await.unwrap(), "made");
    scratch.store.remove(&second).await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_listing_goes_on_where_it_ended() {
    let scratch = Scratch::new().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        let one = key("b.txt");
        for key in [one.clone(), one.fresh()] {
            scratch.put(&key, b"x").await;
            keys.push(key.to_string());
        }
    }
    keys.sort();
    let listed = |after: Option<String>| {
        let store = scratch.store.clone();
        async move {
            let listed = store.list(after.as_deref()).await.unwrap();
            listed.into_iter().map(|listed| listed.key).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed(None).await, keys);
    assert_eq!(listed(Some(keys[2].clone())).await, keys[3..]);
    assert!(listed(Some(keys[5].clone())).await.is_empty());
}

#[tokio::test]
async fn parts_come_in_any_order_and_are_joined_once() {
    let scratch = Scratch::new().await;
    let (store, key) = (&scratch.store, key("big.bin"));
    let upload = store.begin_parts().await.unwrap();
    let second = scratch.part(&upload, 2, b"world").await;
    let wrong = scratch.part(&upload, 1, b"wrong ").await;
    let first = scratch.part(&upload, 1, b"hello ").await;
    let stored = store.parts(&upload).await.unwrap();
    assert_eq!(stored.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(), [(1, 6), (2, 5)]);

    let parts = [wrong, second.clone()];
    assert!(matches!(store.join_parts(&key, &upload, &parts).await, Err(StoreError::Parts(_))));
    let parts = [first, second];
    store.join_parts(&key, &upload, &parts).await.unwrap();
    store.join_parts(&key, &upload, &parts).await.unwrap();
    assert_eq!(scratch.read(&key, None).await.unwrap(), "hello world");
    assert!(store.parts(&upload).await.is_err());

    let upload = store.begin_parts().await.unwrap();
    scratch.part(&upload, 1, b"x").await;
    store.abort_parts(&upload).await.unwrap();
    store.abort_parts(&upload).await.unwrap();
    assert_eq!(fs::read_dir(scratch.root.join(PARTS)).unwrap().count(), 0);
    assert!(store.abort_parts("../uploads").await.is_err());
}

#[test]
fn pages_of_a_listing_hold_everything_once_and_in_the_order_of_keys() {
    let root = std::env::temp_dir().join(format!("listed-{}", Uuid::new_v4()));
    let uploads = root.join(UPLOADS);
    let mut keys =
        ["b/1", "a/2", "a/1", "a-b/1", "c/z", "c/a"].map(|key| format!("{UPLOADS}/{key}")).to_vec();
    for key in &keys {
        fs::create_dir_all(root.join(key).parent().unwrap()).unwrap();
        fs::write(root.join(key), key).unwrap();
    }
    fs::create_dir_all(uploads.join("aa")).unwrap();
    fs::create_dir_all(uploads.join("ab")).unwrap();
    fs::write(uploads.join("no folder"), "").unwrap();
    keys.sort();
    for folders in 1..=6 {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = list_after(&uploads, &after, folders).unwrap();
            let Some(last) = page.last() else { break };
            after.clone_from(&last.key);
            assert!(page.iter().all(|listed| listed.size == listed.key.len() as u64));
            found.extend(page.into_iter().map(|listed| listed.key));
        }
        assert_eq!(found, keys, "{folders} folders a page");
    }
    fs::remove_dir_all(&root).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_parts_of_one_number_one_stays() {
    let scratch = Scratch::new().await;
    let upload = scratch.store.begin_parts().await.unwrap();
    let mut contents = Vec::new();
    for number in 0..32_u8 {
        contents.push(scratch.spooled(&[number]).await);
    }
    let putting = contents.into_iter().map(|content| scratch.store.put_part(&upload, 1, content));
    let etags = futures::future::try_join_all(putting).await.unwrap();
    let parts = scratch.store.parts(&upload).await.unwrap();
    assert_eq!(parts.len(), 1);
    assert!(etags.contains(&parts[0].etag));
}
