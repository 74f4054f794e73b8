//! The rows of `storage.files` and `storage.buckets`, through the project's GraphQL: asked as the caller
//! where a permission decides, as the administrator where the service keeps its own books.

use std::sync::Arc;

use base::ids::FileId;
use base::project::{GraphqlRequest, Project, fetch};
use base::session::Session;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::FilesError;

const BUCKET: &str = "query bucket($id: String!) {
  bucket(id: $id) { id minUploadFileSize maxUploadFileSize cacheControl }
}";

const LARGEST_UPLOAD: &str = "query largestUpload {
  buckets(order_by: [{ maxUploadFileSize: desc }], limit: 1) { maxUploadFileSize }
}";

const FILE: &str = "query file($id: uuid!) {
  file(id: $id) { id name size bucketId etag updatedAt isUploaded mimeType }
}";

const INSERT_FILE: &str = "mutation insertFile($object: files_insert_input!) {
  insertFile(object: $object) { id }
}";

const COMPLETE_FILE: &str = "mutation completeFile($id: uuid!, $set: files_set_input!) {
  updateFile(pk_columns: { id: $id }, _set: $set) {
    id name size bucketId etag createdAt updatedAt isUploaded mimeType uploadedByUserId metadata
  }
}";

const DELETE_FILE: &str = "mutation deleteFile($id: uuid!) { deleteFile(id: $id) { id } }";

const UNFINISHED: &str = "query unfinished($before: timestamptz!, $limit: Int!) {
  files(where: { isUploaded: { _eq: false }, updatedAt: { _lt: $before } }, limit: $limit) { id }
}";

/// Does not even validate for a role that has no mutations.
const MUTATIONS: &str = "mutation mutations { __typename }";

/// What a bucket says of its files.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bucket {
    /// The fewest bytes of a file.
    pub(super) min_upload_file_size: u64,
    /// The most bytes of a file.
    pub(super) max_upload_file_size: u64,
    /// The `Cache-Control` of its files.
    pub(super) cache_control: Option<String>,
    /// Its name.
    pub(super) id: String,
}

/// A row of `storage.files`, as the upload's answer shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileRow {
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

/// What a download needs of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadableFile {
    /// Its id.
    pub(super) id: FileId,
    /// What people call it.
    pub(super) name: Option<String>,
    /// The bucket that it is in.
    pub(super) bucket_id: String,
    /// The entity tag of its content.
    pub(super) etag: Option<String>,
    /// Whether its content is there.
    pub(super) is_uploaded: Option<bool>,
    /// What its content is.
    pub(super) mime_type: Option<String>,
    updated_at: String,
}

impl ReadableFile {
    /// When it was changed last, in seconds since 1970.
    pub(super) fn changed_at(&self) -> Option<i64> {
        OffsetDateTime::parse(&self.updated_at, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
    }
}

/// The row of a file whose content was received and is not stored yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewFile<'a> {
    /// Its id.
    pub(super) id: FileId,
    /// What people call it.
    pub(super) name: &'a str,
    /// The bucket that it goes into.
    pub(super) bucket_id: &'a str,
    /// What its content is.
    pub(super) mime_type: &'a str,
    /// How many bytes it has.
    pub(super) size: u64,
}

/// What a row gets once the content is stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Completion<'a> {
    /// The entity tag of the content.
    pub(super) etag: &'a str,
    /// What its content is.
    pub(super) mime_type: &'a str,
    /// How many bytes it has.
    pub(super) size: u64,
    /// What the client said about it.
    pub(super) metadata: Option<Value>,
    /// Always true: this is what makes it readable.
    pub(super) is_uploaded: bool,
}

#[derive(Deserialize)]
struct Key {
    id: FileId,
}

/// The rows, behind the project's GraphQL.
pub(super) struct Rows {
    project: Arc<dyn Project>,
    service: Session,
}

impl Rows {
    /// The rows of `project`.
    pub(super) fn new(project: Arc<dyn Project>) -> Self {
        Self { project, service: Session::admin() }
    }

    /// The bucket called `id`.
    pub(super) async fn bucket(&self, id: &str) -> Result<Option<Bucket>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            bucket: Option<Bucket>,
        }
        let data: Data = self.as_service(BUCKET, json!({ "id": id })).await?;
        Ok(data.bucket)
    }

    /// The most bytes that a file of any bucket may have.
    pub(super) async fn largest_upload(&self) -> Result<u64, FilesError> {
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
    pub(super) async fn may_write(&self, caller: &Session) -> bool {
        let request = GraphqlRequest::new(MUTATIONS, Value::Null);
        let answer = fetch::<IgnoredAny>(&*self.project, caller, request).await;
        !answer.is_err_and(|error| error.code == "validation-failed")
    }

    /// The file `id`, if the caller may see it.
    pub(super) async fn readable(
        &self,
        caller: &Session,
        id: FileId,
    ) -> Result<Option<ReadableFile>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            file: Option<ReadableFile>,
        }
        let data: Data = self.as_caller(caller, FILE, json!({ "id": id })).await?;
        Ok(data.file)
    }

    /// Adds a row as the caller: the permission to upload. Whether the caller may see it is another matter.
    pub(super) async fn insert(&self, caller: &Session, file: &NewFile<'_>) -> Result<(), FilesError> {
        self.as_caller::<IgnoredAny>(caller, INSERT_FILE, json!({ "object": file })).await?;
        Ok(())
    }

    /// Completes a row, which makes its file readable. `None` where the row was deleted meanwhile.
    pub(super) async fn complete(
        &self,
        id: FileId,
        completion: &Completion<'_>,
    ) -> Result<Option<FileRow>, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            update_file: Option<FileRow>,
        }
        let data: Data = self.as_service(COMPLETE_FILE, json!({ "id": id, "set": completion })).await?;
        Ok(data.update_file)
    }

    /// Deletes a row as the caller, and says whether the caller had such a row.
    pub(super) async fn delete(&self, caller: &Session, id: FileId) -> Result<bool, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            delete_file: Option<Key>,
        }
        let data: Data = self.as_caller(caller, DELETE_FILE, json!({ "id": id })).await?;
        Ok(data.delete_file.is_some())
    }

    /// Deletes the row of an upload that failed, and says whether it could. If not, it stays unreadable.
    pub(super) async fn forget(&self, id: FileId) -> bool {
        match self.as_service::<IgnoredAny>(DELETE_FILE, json!({ "id": id })).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(file.id = %id, %error, "the row of a failed upload stays");
                false
            }
        }
    }

    /// Some of the files that are not uploaded and were last changed before `time`.
    pub(super) async fn unfinished(
        &self,
        time: OffsetDateTime,
        at_most: usize,
    ) -> Result<Vec<FileId>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            files: Vec<Key>,
        }
        let before = time.format(&Rfc3339).unwrap_or_default();
        let data: Data = self.as_service(UNFINISHED, json!({ "before": before, "limit": at_most })).await?;
        Ok(data.files.into_iter().map(|key| key.id).collect())
    }

    async fn as_caller<T: DeserializeOwned>(
        &self,
        caller: &Session,
        document: &str,
        variables: Value,
    ) -> Result<T, FilesError> {
        fetch(&*self.project, caller, GraphqlRequest::new(document, variables))
            .await
            .map_err(FilesError::AsCaller)
    }

    async fn as_service<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<T, FilesError> {
        fetch(&*self.project, &self.service, GraphqlRequest::new(document, variables))
            .await
            .map_err(FilesError::AsAdmin)
    }
}
