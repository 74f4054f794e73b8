//! The rows of `storage.files` and `storage.buckets`.

use base::ids::FileId;
use base::project::{GraphqlRequest, fetch};
use base::session::Session;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Rows, timestamp};
use crate::files::error::FilesError;
use crate::files::store::ObjectKey;

const BUCKET: &str = "query bucket($id: String!) {
  bucket(id: $id) { id minUploadFileSize maxUploadFileSize cacheControl downloadExpiration presignedUrlsEnabled }
}";

const LARGEST_UPLOAD: &str = "query largestUpload {
  buckets(order_by: [{ maxUploadFileSize: desc }], limit: 1) { maxUploadFileSize }
}";

/// All that an answer tells of a file: whether it is told is the caller's permission's to say. What it is comes from where
/// the object's key comes from (`stored`), or a replacement between the two would give one content the other's tag.
const READABLE: &str = "query readable($ids: [uuid!]!) {
  files(where: { id: { _in: $ids } }) { id name size bucketId etag updatedAt isUploaded mimeType }
}";

const INSERT_FILE: &str = "mutation insertFile($object: files_insert_input!) {
  insertFile(object: $object) { id }
}";

/// Changes nothing: the permission to change a file's content.
const UPDATE_FILE: &str = "mutation updateFile($id: uuid!) {
  updateFiles(where: { id: { _eq: $id }, isUploaded: { _eq: true } }, _set: { isUploaded: true }) { affected_rows }
}";

const DELETE_FILE: &str = "mutation deleteFile($id: uuid!) { deleteFile(id: $id) { id } }";

/// Deletes what was never uploaded.
const FORGET_FILE: &str = "mutation forgetFile($id: uuid!) {
  deleteFiles(where: { id: { _eq: $id }, isUploaded: { _eq: false } }) { affected_rows }
}";

const UPLOADED: &str = "query uploaded($where: files_bool_exp!) {
  files(where: $where) {
    id name size bucketId etag createdAt updatedAt isUploaded mimeType uploadedByUserId metadata
  }
}";

/// Files for messages to which nothing has referred since a time; it looks at so many at most.
const REMOVE_UNREFERENCED: &str = "mutation removeUnreferenced($before: timestamptz!, $atMost: Int!) {
  removed: remove_unreferenced_files(args: { before: $before, at_most: $atMost }) { id }
}";

/// Rows without a line in the book: an upload was cut short between the two.
const UNFINISHED: &str = "query unfinished($before: timestamptz!, $limit: Int!) {
  files(
    where: { isUploaded: { _eq: false }, updatedAt: { _lt: $before }, _not: { objects: {} } }
    limit: $limit
  ) { id }
}";

const NOT_UPLOADED: &str = "query notUploaded($after: uuid!, $limit: Int!) {
  files(
    where: { isUploaded: { _eq: false }, id: { _gt: $after } }, order_by: [{ id: asc }], limit: $limit
  ) { id name bucketId isUploaded }
}";

const SUMMARIES: &str = "query summaries($ids: [uuid!]!) {
  files(where: { id: { _in: $ids } }) { id name bucketId isUploaded }
}";

const DELETE_ALL: &str = "mutation deleteAll($ids: [uuid!]!) {
  deleteFiles(where: { id: { _in: $ids } }) { affected_rows }
}";

/// Does not even validate for a role that has no mutations.
const MUTATIONS: &str = "mutation mutations { __typename }";

/// What a bucket says of its files.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Bucket {
    /// The fewest bytes of a file.
    pub(in crate::files) min_upload_file_size: u64,
    /// The most bytes of a file.
    pub(in crate::files) max_upload_file_size: u64,
    /// The `Cache-Control` of its files.
    pub(in crate::files) cache_control: Option<String>,
    /// For how many seconds a presigned address is good.
    pub(in crate::files) download_expiration: u64,
    /// Whether there are presigned addresses of its files.
    pub(in crate::files) presigned_urls_enabled: bool,
    /// Its name.
    pub(in crate::files) id: String,
}

/// A row of `storage.files`, as the upload's answer shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct FileRow {
    id: FileId,
    name: Option<String>,
    size: Option<u64>,
    bucket_id: String,
    etag: Option<String>,
    created_at: String,
    updated_at: String,
    is_uploaded: Option<bool>,
    mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded_by_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
}

/// The row of a file whose content was received and is not stored yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct NewFile<'a> {
    /// Its id.
    pub(in crate::files) id: FileId,
    /// What people call it.
    pub(in crate::files) name: &'a str,
    /// The bucket that it goes into.
    pub(in crate::files) bucket_id: &'a str,
    /// What its content is.
    pub(in crate::files) mime_type: &'a str,
    /// How many bytes it has.
    pub(in crate::files) size: u64,
}

/// A file as the administrator's lists show it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct FileSummary {
    /// Its id.
    pub(in crate::files) id: FileId,
    /// What people call it.
    pub(in crate::files) name: Option<String>,
    bucket_id: String,
    is_uploaded: Option<bool>,
}

#[derive(Deserialize)]
struct Key {
    id: FileId,
}

/// How many rows a mutation met.
#[derive(Deserialize)]
pub(super) struct Affected {
    pub(super) affected_rows: u64,
}

impl Rows {
    /// The bucket called `id`.
    pub(in crate::files) async fn bucket(&self, id: &str) -> Result<Option<Bucket>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            bucket: Option<Bucket>,
        }
        let data: Data = self.as_service(BUCKET, json!({ "id": id })).await?;
        Ok(data.bucket)
    }

    /// The most bytes that a file of any bucket may have.
    pub(in crate::files) async fn largest_upload(&self) -> Result<u64, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Largest {
            max_upload_file_size: u64,
        }
        #[derive(Deserialize)]
        struct Data {
            buckets: Vec<Largest>,
        }
        let data: Data = self.as_service(LARGEST_UPLOAD, Value::Null).await?;
        Ok(data.buckets.first().map_or(0, |largest| largest.max_upload_file_size))
    }

    /// Whether the caller's role may write anything at all: a hint, to refuse early whoever may not.
    pub(in crate::files) async fn may_write(&self, caller: &Session) -> bool {
        let request = GraphqlRequest::new(MUTATIONS, Value::Null);
        let answer = fetch::<IgnoredAny>(&*self.project, caller, request).await;
        !answer.is_err_and(|error| error.code == "validation-failed")
    }

    /// Those of the files `ids` that the caller may see.
    pub(in crate::files) async fn readable(
        &self,
        caller: &Session,
        ids: &[FileId],
    ) -> Result<Vec<FileId>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<Key>,
        }
        let data: Data = self.as_caller(caller, READABLE, json!({ "ids": ids })).await?;
        Ok(data.files.into_iter().map(|key| key.id).collect())
    }

    /// Adds a row as the caller: the permission to upload. Whether the caller may see it is another matter.
    pub(in crate::files) async fn insert(
        &self,
        caller: &Session,
        file: &NewFile<'_>,
    ) -> Result<(), FilesError> {
        self.as_caller::<IgnoredAny>(caller, INSERT_FILE, json!({ "object": file })).await?;
        Ok(())
    }

    /// Whether the caller may change the content of the file `id`, which is uploaded.
    pub(in crate::files) async fn may_replace(
        &self,
        caller: &Session,
        id: FileId,
    ) -> Result<bool, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            update_files: Affected,
        }
        let data: Data = self.as_caller(caller, UPDATE_FILE, json!({ "id": id })).await?;
        Ok(data.update_files.affected_rows > 0)
    }

    /// Deletes a row as the caller, and says whether the caller had such a row.
    pub(in crate::files) async fn delete(&self, caller: &Session, id: FileId) -> Result<bool, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            delete_file: Option<Key>,
        }
        let data: Data = self.as_caller(caller, DELETE_FILE, json!({ "id": id })).await?;
        Ok(data.delete_file.is_some())
    }

    /// The row of the file `id`, if its content is there.
    pub(in crate::files) async fn uploaded(&self, id: FileId) -> Result<Option<FileRow>, FilesError> {
        self.row_where(json!({ "id": { "_eq": id }, "isUploaded": { "_eq": true } })).await
    }

    /// The row of the file `id`, if it shows what is at `content`.
    pub(in crate::files) async fn showing(
        &self,
        id: FileId,
        content: &ObjectKey,
    ) -> Result<Option<FileRow>, FilesError> {
        let shown = json!({ "key": { "_eq": content }, "isCurrent": { "_eq": true } });
        self.row_where(json!({ "id": { "_eq": id }, "objects": shown })).await
    }

    async fn row_where(&self, condition: Value) -> Result<Option<FileRow>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<FileRow>,
        }
        let data: Data = self.as_service(UPLOADED, json!({ "where": condition })).await?;
        Ok(data.files.into_iter().next())
    }

    /// Deletes the row of an upload that failed, and says whether it did. If not, it stays unreadable, or was completed.
    pub(in crate::files) async fn forget(&self, id: FileId) -> bool {
        self.delete_unfinished(id).await.unwrap_or_else(|error| {
            tracing::warn!(file.id = %id, %error, "the row of a failed upload stays");
            false
        })
    }

    /// Deletes the row of the file `id`, if its content is not there, and says whether it did.
    pub(in crate::files) async fn delete_unfinished(&self, id: FileId) -> Result<bool, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            delete_files: Affected,
        }
        let data: Data = self.as_service(FORGET_FILE, json!({ "id": id })).await?;
        Ok(data.delete_files.affected_rows > 0)
    }

    /// Deletes files for messages to which nothing has referred since `before` (unix seconds), and says which. It looks at
    /// `at_most` of those that may be such.
    pub(in crate::files) async fn remove_unreferenced(
        &self,
        before: i64,
        at_most: usize,
    ) -> Result<Vec<FileId>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            removed: Vec<Key>,
        }
        let variables = json!({ "before": timestamp(before), "atMost": at_most });
        let data: Data = self.as_service(REMOVE_UNREFERENCED, variables).await?;
        Ok(data.removed.into_iter().map(|key| key.id).collect())
    }

    /// Files that are not uploaded, those after `after` in the order of their ids.
    pub(in crate::files) async fn not_uploaded(
        &self,
        after: FileId,
        at_most: usize,
    ) -> Result<Vec<FileSummary>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<FileSummary>,
        }
        let data: Data = self.as_service(NOT_UPLOADED, json!({ "after": after, "limit": at_most })).await?;
        Ok(data.files)
    }

    /// Some of the files that are not uploaded, have no object under way, and were last changed before `before`.
    pub(in crate::files) async fn unfinished(
        &self,
        before: i64,
        at_most: usize,
    ) -> Result<Vec<FileId>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<Key>,
        }
        let data: Data =
            self.as_service(UNFINISHED, json!({ "before": timestamp(before), "limit": at_most })).await?;
        Ok(data.files.into_iter().map(|key| key.id).collect())
    }

    /// The files `ids`, as the administrator's lists show them.
    pub(in crate::files) async fn summaries(&self, ids: &[FileId]) -> Result<Vec<FileSummary>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<FileSummary>,
        }
        let data: Data = self.as_service(SUMMARIES, json!({ "ids": ids })).await?;
        Ok(data.files)
    }

    /// Deletes the rows of the files `ids`.
    pub(in crate::files) async fn delete_all(&self, ids: &[FileId]) -> Result<(), FilesError> {
        self.as_service::<IgnoredAny>(DELETE_ALL, json!({ "ids": ids })).await?;
        Ok(())
    }
}
