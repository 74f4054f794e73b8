//! What came in parts is looked at before anybody reads it: its first bytes say what it is, and a picture is
//! rewritten without what it says of the place where it was taken.

use std::time::Duration;

use base::ids::FileId;
use bytes::BytesMut;
use futures::TryStreamExt as _;
use http::StatusCode;
use tokio::time::{Instant, sleep};

use crate::files::error::FilesError;
use crate::files::keep::Keeping;
use crate::files::prepare::{Judged, judge};
use crate::files::rows::{FileRow, Kind, Upload, UploadUnderWay};
use crate::files::spool::Spooled;
use crate::files::store::ObjectKey;
use crate::files::{Files, media_type};

/// How much of the beginning tells what a file is.
const HEAD_BYTES: u64 = 4096;

/// How often a check is begun. What kills the server each time, or cannot be kept, is a document then.
const TRIES: u32 = 3;

/// For how long a check is believed to be at work, and how long nobody begins another one after it failed; each time
/// twice as long.
const CHECKING_SECONDS: i64 = 2 * 60;

/// The most doublings of that.
const DOUBLINGS: u32 = 5;

/// How long a request waits for a check that is somebody else's.
const WAIT: Duration = Duration::from_secs(20);

/// The pause between two looks at it.
const PAUSE: Duration = Duration::from_millis(250);

impl Files {
    /// Checks the finished upload of the file `id`, and makes the file readable; or waits until somebody else did.
    pub(in crate::files) async fn check_or_wait(&self, id: FileId) -> Result<FileRow, FilesError> {
        let deadline = Instant::now() + WAIT;
        loop {
            match self.check_upload(id).await {
                Err(FilesError::BeingChecked) if Instant::now() < deadline => sleep(PAUSE).await,
                result => return result,
            }
        }
    }

    /// Checks the finished upload of the file `id`, and makes the file readable. What was checked before stays.
    pub(in crate::files) async fn check_upload(&self, id: FileId) -> Result<FileRow, FilesError> {
        let rows = &self.0.rows;
        let found = rows.upload(id).await?.ok_or(FilesError::UploadNotFound)?;
        let Some((upload, _)) = found.parts() else { return self.uploaded(id).await };
        let now = self.now();
        let until = now.saturating_add(CHECKING_SECONDS << upload.tries.min(DOUBLINGS));
        if !rows.begin_check(id, upload.tries, now, until).await? {
            return Err(FilesError::BeingChecked);
        }
        match self.check(&found, upload).await {
            // Somebody else was as slow, or the file was deleted.
            Err(FilesError::GivenUp | FilesError::FileNotFound) => self.uploaded(id).await,
            Err(error) if error.status() == StatusCode::SERVICE_UNAVAILABLE => {
                rows.take_back_check(id, upload.tries).await?;
                Err(error)
            }
            result => result,
        }
    }

    /// The file `id`, which is no upload under way.
    pub(super) async fn uploaded(&self, id: FileId) -> Result<FileRow, FilesError> {
        self.0.rows.uploaded(id).await?.ok_or(FilesError::UploadNotFound)
    }

    async fn check(&self, found: &UploadUnderWay, upload: &Upload) -> Result<FileRow, FilesError> {
        let (id, name) = (found.id, found.name.clone().unwrap_or_default());
        let head = self.head(upload).await?;
        match judge(&head, upload.size, found.mime_type.as_deref()) {
            Judged::Rewritten if upload.tries >= TRIES => {
                tracing::warn!(file.id = %id, "a picture that could not be checked is kept as a document");
                self.keep_object(id, &name, upload, media_type::UNKNOWN, Kind::Document).await
            }
            Judged::Rewritten => {
                let received = self.fetch(upload).await?;
                let prepared = self.prepare(received, found.mime_type.as_deref()).await?;
                let key = ObjectKey::content(id, &name).fresh();
                let keeping = Keeping { id, name, metadata: upload.metadata.clone(), key, prepared };
                self.keep_instead(keeping, Some(upload)).await
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
