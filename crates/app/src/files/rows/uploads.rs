//! Uploads in parts (`file_uploads`), from their beginning until what came is checked.

use base::ids::{FileId, UserId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::files::Affected;
use super::{Rows, timestamp};
use crate::files::error::FilesError;
use crate::files::store::ObjectKey;

const BEGIN: &str =
    "mutation beginUpload($key: String!, $uploadId: String!, $upload: file_uploads_insert_input!) {
  update_stored_objects(where: { key: { _eq: $key } }, _set: { uploadId: $uploadId }) { affected_rows }
  insert_file_uploads_one(object: $upload) { fileId }
}";

const UPLOAD: &str = "query upload($id: uuid!) {
  file(id: $id) {
    id name size mimeType isUploaded uploadedByUserId
    upload { key size partSize metadata finishedAt tries }
    objects { key uploadId expectedUntil }
  }
}";

const FINISH: &str = "mutation finishUpload($id: uuid!, $now: timestamptz!) {
  update_file_uploads_by_pk(pk_columns: { fileId: $id }, _set: { finishedAt: $now }) { fileId }
}";

/// Written down before anything is looked at: what kills the server is not looked at for ever.
const BEGIN_CHECK: &str =
    "mutation beginCheck($id: uuid!, $tries: Int!, $now: timestamptz!, $until: timestamptz!) {
  update_file_uploads(
    where: {
      fileId: { _eq: $id }, tries: { _eq: $tries }
      _or: [{ dueAt: { _is_null: true } }, { dueAt: { _lt: $now } }]
    }
    _inc: { tries: 1 }
    _set: { dueAt: $until }
  ) { affected_rows }
}";

const TAKE_BACK: &str = "mutation takeBackCheck($id: uuid!, $tries: Int!, $begun: Int!) {
  update_file_uploads(
    where: { fileId: { _eq: $id }, tries: { _eq: $begun } }, _set: { tries: $tries, dueAt: null }
  ) { affected_rows }
}";

const UNCHECKED: &str = "query unchecked($before: timestamptz!, $now: timestamptz!, $limit: Int!) {
  file_uploads(
    where: {
      finishedAt: { _lt: $before }, _or: [{ dueAt: { _is_null: true } }, { dueAt: { _lt: $now } }]
    }
    order_by: [{ finishedAt: asc }]
    limit: $limit
  ) { fileId }
}";

/// A row of `file_uploads`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Upload {
    /// Where its bytes go.
    pub(in crate::files) key: ObjectKey,
    /// How many bytes were announced.
    pub(in crate::files) size: u64,
    /// How many bytes each part has, but the last.
    pub(in crate::files) part_size: u64,
    /// What the client said about the file.
    pub(in crate::files) metadata: Option<Value>,
    /// When all parts had come.
    #[serde(skip_serializing)]
    pub(in crate::files) finished_at: Option<String>,
    /// How often it was begun to check what came.
    #[serde(skip_serializing)]
    pub(in crate::files) tries: u32,
}

/// An upload in parts, with its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct UploadUnderWay {
    /// The file.
    pub(in crate::files) id: FileId,
    /// What people call it.
    pub(in crate::files) name: Option<String>,
    /// How many bytes it has.
    pub(in crate::files) size: Option<u64>,
    /// What the client says it is.
    pub(in crate::files) mime_type: Option<String>,
    /// Whether it is a file by now.
    pub(in crate::files) is_uploaded: Option<bool>,
    /// Who began it.
    pub(in crate::files) uploaded_by_user_id: Option<UserId>,
    upload: Option<Upload>,
    objects: Vec<Object>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: ObjectKey,
    upload_id: Option<String>,
    expected_until: Option<String>,
}

impl UploadUnderWay {
    /// The upload and the store's name of it; `None` where the file has none under way.
    pub(in crate::files) fn parts(&self) -> Option<(&Upload, &str)> {
        let upload = self.upload.as_ref()?;
        let object = self.objects.iter().find(|object| object.key == upload.key)?;
        Some((upload, object.upload_id.as_deref()?))
    }

    /// Until when it must be finished.
    pub(in crate::files) fn expires_at(&self) -> Option<&str> {
        let upload = self.upload.as_ref()?;
        self.objects.iter().find(|object| object.key == upload.key)?.expected_until.as_deref()
    }
}

impl Rows {
    /// Writes down an upload in parts, which the store calls `upload_id`.
    pub(in crate::files) async fn begin_upload(
        &self,
        id: FileId,
        upload: &Upload,
        upload_id: &str,
    ) -> Result<(), FilesError> {
        let mut object = json!(upload);
        if let Value::Object(object) = &mut object {
            object.insert("fileId".to_owned(), json!(id));
        }
        let variables = json!({ "key": upload.key, "uploadId": upload_id, "upload": object });
        self.as_service::<IgnoredAny>(BEGIN, variables).await?;
        Ok(())
    }

    /// The file `id`, with its upload in parts.
    pub(in crate::files) async fn upload(&self, id: FileId) -> Result<Option<UploadUnderWay>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            file: Option<UploadUnderWay>,
        }
        let data: Data = self.as_service(UPLOAD, json!({ "id": id })).await?;
        Ok(data.file)
    }

    /// Notes that all parts have come and are one object now.
    pub(in crate::files) async fn finish_upload(&self, id: FileId, now: i64) -> Result<(), FilesError> {
        self.as_service::<IgnoredAny>(FINISH, json!({ "id": id, "now": timestamp(now) })).await?;
        Ok(())
    }

    /// Begins the check after `tries` others, and says whether nobody else did or is at it. Until `until` (unix seconds)
    /// nobody else begins.
    pub(in crate::files) async fn begin_check(
        &self,
        id: FileId,
        tries: u32,
        now: i64,
        until: i64,
    ) -> Result<bool, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            update_file_uploads: Affected,
        }
        let variables = json!({ "id": id, "tries": tries, "now": timestamp(now), "until": timestamp(until) });
        let data: Data = self.as_service(BEGIN_CHECK, variables).await?;
        Ok(data.update_file_uploads.affected_rows > 0)
    }

    /// Takes back that a check was begun after `tries` others: it was not the upload that failed.
    pub(in crate::files) async fn take_back_check(&self, id: FileId, tries: u32) -> Result<(), FilesError> {
        let variables = json!({ "id": id, "tries": tries, "begun": tries.saturating_add(1) });
        self.as_service::<IgnoredAny>(TAKE_BACK, variables).await?;
        Ok(())
    }

    /// Some of the uploads that were finished before `before`, are not checked, and are at nobody's work.
    pub(in crate::files) async fn unchecked(
        &self,
        before: i64,
        now: i64,
        at_most: usize,
    ) -> Result<Vec<FileId>, FilesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Row {
            file_id: FileId,
        }
        #[derive(Deserialize)]
        struct Data {
            file_uploads: Vec<Row>,
        }
        let variables = json!({ "before": timestamp(before), "now": timestamp(now), "limit": at_most });
        let data: Data = self.as_service(UNCHECKED, variables).await?;
        Ok(data.file_uploads.into_iter().map(|row| row.file_id).collect())
    }
}
