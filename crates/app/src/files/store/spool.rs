//! The file that an upload is received into: it counts, hashes and remembers how the content begins.
//! It is removed when it is dropped, unless the store took it; what a crash leaves is swept at start.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::StoreError;

/// How much of the beginning is kept, to tell the content's type.
const HEAD_BYTES: usize = 4096;

/// The bytes of the hash that an entity tag shows: 128 bits tell any two contents apart.
const ETAG_BYTES: usize = 16;

/// Where uploads are received.
pub(super) struct SpoolFolder {
    path: PathBuf,
    used: Arc<AtomicU64>,
}

impl SpoolFolder {
    /// The spool folder at `path`, emptied of what an earlier process left. The folder exists.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        for entry in fs::read_dir(&path)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { path, used: Arc::new(AtomicU64::new(0)) })
    }

    /// An empty file, which may grow as long as all of them hold less than `capacity` bytes.
    pub(super) async fn create(&self, capacity: u64) -> Result<SpoolFile, StoreError> {
        let path = self.path.join(Uuid::new_v4().to_string());
        let room = Room { path, bytes: 0, capacity, used: Arc::clone(&self.used) };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = tokio::fs::OpenOptions::from(options)
            .open(&room.path)
            .await
            .map_err(StoreError::at("make a spool file"))?;
        Ok(SpoolFile { file, room, hash: Sha256::new(), head: Vec::new() })
    }
}

/// A path and the bytes it takes; both are given back when it is dropped.
struct Room {
    path: PathBuf,
    bytes: u64,
    capacity: u64,
    used: Arc<AtomicU64>,
}

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), StoreError> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before.saturating_add(bytes) > self.capacity { Err(StoreError::Busy) } else { Ok(()) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
        // It may have been moved into the store; and what cannot be removed is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// An upload that is being received.
pub(crate) struct SpoolFile {
    file: tokio::fs::File,
    room: Room,
    hash: Sha256,
    head: Vec<u8>,
}

/// An upload that was received whole.
pub(crate) struct Spooled {
    file: fs::File,
    room: Room,
    etag: String,
    head: Vec<u8>,
}

impl SpoolFile {
    /// How many bytes came so far.
    pub(crate) fn size(&self) -> u64 {
        self.room.bytes
    }

    /// Takes the next piece of the content.
    pub(crate) async fn write(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        self.room.take(chunk.len() as u64)?;
        self.hash.update(chunk);
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend(chunk.iter().take(missing));
        self.file.write_all(chunk).await.map_err(StoreError::at("write a spool file"))
    }

    /// The content, now that it is whole.
    pub(crate) async fn finish(mut self) -> Result<Spooled, StoreError> {
        self.file.flush().await.map_err(StoreError::at("write a spool file"))?;
        let file = self.file.into_std().await;
        let etag = quoted_hex(&self.hash.finalize());
        Ok(Spooled { file, room: self.room, etag, head: self.head })
    }
}

impl Spooled {
    /// How many bytes it has.
    pub(crate) fn size(&self) -> u64 {
        self.room.bytes
    }

    /// The entity tag of the content: 128 bits of its SHA-256 in hex, with the quotes.
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// How the content begins.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Moves the content to `target`, in the same file system, once it has reached the disk.
    pub(super) fn persist(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.room.path, target)
    }
}

fn quoted_hex(hash: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in hash.iter().take(ETAG_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("{name}-{}", Uuid::new_v4()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[tokio::test]
    async fn it_counts_hashes_and_is_gone_when_dropped() {
        let path = scratch("spool");
        let folder = SpoolFolder::open(path.clone()).unwrap();
        let mut file = folder.create(100).await.unwrap();
        file.write(b"ab").await.unwrap();
        file.write(b"c").await.unwrap();
        let spooled = file.finish().await.unwrap();
        assert_eq!((spooled.size(), spooled.head()), (3, b"abc".as_slice()));
        // The first half of SHA-256("abc") (FIPS 180-2, appendix B.1).
        assert_eq!(spooled.etag(), "\"ba7816bf8f01cfea414140de5dae2223\"");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        drop(spooled);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir_all(path).unwrap();
    }

    #[tokio::test]
    async fn all_uploads_share_one_room() {
        let path = scratch("spool");
        let folder = SpoolFolder::open(path.clone()).unwrap();
        let mut first = folder.create(10).await.unwrap();
        first.write(b"12345678").await.unwrap();
        let mut second = folder.create(10).await.unwrap();
        assert!(matches!(second.write(b"123").await, Err(StoreError::Busy)));
        drop((first, second));
        folder.create(10).await.unwrap().write(b"1234567890").await.unwrap();
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_a_crash_left_is_swept() {
        let path = scratch("spool");
        fs::write(path.join("left"), "x").unwrap();
        SpoolFolder::open(path.clone()).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir_all(path).unwrap();
    }
}
