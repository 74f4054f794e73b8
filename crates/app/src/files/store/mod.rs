//! Where files' bytes are: an enum of the places that there are. A key is made of the file's id, so no
//! name that a person chose decides where anything goes.

mod disk;
mod key;
mod spool;

use std::io;
use std::path::Path;

use base::ids::FileId;
use tokio::io::AsyncRead;

pub use self::disk::DiskStore;
pub(super) use self::key::ObjectKey;
pub(super) use self::spool::{SpoolFile, Spooled};

/// Where files are kept.
pub enum Store {
    /// In a folder of this machine.
    Disk(DiskStore),
}

/// Why bytes cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no space is left for files")]
    Full,
    /// The uploads under way fill what they may fill together.
    #[error("the uploads under way take all the room that they may")]
    Busy,
    /// A step failed.
    #[error("{step}: {source}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Names the step that an I/O error belongs to.
    fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { step, source },
        }
    }
}

/// A stored file, open for reading.
pub(super) struct StoredObject {
    /// How many bytes there are.
    pub(super) size: u64,
    /// The bytes.
    pub(super) file: tokio::fs::File,
}

impl StoredObject {
    /// Reads `length` bytes from `start` on.
    pub(super) async fn read(
        mut self,
        start: u64,
        length: u64,
    ) -> Result<impl AsyncRead + Send + 'static, StoreError> {
        use tokio::io::{AsyncReadExt, AsyncSeekExt};
        if start > 0 {
            self.file
                .seek(io::SeekFrom::Start(start))
                .await
                .map_err(StoreError::at("seek in a stored file"))?;
        }
        Ok(self.file.take(length))
    }
}

impl Store {
    /// A store in `folder`, which is made where it is missing. What a crash left half received is removed.
    pub async fn disk(folder: &Path) -> Result<Self, StoreError> {
        DiskStore::open(folder).await.map(Self::Disk)
    }

    /// A file to receive an upload into; all of them together hold at most `capacity` bytes.
    pub(super) async fn spool(&self, capacity: u64) -> Result<SpoolFile, StoreError> {
        match self {
            Self::Disk(disk) => disk.spool(capacity).await,
        }
    }

    /// Keeps what was received, for good: it has reached the disk when this returns.
    pub(super) async fn put(&self, key: &ObjectKey, content: Spooled) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.put(key, content).await,
        }
    }

    /// Opens what is kept under `key`; `None` where there is nothing.
    pub(super) async fn open(&self, key: &ObjectKey) -> Result<Option<StoredObject>, StoreError> {
        match self {
            Self::Disk(disk) => disk.open_object(key).await,
        }
    }

    /// Removes what is kept of the file `id`, under whatever name; nothing is not an error.
    pub(super) async fn remove(&self, id: FileId) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.remove(id).await,
        }
    }
}
