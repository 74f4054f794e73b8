//! From received bytes to a readable file: what goes into the store is written into the book, put there, and made
//! what the file shows, in this order. Whatever breaks off in the middle leaves a line in the book, by which
//! housekeeping finds what is to be removed.

use base::ids::FileId;
use base::problem::ProblemCode;
use clients::s3::ObjectHeaders;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Files;
use super::content::{Content, etag};
use super::disposition::content_disposition;
use super::error::FilesError;
use super::media_type;
use super::meters;
use super::prepare::{Prepared, Thumbnail};
use super::rows::{
    Completed, Completion, Expected, FileDetails, FileRow, Garbage, Kind, Role, Upload, timestamp,
};
use super::store::ObjectKey;

/// How long whoever puts an object into the store is believed to be at work, at least.
const PUTTING_SECONDS: i64 = 60 * 60;

/// The slowest way into the store that is still one, in bytes a second.
const SLOWEST: u64 = 100 << 10;

/// For how long what a file showed before stays, for those who are reading it.
const READING_SECONDS: i64 = 60 * 60;

/// For how long something may still arrive in the store of what was given up.
const ARRIVING_SECONDS: i64 = 60 * 60;

/// For how long nobody else tries to remove an object that somebody removes, or that could not be removed.
pub(super) const AGAIN_SECONDS: i64 = 10 * 60;

/// A file that is about to be kept.
pub(super) struct Keeping {
    /// Its id; the row is there.
    pub(super) id: FileId,
    /// What people call it.
    pub(super) name: String,
    /// What the client says about it.
    pub(super) metadata: Option<Value>,
    /// Where its content would go.
    pub(super) key: ObjectKey,
    /// Its content.
    pub(super) prepared: Prepared,
}

/// Until when an object of `size` bytes is on its way.
pub(super) fn expected_until(now: i64, size: u64) -> i64 {
    now.saturating_add(PUTTING_SECONDS).saturating_add(i64::try_from(size / SLOWEST).unwrap_or(i64::MAX))
}

impl Files {
    /// Keeps a file's content, and makes it what the file shows.
    ///
    /// What was there before stays what it shows when this fails.
    pub(super) async fn keep(&self, keeping: Keeping) -> Result<FileRow, FilesError> {
        self.keep_instead(keeping, None).await
    }

    /// The same, where the content was made of what came by `upload`: it takes the place of that.
    pub(super) async fn keep_instead(
        &self,
        keeping: Keeping,
        upload: Option<&Upload>,
    ) -> Result<FileRow, FilesError> {
        let Keeping { id, name, metadata, key, prepared } = keeping;
        let (size, sha256) = (prepared.content.size(), prepared.content.sha256());
        let thumbnail =
            prepared.thumbnail.map(|thumbnail| (ObjectKey::thumbnail(id, thumbnail.extension), thumbnail));
        let until = expected_until(self.now(), size);
        // What came counts for the person already; when this is complete, it counts in its place.
        let counted = upload.map_or(0, |upload| upload.size);
        let key = self.expect(key, size.saturating_sub(counted), thumbnail.as_ref(), until).await?;
        let details = FileDetails {
            file_id: id,
            kind: prepared.kind,
            name,
            mime_type: prepared.mime_type,
            size,
            width: prepared.extent.map(|(width, _)| width),
            height: prepared.extent.map(|(_, height)| height),
            blurhash: prepared.blurhash,
            has_thumbnail: thumbnail.is_some(),
        };
        let small = thumbnail.as_ref().map(|(key, _)| key.clone());
        let keys: Vec<&ObjectKey> = [&key].into_iter().chain(&small).collect();
        let completed = async {
            self.put_all(&key, prepared.content, thumbnail, &details).await?;
            self.complete(&details, &etag(&sha256), metadata, &key, &keys, upload.is_some()).await
        };
        let completed = completed.await;
        if completed.is_err() {
            self.drop_objects(id, &keys).await;
        }
        completed
    }

    /// Makes an object that is in the store already what its file shows.
    pub(super) async fn keep_object(
        &self,
        id: FileId,
        name: &str,
        upload: &Upload,
        mime_type: &str,
        kind: Kind,
    ) -> Result<FileRow, FilesError> {
        let details = FileDetails {
            file_id: id,
            kind,
            name: name.to_owned(),
            mime_type: mime_type.to_owned(),
            size: upload.size,
            width: None,
            height: None,
            blurhash: None,
            has_thumbnail: false,
        };
        // Nothing else is ever put under this key.
        let tag = etag(&Sha256::digest(upload.key.to_string()).into());
        self.complete(&details, &tag, upload.metadata.clone(), &upload.key, &[&upload.key], true).await
    }

    async fn complete(
        &self,
        details: &FileDetails,
        etag: &str,
        metadata: Option<Value>,
        content: &ObjectKey,
        keys: &[&ObjectKey],
        in_parts: bool,
    ) -> Result<FileRow, FilesError> {
        let until = self.now().saturating_add(READING_SECONDS);
        let FileDetails { file_id, name, mime_type, size, .. } = details;
        let completion = Completion { name, etag, mime_type, size: *size, metadata, is_uploaded: true };
        let rows = &self.0.rows;
        let row = match rows.complete(details, &completion, content, keys, until, in_parts).await {
            Ok(Completed::Shown(row)) => *row,
            Ok(Completed::GivenUp) => return Err(FilesError::GivenUp),
            Ok(Completed::FileGone) => return Err(FilesError::FileNotFound),
            // It may be the answer alone that was lost.
            Err(error) => match rows.showing(*file_id, content).await {
                Ok(Some(row)) => row,
                _ => return Err(error),
            },
        };
        meters::count_uploaded_bytes(*size);
        Ok(row)
    }

    /// Writes down what is about to go into the store, under another key where the first is taken.
    async fn expect(
        &self,
        key: ObjectKey,
        size: u64,
        thumbnail: Option<&(ObjectKey, Thumbnail)>,
        until: i64,
    ) -> Result<ObjectKey, FilesError> {
        let expected_until = timestamp(until);
        let expected = |key, size, role| Expected {
            key,
            file_id: key.file_id(),
            role,
            size,
            until: expected_until.clone(),
        };
        let lines = |key| {
            let content = expected(key, size, Role::Content);
            let thumbnail =
                thumbnail.map(|(key, small)| expected(key, small.bytes.len() as u64, Role::Thumbnail));
            [content].into_iter().chain(thumbnail).collect::<Vec<_>>()
        };
        match self.0.rows.expect(&lines(&key)).await {
            // A file of this id was there before, and its object is not gone yet.
            Err(FilesError::AsAdmin(error)) if error.problem_code() == ProblemCode::Conflict => {
                let other = key.fresh();
                self.0.rows.expect(&lines(&other)).await?;
                Ok(other)
            }
            result => result.map(|()| key),
        }
    }

    async fn put_all(
        &self,
        key: &ObjectKey,
        content: Content,
        thumbnail: Option<(ObjectKey, Thumbnail)>,
        details: &FileDetails,
    ) -> Result<(), FilesError> {
        let store = &self.0.store;
        if let Some((key, thumbnail)) = thumbnail {
            let headers = object_headers(key.name(), thumbnail.mime_type);
            store.put(&key, Content::Made(thumbnail.bytes), &headers).await?;
        }
        Ok(store.put(key, content, &object_headers(&details.name, &details.mime_type)).await?)
    }

    /// Gives up what was expected of the file `id` at `keys`, and removes what has come of it, unless it is what the file
    /// shows by now.
    pub(super) async fn drop_objects(&self, id: FileId, keys: &[&ObjectKey]) {
        let until = self.now().saturating_add(ARRIVING_SECONDS);
        if let Err(error) = self.0.rows.let_go(id, keys, until).await {
            tracing::warn!(%error, "what a failed upload left is removed when its time is over");
            return;
        }
        self.remove_objects(keys).await;
    }

    /// Removes those of the objects at `keys` that are nobody's, and says how many that were. What cannot be removed is
    /// tried again later, and so is what may still be on its way.
    pub(super) async fn remove_objects(&self, keys: &[&ObjectKey]) -> usize {
        let now = self.now();
        let claimed = match self.0.rows.claim(keys, now, now.saturating_sub(AGAIN_SECONDS)).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "objects stay in the store; tried again later");
                return 0;
            }
        };
        let mut removed = 0;
        for object in &claimed {
            removed += usize::from(self.remove_claimed(object).await);
        }
        removed
    }

    async fn remove_claimed(&self, object: &Garbage) -> bool {
        let (service, key) = (&self.0, &object.key);
        let removed = async {
            if let Some(upload) = &object.upload_id {
                service.store.abort_parts(key, upload).await?;
            }
            service.store.remove(key).await?;
            service.studio.forget(key.file_id()).await;
            service.rows.strike_out(key, self.now()).await
        };
        let error = match removed.await {
            Ok(()) => return true,
            Err(error) => error,
        };
        let code = error.code();
        tracing::warn!(object.key = %key, error.code = code, %error, "an object stays in the store; tried again later");
        meters::count_not_removed(code);
        if let Err(error) = service.rows.not_removed(key, self.now(), &error.to_string()).await {
            tracing::warn!(%error, "what stays could not be noted");
        }
        false
    }
}

/// What the store says of an object when somebody fetches it there.
pub(super) fn object_headers(name: &str, mime_type: &str) -> ObjectHeaders {
    let content_type = media_type::served(mime_type);
    ObjectHeaders {
        content_disposition: content_disposition(name, media_type::is_shown_in_place(&content_type)),
        content_type,
        cache_control: None,
    }
}
