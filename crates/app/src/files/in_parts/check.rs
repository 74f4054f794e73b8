//! What came in parts is looked at before anybody reads it: its first bytes say what it is, and a picture is
//! rewritten without what it says of the place where it was taken.

use base::ids::FileId;
use bytes::BytesMut;
use futures::TryStreamExt as _;

use crate::files::Files;
use crate::files::error::FilesError;
use crate::files::keep::Keeping;
use crate::files::prepare::{Judged, judge};
use crate::files::rows::{FileRow, Upload};
use crate::files::spool::Spooled;
use crate::files::store::ObjectKey;

/// How much of the beginning tells what a file is.
const HEAD_BYTES: u64 = 4096;

impl Files {
    /// Checks the finished upload of the file `id`, and makes the file readable.
    pub(in crate::files) async fn check_upload(&self, id: FileId) -> Result<FileRow, FilesError> {
        let found = self.0.rows.upload(id).await?.ok_or(FilesError::UploadNotFound)?;
        let (upload, _) = found.parts().ok_or(FilesError::UploadNotFound)?;
        let head = self.head(upload).await?;
        let name = found.name.clone().unwrap_or_default();
        match judge(&head, upload.size, found.mime_type.as_deref()) {
            Judged::Rewritten => {
                let received = self.fetch(upload).await?;
                let prepared = self.prepare(received, found.mime_type.as_deref()).await?;
                let key = ObjectKey::content(id, &name).fresh();
                self.keep(Keeping { id, name, metadata: upload.metadata.clone(), key, prepared }).await
            }
            Judged::AsItIs { mime_type, kind } => self.keep_object(id, &name, upload, &mime_type, kind).await,
        }
    }

    async fn head(&self, upload: &Upload) -> Result<Vec<u8>, FilesError> {
        let last = HEAD_BYTES.min(upload.size).saturating_sub(1);
        let mut bytes = self.0.store.read(&upload.key, Some((0, last))).await?;
        let mut head = BytesMut::new();
        while let Some(chunk) = bytes.try_next().await? {
            head.extend_from_slice(&chunk);
        }
        Ok(head.to_vec())
    }

    /// Brings the object here.
    async fn fetch(&self, upload: &Upload) -> Result<Spooled, FilesError> {
        let mut bytes = self.0.store.read(&upload.key, None).await?;
        let mut spool = self.0.spool.create(None).await?;
        while let Some(chunk) = bytes.try_next().await? {
            spool.write(&chunk).await?;
        }
        Ok(spool.finish().await?)
    }
}
