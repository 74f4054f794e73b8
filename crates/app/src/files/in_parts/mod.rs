//! Uploads in parts, for large files: a client announces a file, asks for the addresses of parts with their hashes,
//! sends each part there, and says when all are sent. In a bucket the addresses are the store's own and the bytes
//! never pass through this server; on a disk they lead here, with the same protocol.
//!
//! A connection that breaks costs a part. What came is one object only when every part has the hash that was
//! announced; it is readable only when its first bytes were looked at, and a picture was rewritten.

mod abort;
mod begin;
mod check;
mod complete;
mod receive;
mod sign;
mod state;

use base::ids::FileId;
use base::session::Session;

use super::Files;
use super::error::FilesError;
use super::rows::{Upload, UploadUnderWay};
use super::store::StoreError;

pub(super) use self::abort::abort;
pub(super) use self::begin::begin;
pub(super) use self::complete::{JSON_BYTES, complete};
pub(super) use self::receive::receive;
pub(super) use self::sign::sign;
pub(super) use self::state::state;

/// The usual size of a part: 8 MiB.
const PART_BYTES: u64 = 8 << 20;

/// The most parts of a file: S3's own limit.
const MAX_PARTS: u64 = 10_000;

/// For how long an upload may go on. Buckets are set up to throw away what is older.
pub(super) const LIFE_SECONDS: i64 = 7 * 24 * 60 * 60;

/// How many bytes each part of a file of `size` bytes has, but the last.
fn part_size(size: u64) -> u64 {
    PART_BYTES.max(size.div_ceil(MAX_PARTS))
}

/// How many parts an upload has.
fn count_parts(upload: &Upload) -> u64 {
    upload.size.div_ceil(upload.part_size.max(1))
}

/// How many bytes the part `number` has; `None` where there is no such part.
fn size_of_part(upload: &Upload, number: u16) -> Option<u64> {
    let before = u64::from(number.checked_sub(1)?) * upload.part_size;
    let left = upload.size.checked_sub(before).filter(|left| *left > 0)?;
    Some(left.min(upload.part_size))
}

/// What the store says of parts: it may not know the upload any more.
fn not_under_way(error: StoreError) -> FilesError {
    match error {
        StoreError::Missing => FilesError::UploadNotFound,
        error => error.into(),
    }
}

impl Files {
    /// The upload of the file `id`, if it is the caller's.
    async fn upload_of(&self, caller: &Session, id: FileId) -> Result<UploadUnderWay, FilesError> {
        let found = self.0.rows.upload(id).await?.ok_or(FilesError::UploadNotFound)?;
        let is_own = caller.user_id().is_some_and(|caller| found.uploaded_by_user_id == Some(caller));
        if caller.is_admin() || is_own { Ok(found) } else { Err(FilesError::UploadNotFound) }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::files::store::ObjectKey;

    fn upload(size: u64, part_size: u64) -> Upload {
        let key = ObjectKey::content(FileId(Uuid::nil()), "a");
        Upload { key, size, part_size, metadata: None, finished_at: None, tries: 0 }
    }

    #[test]
    fn parts_cover_a_file() {
        let ten = upload(10, 4);
        assert_eq!(count_parts(&ten), 3);
        let sizes: Vec<_> = (0..=4).map(|number| size_of_part(&ten, number)).collect();
        assert_eq!(sizes, [None, Some(4), Some(4), Some(2), None]);
        assert_eq!((count_parts(&upload(8, 4)), size_of_part(&upload(8, 4), 3)), (2, None));
        assert_eq!(part_size(1), PART_BYTES);
        assert!(2_000_000_000_000 / part_size(2_000_000_000_000) <= MAX_PARTS);
    }
}
