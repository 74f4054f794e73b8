//! The book of what is in the store (`stored_objects`), as it comes in: written before the store is asked, and made what
//! a file shows. How it goes out is `removal`'s.

use std::time::Duration;

use base::ids::FileId;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::files::{Bucket, FileRow};
use super::{Rows, timestamp, unix_seconds};
use crate::files::error::FilesError;
use crate::files::store::ObjectKey;

const EXPECT: &str = "mutation expect($objects: [stored_objects_insert_input!]!) {
  insert_stored_objects(objects: $objects) { affected_rows }
}";

const STORED: &str = "query stored($ids: [uuid!]!) {
  files(where: { id: { _in: $ids } }) {
    id name etag createdAt updatedAt isUploaded mimeType
    bucket {
      id minUploadFileSize maxUploadFileSize cacheControl downloadExpiration presignedUrlsEnabled
    }
    objects(where: { isCurrent: { _eq: true } }) { key role size }
  }
}";

/// What the file showed is nobody's from now on; whoever is reading it has a while to end. Those who complete a file take
/// turns by the lock of its row (`turn`, which changes nothing but when the row was changed last), and so does whoever gives an object up (`letGo`): what is
/// not the file's any more then changes nothing. Of several that are completed at once the last one is what the file shows.
///
/// What came in parts and was rewritten has two lines until now, of which the second takes over the first one's size.
const COMPLETE: &str = "mutation completeFile(
  $id: uuid!, $set: files_set_input!, $content: String!, $size: bigint!, $keys: [String!]!
  $details: file_details_insert_input!, $until: timestamptz!, $inParts: Boolean!
) {
  turn: updateFile(pk_columns: { id: $id }, _set: { id: $id }) { id }
  replaced: update_stored_objects(
    where: {
      fileId: { _eq: $id }, key: { _nin: $keys }, isCurrent: { _eq: true }
      file: { objects: { key: { _eq: $content } } }
    }
    _set: { fileId: null, isCurrent: false, expectedUntil: $until }
  ) { affected_rows }
  rewritten: update_stored_objects(
    where: {
      fileId: { _eq: $id }, key: { _nin: $keys }, uploadId: { _is_null: false }
      file: { objects: { key: { _eq: $content } } }
    }
    _set: { fileId: null, size: 0, expectedUntil: $until }
  ) @include(if: $inParts) { affected_rows }
  kept: update_stored_objects(
    where: {
      fileId: { _eq: $id }, key: { _in: $keys }, file: { objects: { key: { _eq: $content } } }
    }
    _set: { isCurrent: true, expectedUntil: null, uploadId: null }
  ) { affected_rows }
  sized: update_stored_objects(
    where: { fileId: { _eq: $id }, key: { _eq: $content } }, _set: { size: $size }
  ) @include(if: $inParts) { affected_rows }
  insert_file_details_one(
    object: $details
    on_conflict: {
      constraint: file_details_pkey
      update_columns: [kind, name, mimeType, size, width, height, blurhash, hasThumbnail]
      where: { file: { objects: { key: { _eq: $content } } } }
    }
  ) { fileId }
  delete_file_uploads(
    where: { fileId: { _eq: $id }, file: { objects: { key: { _eq: $content } } } }
  ) @include(if: $inParts) { affected_rows }
  updateFiles(where: { id: { _eq: $id }, objects: { key: { _eq: $content } } }, _set: $set) {
    returning {
      id name size bucketId etag createdAt updatedAt isUploaded mimeType uploadedByUserId metadata
    }
  }
}";

/// What an object is of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::files) enum Role {
    /// The file itself.
    Content,
    /// A small picture of it.
    Thumbnail,
}

/// What a file is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::files) enum Kind {
    /// It is looked at.
    Picture,
    /// It is looked at, and takes time.
    Video,
    /// It is listened to.
    Audio,
    /// Anything else.
    Document,
}

/// A row of `file_details`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct FileDetails {
    /// The file.
    pub(in crate::files) file_id: FileId,
    /// What it is for people.
    pub(in crate::files) kind: Kind,
    /// What people call it.
    pub(in crate::files) name: String,
    /// What it is for programs.
    pub(in crate::files) mime_type: String,
    /// How many bytes it has.
    pub(in crate::files) size: u64,
    /// How wide a picture is shown, in pixels.
    pub(in crate::files) width: Option<u32>,
    /// How high.
    pub(in crate::files) height: Option<u32>,
    /// The blurred picture.
    pub(in crate::files) blurhash: Option<String>,
    /// Whether there is a small picture.
    pub(in crate::files) has_thumbnail: bool,
}

/// An object that is about to go into the store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Expected<'a> {
    /// Where it goes.
    pub(in crate::files) key: &'a ObjectKey,
    /// Of which file it is.
    pub(in crate::files) file_id: FileId,
    /// What it is of that file.
    pub(in crate::files) role: Role,
    /// How many bytes it has.
    pub(in crate::files) size: u64,
    /// Until when whoever puts it there is believed to be at work.
    #[serde(rename = "expectedUntil")]
    pub(in crate::files) until: String,
}

/// An object that a file shows.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::files) struct StoredObject {
    /// Where it is.
    pub(in crate::files) key: ObjectKey,
    /// What it is of its file.
    pub(in crate::files) role: Role,
    /// How many bytes it has.
    pub(in crate::files) size: u64,
}

/// A file and its objects, at one moment. Who may see it is another matter.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Stored {
    /// The file.
    pub(in crate::files) id: FileId,
    /// What people call it.
    pub(in crate::files) name: Option<String>,
    /// The entity tag of its content.
    pub(in crate::files) etag: Option<String>,
    /// What its content is.
    pub(in crate::files) mime_type: Option<String>,
    is_uploaded: Option<bool>,
    created_at: String,
    updated_at: String,
    /// The bucket that it is in.
    pub(in crate::files) bucket: Bucket,
    objects: Vec<StoredObject>,
}

impl Stored {
    /// Whether its content is there.
    pub(in crate::files) fn is_uploaded(&self) -> bool {
        self.is_uploaded == Some(true)
    }

    /// When it was changed last, in seconds since 1970.
    pub(in crate::files) fn changed_at(&self) -> Option<i64> {
        unix_seconds(&self.updated_at)
    }

    /// How old it is; its objects may be younger.
    pub(in crate::files) fn age(&self, now: i64) -> Duration {
        let created_at = unix_seconds(&self.created_at).unwrap_or(0);
        Duration::from_secs(now.saturating_sub(created_at).max(0).unsigned_abs())
    }

    /// The object that is the file's in this role.
    pub(in crate::files) fn object(&self, role: Role) -> Option<&StoredObject> {
        self.objects.iter().find(|object| object.role == role)
    }
}

/// What a file's row gets once its content is stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Completion<'a> {
    /// What people call it.
    pub(in crate::files) name: &'a str,
    /// The entity tag of the content.
    pub(in crate::files) etag: &'a str,
    /// What its content is.
    pub(in crate::files) mime_type: &'a str,
    /// How many bytes it has.
    pub(in crate::files) size: u64,
    /// What the client said about it; nothing leaves what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::files) metadata: Option<Value>,
    /// Always true: this is what makes it readable.
    pub(in crate::files) is_uploaded: bool,
}

/// What came of completing a file.
#[derive(Debug)]
pub(in crate::files) enum Completed {
    /// The file shows it.
    Shown(Box<FileRow>),
    /// The file is there without it: it took so long that it was given up.
    GivenUp,
    /// The file was deleted meanwhile.
    FileGone,
}

impl Rows {
    /// Writes down what is about to go into the store.
    pub(in crate::files) async fn expect(&self, objects: &[Expected<'_>]) -> Result<(), FilesError> {
        self.as_service::<IgnoredAny>(EXPECT, json!({ "objects": objects })).await?;
        Ok(())
    }

    /// The files `ids`, with what they show.
    pub(in crate::files) async fn stored(&self, ids: &[FileId]) -> Result<Vec<Stored>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<Stored>,
        }
        let data: Data = self.as_service(STORED, json!({ "ids": ids })).await?;
        Ok(data.files)
    }

    /// Makes the objects at `keys`, of which one is the `content`, what the file shows, and the file readable, in one
    /// transaction. What it showed before is removed after `until` (unix seconds). An upload `in_parts` ends with it.
    pub(in crate::files) async fn complete(
        &self,
        details: &FileDetails,
        completion: &Completion<'_>,
        content: &ObjectKey,
        keys: &[&ObjectKey],
        until: i64,
        in_parts: bool,
    ) -> Result<Completed, FilesError> {
        #[derive(Deserialize)]
        struct Updated {
            returning: Vec<FileRow>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            turn: Option<IgnoredAny>,
            update_files: Updated,
        }
        let variables = json!({
            "id": details.file_id, "set": completion, "content": content, "size": details.size, "keys": keys,
            "details": details, "until": timestamp(until), "inParts": in_parts,
        });
        let data: Data = match self.as_service(COMPLETE, variables).await {
            // The details refer to a row that was deleted meanwhile.
            Err(FilesError::AsAdmin(error)) if error.code == "constraint-violation" => {
                return Ok(Completed::FileGone);
            }
            data => data?,
        };
        Ok(match (data.update_files.returning.into_iter().next(), data.turn) {
            (Some(row), _) => Completed::Shown(Box::new(row)),
            (None, Some(_)) => Completed::GivenUp,
            (None, None) => Completed::FileGone,
        })
    }
}
