//! The bucket over a store that checks signatures, conditions and checksums.

mod faults;
mod objects;
mod rotation;
mod uploads;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clients::s3::{Bucket, Content, ObjectHeaders};
use clients::testing::{Store, StoreOptions};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("s3-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file with `size` bytes in it that look like nothing.
    fn file(&self, size: u64) -> Content {
        let path = self.0.join("content");
        let bytes = noise(usize::try_from(size).unwrap());
        std::fs::write(&path, &bytes).unwrap();
        Content::File { path, size, sha256: Sha256::digest(&bytes).into() }
    }

    fn store(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Bytes that do not repeat soon.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(step).flatten().take(size).collect()
}

fn headers() -> ObjectHeaders {
    ObjectHeaders {
        content_type: "image/png".to_owned(),
        content_disposition: "inline; filename*=UTF-8''ein%20Bild.png".to_owned(),
        cache_control: Some("private, max-age=600".to_owned()),
    }
}

async fn open(options: StoreOptions) -> (Folder, Store, Bucket) {
    let folder = Folder::new();
    let store = Store::start(folder.store(), options).await;
    let bucket = Bucket::open(store.settings(), store.keys()).unwrap();
    (folder, store, bucket)
}

async fn read(bucket: &Bucket, key: &str) -> Vec<u8> {
    let object = bucket.get(key, None).await.unwrap();
    let pieces: Vec<Bytes> = object.stream.try_collect().await.unwrap();
    let all = pieces.concat();
    assert_eq!(all.len() as u64, object.size);
    all
}
