//! Files in a bucket at S3, under the same keys as in a folder.
//!
//! Which calls there are, how often they are tried and what their failures mean is `clients::s3`'s; here is what
//! the messenger makes of them.

use std::time::{Duration, SystemTime};

use base::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clients::s3::{Archive, Bucket, Object, ObjectHeaders, Presigned, PresignedPart, UploadedPart};
use futures::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::{Listed, ObjectBytes, ObjectKey, SentPart, StoreError, StoredPart};
use crate::files::content::Content;

const ROOT: &str = "uploads/";

/// For how many days a file that was fetched back from the archive stays readable.
const RESTORED_DAYS: u32 = 7;

/// S3 moves nothing that is smaller to an archive: 128 KiB.
const LEAST_ARCHIVED: u64 = 128 << 10;

/// How long the store may take to say whether an object is archived.
const LOOKING: Duration = Duration::from_secs(3);

/// A store in a bucket. Clones are the same store.
#[derive(Clone)]
pub struct S3Store {
    bucket: Bucket,
    /// By which addresses of parts begin to be good.
    clock: Clock,
    /// From which age on a file may be in an archive.
    archived_after: Option<Duration>,
}

impl S3Store {
    /// The store in `bucket`, which goes by `clock`.
    pub fn new(bucket: Bucket, clock: Clock) -> Self {
        Self { bucket, clock, archived_after: None }
    }

    /// The same, where files that are as old as this may be in an archive from which they must be restored.
    #[must_use]
    pub fn archived_after(self, age: Duration) -> Self {
        Self { archived_after: Some(age), ..self }
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.clock.unix_seconds().unsigned_abs())
    }

    pub(super) async fn put(
        &self,
        key: &ObjectKey,
        content: Content,
        headers: &ObjectHeaders,
    ) -> Result<(), StoreError> {
        // What was received stays on the disk until the bucket has it.
        let (sending, _received) = match content {
            Content::Made(bytes) => (clients::s3::Content::Bytes(bytes), None),
            Content::Received(spooled) => {
                let (path, size, sha256) = (spooled.path().to_owned(), spooled.size(), spooled.sha256());
                (clients::s3::Content::File { path, size, sha256 }, Some(spooled))
            }
        };
        Ok(self.bucket.put(&key.to_string(), sending, headers).await?)
    }

    pub(super) async fn read(
        &self,
        key: &ObjectKey,
        range: Option<(u64, u64)>,
    ) -> Result<ObjectBytes, StoreError> {
        match self.bucket.get(&key.to_string(), range).await {
            Ok(Object { stream, .. }) => Ok(stream.map_err(StoreError::from).boxed()),
            Err(error) => Err(self.ask_back(key, error).await),
        }
    }

    /// Whether an object must be restored before it can be read, or is just being restored.
    /// Nobody is asked of what cannot be in an archive; and a store that does not say will say it to whoever reads.
    pub(super) async fn is_archived(&self, key: &ObjectKey, size: u64, age: Duration) -> bool {
        let may_be_there = self.archived_after.is_some_and(|after| age >= after);
        if size < LEAST_ARCHIVED || !may_be_there {
            return false;
        }
        let key = key.to_string();
        let state = tokio::time::timeout(LOOKING, self.bucket.head(&key)).await;
        matches!(state, Ok(Ok(state)) if state.archive != Archive::Ready)
    }

    /// Asks for an archived object to be readable for some days.
    pub(super) async fn restore(&self, key: &ObjectKey) -> Result<(), StoreError> {
        Ok(self.bucket.restore(&key.to_string(), RESTORED_DAYS).await?)
    }

    /// Asks for what is archived to be fetched back, so that a later reading goes well.
    async fn ask_back(&self, key: &ObjectKey, error: clients::Error) -> StoreError {
        if let clients::Error::ObjectArchived { restoring: false } = error
            && let Err(error) = self.bucket.restore(&key.to_string(), RESTORED_DAYS).await
        {
            return error.into();
        }
        error.into()
    }

    pub(super) async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        Ok(self.bucket.head(&key.to_string()).await?.size)
    }

    pub(super) async fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        absent_is_fine(self.bucket.delete(&key.to_string()).await)
    }

    pub(super) async fn list(&self, after: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        let listed = self.bucket.list(ROOT, after).await?;
        Ok(listed.into_iter().map(|listed| Listed { key: listed.key, size: listed.size }).collect())
    }

    /// An address at which the object can be read for `life` from `start` (unix seconds) on, or as long as the keys live
    /// that sign it.
    pub(in crate::files) async fn presign(
        &self,
        key: &ObjectKey,
        headers: &ObjectHeaders,
        life: Duration,
        start: u64,
    ) -> Result<Presigned, StoreError> {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
        Ok(self.bucket.presign_get(&key.to_string(), headers, life, start).await?)
    }

    /// An address at which the store takes a part of this size and hash, and no other.
    pub(in crate::files) async fn presign_part(
        &self,
        key: &ObjectKey,
        upload: &str,
        number: u16,
        size: u64,
        sha256: &[u8; 32],
        life: Duration,
    ) -> Result<PresignedPart, StoreError> {
        let key = key.to_string();
        Ok(self.bucket.presign_part(&key, upload, number, size, sha256, life, self.now()).await?)
    }

    pub(super) async fn begin_parts(
        &self,
        key: &ObjectKey,
        headers: &ObjectHeaders,
    ) -> Result<String, StoreError> {
        Ok(self.bucket.begin_upload(&key.to_string(), headers).await?)
    }

    pub(super) async fn parts(
        &self,
        key: &ObjectKey,
        upload: &str,
    ) -> Result<Option<Vec<StoredPart>>, StoreError> {
        let stored = match self.bucket.parts(&key.to_string(), upload).await {
            // The keys may upload and not look: whoever sends must know what has come.
            Err(error) if error.code() == "s3-forbidden" => return Ok(None),
            stored => stored?,
        };
        let part =
            |part: clients::s3::Part| StoredPart { number: part.number, size: part.size, etag: part.etag };
        Ok(Some(stored.into_iter().map(part).collect()))
    }

    pub(super) async fn join_parts(
        &self,
        key: &ObjectKey,
        upload: &str,
        parts: &[SentPart],
        part_size: u64,
    ) -> Result<(), StoreError> {
        let hashes: Vec<[u8; 32]> = parts.iter().map(SentPart::hash).collect::<Result<_, _>>()?;
        let sent: Vec<UploadedPart> = (parts.iter().zip(&hashes))
            .map(|(part, sha256)| UploadedPart {
                number: part.number,
                etag: part.etag.clone(),
                sha256: *sha256,
            })
            .collect();
        let is_as_sent = match self.bucket.complete_upload(&key.to_string(), upload, &sent).await?.checksum {
            Some(checksum) => checksum == checksum_of(&hashes),
            None => self.is_as_sent(key, &hashes, part_size).await?,
        };
        if is_as_sent {
            return Ok(());
        }
        // It must not be there for whoever asks next.
        self.remove(key).await?;
        Err(StoreError::Parts("their checksums differ".to_owned()))
    }

    pub(super) async fn compared_size(&self, key: &ObjectKey) -> Result<Option<u64>, StoreError> {
        match self.bucket.head(&key.to_string()).await {
            Ok(object) => Ok(Some(object.size).filter(|_| object.has_checksum)),
            Err(clients::Error::ObjectMissing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads an object and compares it with the hashes of its parts: for stores that keep no checksums.
    async fn is_as_sent(
        &self,
        key: &ObjectKey,
        hashes: &[[u8; 32]],
        part_size: u64,
    ) -> Result<bool, StoreError> {
        let mut bytes = self.read(key, None).await?;
        let (mut hash, mut left, mut seen) = (Sha256::new(), part_size, Vec::with_capacity(hashes.len()));
        while let Some(mut chunk) = bytes.try_next().await? {
            while !chunk.is_empty() {
                let piece = chunk.split_to(chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                hash.update(&piece);
                left -= piece.len() as u64;
                if left == 0 {
                    seen.push(<[u8; 32]>::from(hash.finalize_reset()));
                    left = part_size;
                }
            }
        }
        if left < part_size {
            seen.push(hash.finalize().into());
        }
        Ok(seen == hashes)
    }

    pub(super) async fn abort_parts(&self, key: &ObjectKey, upload: &str) -> Result<(), StoreError> {
        absent_is_fine(self.bucket.abort_upload(&key.to_string(), upload).await)
    }
}

/// The checksum of an object in parts, as S3 writes it: of the parts' hashes, and how many there are.
fn checksum_of(hashes: &[[u8; 32]]) -> String {
    format!("{}-{}", STANDARD.encode(Sha256::digest(hashes.concat())), hashes.len())
}

fn absent_is_fine(result: Result<(), clients::Error>) -> Result<(), StoreError> {
    match result {
        Err(clients::Error::ObjectMissing) => Ok(()),
        result => Ok(result?),
    }
}

impl From<clients::Error> for StoreError {
    fn from(error: clients::Error) -> Self {
        match error {
            clients::Error::ObjectMissing | clients::Error::Store { code: "s3-upload-missing", .. } => {
                Self::Missing
            }
            clients::Error::ObjectArchived { .. } => Self::Archived,
            // Whoever sent the parts named them wrongly; the store itself is well.
            clients::Error::Store { code: "s3-parts-refused", .. } => {
                Self::Parts("a part has not come, or is another one".to_owned())
            }
            error => Self::Remote(error),
        }
    }
}
