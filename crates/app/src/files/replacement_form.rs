//! The form of a replacement: one `file`, and perhaps `metadata` with a new name.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::FilesError;
use super::form::{FormReader, ReceivedFile, UploadedFile, form_error};
use super::rows::Bucket;

/// Fields in one form: the file, its metadata, and a few unknown ones.
const MAX_PARTS: usize = 16;

/// What a form asks for.
pub(super) struct ReplacementForm {
    /// What people call the file from now on.
    pub(super) name: Option<String>,
    /// What the client says the file is.
    pub(super) declared_type: Option<String>,
    /// What the client says about it.
    pub(super) metadata: Option<Value>,
    /// Its bytes.
    pub(super) content: ReceivedFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateFileMetadata {
    name: Option<String>,
    metadata: Option<Map<String, Value>>,
}

impl FormReader<'_> {
    /// Reads the form of a request with these headers, whose file goes into `bucket`, to its end.
    pub(super) async fn read_replacement(
        &self,
        headers: &HeaderMap,
        bucket: &Bucket,
    ) -> Result<ReplacementForm, FilesError> {
        let mut multipart = self.open(headers)?;
        let (mut file, mut metadata) = (None, UpdateFileMetadata::default());
        for _ in 0..MAX_PARTS {
            self.body.expect_headers(self.limits.part_header_bytes);
            let Some(field) = multipart.next_field().await.map_err(|error| form_error(&error))? else {
                return self.complete_replacement(file, metadata);
            };
            self.body.expect_content();
            let file_name = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
            match (field.name(), file_name) {
                (Some("file"), name) if file.is_none() => {
                    let name = name.unwrap_or_default();
                    file = Some(self.receive_file(field, &name, bucket.max_upload_file_size, 0).await?);
                }
                (Some("metadata"), _) => {
                    let json = self.read_value(field).await?;
                    metadata = serde_json::from_slice(&json).map_err(|_| FilesError::Metadata)?;
                }
                (Some("file"), _) => return Err(FilesError::NotOneFile),
                _ => drop(self.read_value(field).await?),
            }
        }
        Err(FilesError::Form("the form has too many fields".to_owned()))
    }

    fn complete_replacement(
        &self,
        file: Option<UploadedFile>,
        metadata: UpdateFileMetadata,
    ) -> Result<ReplacementForm, FilesError> {
        let file = file.ok_or(FilesError::NotOneFile)?;
        let name = metadata.name.filter(|name| !name.is_empty());
        if let Some(name) = &name {
            self.limits.check_name(name)?;
        }
        let metadata = metadata.metadata.map(Value::Object);
        Ok(ReplacementForm { name, declared_type: file.declared_type, metadata, content: file.content })
    }
}
