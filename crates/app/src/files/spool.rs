//! The file that an upload is received into: it counts, hashes and remembers how the content begins.
//! It is removed when it is dropped, unless the store took it; what a crash leaves is swept at start.
//!
//! The folder is on this machine whatever the store is: a size and a hash are known before a store is asked.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::store::StoreError;
use super::turns::Turn;

/// How much of the beginning is kept, to tell the content's type.
const HEAD_BYTES: usize = 4096;

/// Where uploads are received.
pub struct SpoolFolder {
    path: PathBuf,
    capacity: u64,
    used: Arc<AtomicU64>,
}

impl SpoolFolder {
    /// The folder at `path`, for the owner alone (0700), emptied of what an earlier process left: one process at a
    /// time may have it open. All that is in it together holds at most `capacity` bytes.
    pub fn open(path: PathBuf, capacity: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        for entry in fs::read_dir(&path)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { path, capacity, used: Arc::new(AtomicU64::new(0)) })
    }

    /// An empty file, which may grow as long as all of them hold less than the capacity, and those of whoever has the
    /// turn no more than their share. Without a turn: what the server makes itself.
    pub(super) async fn create(&self, turn: Option<Arc<Turn>>) -> Result<SpoolFile, StoreError> {
        let path = self.path.join(Uuid::new_v4().to_string());
        let room = Room { path, bytes: 0, capacity: self.capacity, used: Arc::clone(&self.used), turn };
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
    /// It lasts as long as these bytes are here.
    turn: Option<Arc<Turn>>,
}

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), StoreError> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if let Some(turn) = &self.turn {
            turn.take_room(bytes)?;
        }
        if before.saturating_add(bytes) > self.capacity { Err(StoreError::Busy) } else { Ok(()) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Some(turn) = &self.turn {
            turn.give_back(self.bytes);
        }
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
    sha256: [u8; 32],
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
        Ok(Spooled { file, room: self.room, sha256: self.hash.finalize().into(), head: self.head })
    }
}

impl Spooled {
    /// How many bytes it has.
    pub(crate) fn size(&self) -> u64 {
        self.room.bytes
    }

    /// The content's SHA-256.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Where the content is, as long as this is held.
    pub(crate) fn path(&self) -> &Path {
        &self.room.path
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
        let folder = SpoolFolder::open(path.clone(), 10).unwrap();
        let mut file = folder.create(None).await.unwrap();
        file.write(b"ab").await.unwrap();
        file.write(b"c").await.unwrap();
        let spooled = file.finish().await.unwrap();
        assert_eq!((spooled.size(), spooled.head()), (3, b"abc".as_slice()));
        // SHA-256("abc") begins so (FIPS 180-2, appendix B.1).
        assert_eq!(spooled.sha256()[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        drop(spooled);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir_all(path).unwrap();
    }

    #[tokio::test]
    async fn all_uploads_share_one_room() {
        let path = scratch("spool");
        let folder = SpoolFolder::open(path.clone(), 10).unwrap();
        let mut first = folder.create(None).await.unwrap();
        first.write(b"12345678").await.unwrap();
        let mut second = folder.create(None).await.unwrap();
        assert!(matches!(second.write(b"123").await, Err(StoreError::Busy)));
        drop((first, second));
        folder.create(None).await.unwrap().write(b"1234567890").await.unwrap();
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_a_crash_left_is_swept() {
        let path = scratch("spool");
        fs::write(path.join("left"), "x").unwrap();
        SpoolFolder::open(path.clone(), 10).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir_all(path).unwrap();
    }
}
