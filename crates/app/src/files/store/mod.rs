//! Where files' bytes are: an enum of the places that there are. A key is made of the file's id, so no
//! name that a person chose decides where anything goes.

mod disk;
mod key;
mod s3;

use std::io;
use std::time::{Duration, SystemTime};

use base::ids::FileId;
use bytes::Bytes;
use clients::s3::ObjectHeaders;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::content::Content;

pub use self::disk::DiskStore;
pub use self::key::{NoKey, ObjectKey};
pub use self::s3::S3Store;

/// What is put to try a store out.
const TRIAL: &[u8] = b"BrainMessenger tries whether it can keep files here. This may be removed.\n";

/// Where files are kept.
#[derive(Clone)]
pub enum Store {
    /// In a folder of this machine.
    Disk(DiskStore),
    /// In a bucket.
    S3(S3Store),
}

/// Why bytes cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is nothing under that key.
    #[error("there is no such object")]
    Missing,
    /// It was moved to an archive, from which it must be fetched back first.
    #[error("the object is archived")]
    Archived,
    /// The disk is full.
    #[error("no space is left for files")]
    Full,
    /// The uploads under way fill what they may fill together.
    #[error("the uploads under way take all the room that they may")]
    Busy,
    /// One person's uploads under way take all the room that theirs may.
    #[error("this person's uploads under way take all the room that they may")]
    Crowded,
    /// The parts of an upload are not those that were announced, or not all.
    #[error("the parts of an upload do not fit: {0}")]
    Parts(String),
    /// A step failed.
    #[error("{step}: {source}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The bucket, or the way to it, failed.
    #[error(transparent)]
    Remote(clients::Error),
}

impl StoreError {
    /// Names the step that an I/O error belongs to.
    pub(super) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { step, source },
        }
    }
}

/// The bytes of an object, or a part of them, as they come.
pub(super) type ObjectBytes = BoxStream<'static, Result<Bytes, StoreError>>;

/// An object, as a listing of the store shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, which may be none of ours.
    pub key: String,
    /// In bytes.
    pub size: u64,
}

/// A part of an upload, as the store has it.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct StoredPart {
    /// Which: 1 and on.
    pub(super) number: u16,
    /// How many bytes it has.
    pub(super) size: u64,
    /// The store's name of its content.
    pub(super) etag: String,
}

/// A part of an upload, as whoever sent it says.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct SentPart {
    /// Which: 1 and on.
    pub(super) number: u16,
    /// What the store answered when it took the part.
    pub(super) etag: String,
    /// The SHA-256 of its bytes, in hex.
    pub(super) sha256: String,
}

impl SentPart {
    /// The hash as bytes.
    fn hash(&self) -> Result<[u8; 32], StoreError> {
        let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(self.sha256.as_bytes()).unwrap_or_default();
        let wrong = || StoreError::Parts(format!("the hash of part {} is no SHA-256 in hex", self.number));
        decoded.try_into().map_err(|_| wrong())
    }
}

impl Store {
    /// Puts an object, reads it, and removes it: whether files can be kept here.
    pub async fn try_out(&self) -> Result<(), StoreError> {
        let key = ObjectKey::content(FileId(Uuid::new_v4()), "check");
        let headers = ObjectHeaders {
            content_type: "text/plain".to_owned(),
            content_disposition: "attachment".to_owned(),
            cache_control: None,
        };
        self.put(&key, Content::Made(Bytes::from_static(TRIAL)), &headers).await?;
        let read = async { self.read(&key, None).await?.try_collect::<Vec<Bytes>>().await }.await;
        self.remove(&key).await?;
        if read?.concat() == TRIAL {
            return Ok(());
        }
        Err(StoreError::at("read what was put")(io::Error::other("it is something else")))
    }

    /// Whether an object of this size and age must be restored before it can be read.
    pub(super) async fn is_archived(&self, key: &ObjectKey, size: u64, age: Duration) -> bool {
        match self {
            Self::Disk(_) => false,
            Self::S3(s3) => s3.is_archived(key, size, age).await,
        }
    }

    /// Asks for an object to be restored where it is archived, and says then that it cannot be read now.
    pub(super) async fn want(&self, key: &ObjectKey, size: u64, age: Duration) -> Result<(), StoreError> {
        match self {
            Self::S3(s3) if s3.is_archived(key, size, age).await => {
                s3.restore(key).await?;
                Err(StoreError::Archived)
            }
            _ => Ok(()),
        }
    }

    /// Keeps what was received or made, for good: it has reached the disk, or the bucket, when this returns.
    pub(super) async fn put(
        &self,
        key: &ObjectKey,
        content: Content,
        headers: &ObjectHeaders,
    ) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.put(key, content).await,
            Self::S3(s3) => s3.put(key, content, headers).await,
        }
    }

    /// Reads what is kept under `key`: all of it, or the bytes from the first to the last of `range`.
    pub(super) async fn read(
        &self,
        key: &ObjectKey,
        range: Option<(u64, u64)>,
    ) -> Result<ObjectBytes, StoreError> {
        match self {
            Self::Disk(disk) => disk.read(key, range).await,
            Self::S3(s3) => s3.read(key, range).await,
        }
    }

    /// How many bytes are kept under `key`.
    pub async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        match self {
            Self::Disk(disk) => disk.size(key).await,
            Self::S3(s3) => s3.size(key).await,
        }
    }

    /// How many bytes an object has that was made of parts and compared with their hashes; `None` where there is none, or
    /// where the store would have one that was not compared.
    pub(super) async fn compared_size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        match self {
            // Parts become an object there when they were compared.
            Self::Disk(disk) => match disk.size(key).await {
                Ok(size) => Ok(Some(size)),
                Err(StoreError::Missing) => Ok(None),
                Err(error) => Err(error),
            },
            Self::S3(s3) => s3.compared_size(key).await,
        }
    }

    /// Removes what is kept under `key`; nothing is not an error.
    pub(super) async fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.remove(key).await,
            Self::S3(s3) => s3.remove(key).await,
        }
    }

    /// Some of the objects that follow the key `after`, in the order of their keys; none at the end.
    pub async fn list(&self, after: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        match self {
            Self::Disk(disk) => disk.list(after).await,
            Self::S3(s3) => s3.list(after).await,
        }
    }

    /// Begins an upload in parts, and gives the store's name of it.
    pub(super) async fn begin_parts(
        &self,
        key: &ObjectKey,
        headers: &ObjectHeaders,
    ) -> Result<String, StoreError> {
        match self {
            Self::Disk(disk) => disk.begin_parts().await,
            Self::S3(s3) => s3.begin_parts(key, headers).await,
        }
    }

    /// The parts that have come; `None` where the store does not tell us.
    pub(super) async fn parts(
        &self,
        key: &ObjectKey,
        upload: &str,
    ) -> Result<Option<Vec<StoredPart>>, StoreError> {
        match self {
            Self::Disk(disk) => disk.parts(upload).await.map(Some),
            Self::S3(s3) => s3.parts(key, upload).await,
        }
    }

    /// Makes one object of the parts, all of which but the last have `part_size` bytes. It is compared with the hashes
    /// that were told, by the store or here. What was joined before stays joined.
    pub(super) async fn join_parts(
        &self,
        key: &ObjectKey,
        upload: &str,
        parts: &[SentPart],
        part_size: u64,
    ) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.join_parts(key, upload, parts).await,
            Self::S3(s3) => s3.join_parts(key, upload, parts, part_size).await,
        }
    }

    /// Removes what was left unfinished, is unknown to everybody, and was touched last before `before` (unix seconds). In a
    /// bucket its lifecycle rule does that.
    pub(super) async fn remove_abandoned(&self, before: i64) -> Result<usize, StoreError> {
        let before = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(before).unwrap_or_default());
        match self {
            Self::Disk(disk) => disk.remove_abandoned(before).await,
            Self::S3(_) => Ok(0),
        }
    }

    /// Throws an upload in parts away; one that is not there is not an error.
    pub(super) async fn abort_parts(&self, key: &ObjectKey, upload: &str) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.abort_parts(upload).await,
            Self::S3(s3) => s3.abort_parts(key, upload).await,
        }
    }
}
