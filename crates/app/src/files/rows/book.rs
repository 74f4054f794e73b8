//! The book of what is in the store (`stored_objects`): written before the store is asked, struck out when the
//! object is gone.

use base::ids::FileId;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::files::{Bucket, FileRow};
use super::{Rows, timestamp};
use crate::files::error::FilesError;
use crate::files::store::ObjectKey;

const EXPECT: &str = "mutation expect($objects: [stored_objects_insert_input!]!) {
  insert_stored_objects(objects: $objects) { affected_rows }
}";

const STORED: &str = "query stored($ids: [uuid!]!) {
  files(where: { id: { _in: $ids } }) {
    id
    bucket {
      id minUploadFileSize maxUploadFileSize cacheControl downloadExpiration presignedUrlsEnabled
    }
    objects(where: { isCurrent: { _eq: true } }) { key role size }
  }
}";

/// What the file showed is nobody's from now on; whoever is reading it has a while to end. Those who complete a file take
/// turns by the lock of its row (`turn`, which changes nothing), and so does whoever gives an object up (`letGo`): what is
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
    where: { fileId: { _eq: $id }, key: { _in: $keys } }
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

const OBJECTS: &str = "query objects($id: uuid!) {
  stored_objects(where: { fileId: { _eq: $id } }) { key uploadId }
}";

const GARBAGE: &str = "query garbage($now: timestamptz!, $again: timestamptz!, $limit: Int!) {
  stored_objects(
    where: {
      fileId: { _is_null: true }
      _and: [
        { _or: [{ expectedUntil: { _is_null: true } }, { expectedUntil: { _lt: $now } }] }
        { _or: [{ triedAt: { _is_null: true } }, { triedAt: { _lt: $again } }] }
      ]
    }
    order_by: [{ triedAt: asc_nulls_first }]
    limit: $limit
  ) { key uploadId }
}";

const STALE: &str = "query stale($now: timestamptz!, $limit: Int!) {
  stored_objects(
    where: { isCurrent: { _eq: false }, fileId: { _is_null: false }, expectedUntil: { _lt: $now } }
    limit: $limit
  ) { key fileId file { isUploaded } }
}";

/// What a file shows by now stays. What was on its way may still arrive, until its time is over.
const LET_GO: &str = "mutation letGo($id: uuid!, $keys: [String!]!, $until: timestamptz!) {
  turn: updateFile(pk_columns: { id: $id }, _set: { id: $id }) { id }
  sooner: update_stored_objects(
    where: { key: { _in: $keys }, isCurrent: { _eq: false }, expectedUntil: { _gt: $until } }
    _set: { expectedUntil: $until }
  ) { affected_rows }
  update_stored_objects(
    where: { key: { _in: $keys }, isCurrent: { _eq: false } }, _set: { fileId: null, triedAt: null }
  ) { affected_rows }
}";

/// Whoever claims an object removes it, and nobody else for a while.
const CLAIM: &str = "mutation claim($keys: [String!]!, $now: timestamptz!, $again: timestamptz!) {
  update_stored_objects(
    where: {
      key: { _in: $keys }, fileId: { _is_null: true }
      _or: [{ triedAt: { _is_null: true } }, { triedAt: { _lt: $again } }]
    }
    _set: { triedAt: $now }
  ) { returning { key uploadId } }
}";

const STRIKE_OUT: &str = "mutation strikeOut($key: String!, $now: timestamptz!) {
  delete_stored_objects(
    where: {
      key: { _eq: $key }, fileId: { _is_null: true }
      _or: [{ expectedUntil: { _is_null: true } }, { expectedUntil: { _lt: $now } }]
    }
  ) { affected_rows }
}";

const NOT_REMOVED: &str = "mutation notRemoved($key: String!, $now: timestamptz!, $problem: String!) {
  update_stored_objects(
    where: { key: { _eq: $key } }, _inc: { tries: 1 }, _set: { triedAt: $now, problem: $problem }
  ) { affected_rows }
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

/// What the service itself knows of a file.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::files) struct Stored {
    /// The file.
    pub(in crate::files) id: FileId,
    /// The bucket that it is in.
    pub(in crate::files) bucket: Bucket,
    objects: Vec<StoredObject>,
}

impl Stored {
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

/// An object that is nobody's any more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Garbage {
    /// Where it is.
    pub(in crate::files) key: ObjectKey,
    /// The store's name of an upload in parts, where one was under way.
    pub(in crate::files) upload_id: Option<String>,
}

/// An object that was expected and did not come in time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Stale {
    /// Where it would be.
    pub(in crate::files) key: ObjectKey,
    /// Of which file it would be.
    pub(in crate::files) file_id: FileId,
    file: StaleFile,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StaleFile {
    is_uploaded: Option<bool>,
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

impl Stale {
    /// Whether the file shows another object.
    pub(in crate::files) fn is_uploaded(&self) -> bool {
        self.file.is_uploaded == Some(true)
    }
}

impl Rows {
    /// Writes down what is about to go into the store.
    pub(in crate::files) async fn expect(&self, objects: &[Expected<'_>]) -> Result<(), FilesError> {
        self.as_service::<IgnoredAny>(EXPECT, json!({ "objects": objects })).await?;
        Ok(())
    }

    /// What the service itself knows of the files `ids`.
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

    /// All objects of the file `id`, those under way included.
    pub(in crate::files) async fn objects(&self, id: FileId) -> Result<Vec<Garbage>, FilesError> {
        self.garbage_of(OBJECTS, json!({ "id": id })).await
    }

    /// Some of the objects that are nobody's, and were not tried to be removed since `again`.
    pub(in crate::files) async fn garbage(
        &self,
        now: i64,
        again: i64,
        at_most: usize,
    ) -> Result<Vec<Garbage>, FilesError> {
        let variables = json!({ "now": timestamp(now), "again": timestamp(again), "limit": at_most });
        self.garbage_of(GARBAGE, variables).await
    }

    async fn garbage_of(&self, document: &str, variables: Value) -> Result<Vec<Garbage>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            stored_objects: Vec<Garbage>,
        }
        let data: Data = self.as_service(document, variables).await?;
        Ok(data.stored_objects)
    }

    /// Some of the objects that were expected and did not come in time.
    pub(in crate::files) async fn stale(&self, now: i64, at_most: usize) -> Result<Vec<Stale>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            stored_objects: Vec<Stale>,
        }
        let data: Data = self.as_service(STALE, json!({ "now": timestamp(now), "limit": at_most })).await?;
        Ok(data.stored_objects)
    }

    /// Takes the objects at `keys` from the file `id`, unless they became what it shows. What may still arrive of them has
    /// come at `until` (unix seconds) at the latest.
    pub(in crate::files) async fn let_go(
        &self,
        id: FileId,
        keys: &[&ObjectKey],
        until: i64,
    ) -> Result<(), FilesError> {
        let variables = json!({ "id": id, "keys": keys, "until": timestamp(until) });
        self.as_service::<IgnoredAny>(LET_GO, variables).await?;
        Ok(())
    }

    /// Those of the objects at `keys` that are nobody's, and that nobody else has tried to remove since `again`: the caller
    /// removes them.
    pub(in crate::files) async fn claim(
        &self,
        keys: &[&ObjectKey],
        now: i64,
        again: i64,
    ) -> Result<Vec<Garbage>, FilesError> {
        #[derive(Deserialize)]
        struct Claimed {
            returning: Vec<Garbage>,
        }
        #[derive(Deserialize)]
        struct Data {
            update_stored_objects: Claimed,
        }
        let variables = json!({ "keys": keys, "now": timestamp(now), "again": timestamp(again) });
        let data: Data = self.as_service(CLAIM, variables).await?;
        Ok(data.update_stored_objects.returning)
    }

    /// Strikes out an object that is gone from the store, unless it may still arrive there.
    pub(in crate::files) async fn strike_out(&self, key: &ObjectKey, now: i64) -> Result<(), FilesError> {
        self.as_service::<IgnoredAny>(STRIKE_OUT, json!({ "key": key, "now": timestamp(now) })).await?;
        Ok(())
    }

    /// Notes that an object could not be removed, and why.
    pub(in crate::files) async fn not_removed(
        &self,
        key: &ObjectKey,
        now: i64,
        problem: &str,
    ) -> Result<(), FilesError> {
        let problem: String = problem.chars().take(500).collect();
        let variables = json!({ "key": key, "now": timestamp(now), "problem": problem });
        self.as_service::<IgnoredAny>(NOT_REMOVED, variables).await?;
        Ok(())
    }
}
