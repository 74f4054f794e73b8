//! The form of an upload, read whole before anything is stored: `file[]` into spool files, `metadata[]` and
//! `bucket-id` into memory, in whatever order they come.
//!
//! The bucket's limit holds while a file streams in. Where the bucket is named after the files, the largest
//! limit of all buckets holds meanwhile. A file that is too big is read on and thrown away, so that the ones
//! before it can still be stored and the client learns the size; but not without end.

use base::ids::FileId;
use base::session::Session;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use multer::{Field, Multipart};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::body::{BodyError, UploadBody};
use super::error::{FilesError, parse_id};
use super::limits::Limits;
use super::rows::{Allowance, BeyondPlan, Bucket, Rows};
use super::spool::{SpoolFolder, Spooled};
use super::{Files, Service};

/// The bucket of a form that names none.
pub(super) const DEFAULT_BUCKET: &str = "default";

/// The longest request that is received before its sender's plan is asked.
const RECEIVED_UNASKED: u64 = 1 << 20;

/// What a form asks for.
pub(super) struct UploadForm {
    /// Where the files go.
    pub(super) bucket: Bucket,
    /// The files, in order.
    pub(super) files: Vec<UploadedFile>,
}

/// One file of a form.
pub(super) struct UploadedFile {
    /// The id that the client wants for it.
    pub(super) id: Option<FileId>,
    /// What people call it.
    pub(super) name: String,
    /// What the client says it is.
    pub(super) declared_type: Option<String>,
    /// What the client says about it.
    pub(super) metadata: Option<Value>,
    /// Its bytes.
    pub(super) content: ReceivedFile,
}

/// The bytes of a file of a form.
pub(super) enum ReceivedFile {
    /// All of them.
    Whole(Spooled),
    /// More than the bucket takes: so many, and they are gone.
    TooBig(u64),
    /// More than the uploader's plan has room for, and they are gone.
    BeyondPlan(Box<BeyondPlan>),
}

impl ReceivedFile {
    /// How many bytes are kept of it.
    fn size(&self) -> u64 {
        match self {
            Self::Whole(content) => content.size(),
            Self::TooBig(_) | Self::BeyondPlan(_) => 0,
        }
    }
}

/// A `metadata[]` value.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMetadata {
    id: Option<String>,
    name: Option<String>,
    metadata: Option<Map<String, Value>>,
}

/// Reads forms.
pub(super) struct FormReader<'a> {
    /// Where buckets are looked up.
    pub(super) rows: &'a Rows,
    /// Where files are received.
    pub(super) spool: &'a SpoolFolder,
    /// The bounds.
    pub(super) limits: &'a Limits,
    /// What the uploader's plan has room for.
    pub(super) allowance: Allowance,
    /// The request's body.
    pub(super) body: &'a UploadBody,
}

/// What was read so far.
#[derive(Default)]
struct Parts {
    bucket: Option<Bucket>,
    largest_upload: Option<u64>,
    files: Vec<UploadedFile>,
    metadata: Vec<FileMetadata>,
}

impl Files {
    /// A reader for the form of a request with these headers. Where little is announced, the
    /// plan is asked when the file is kept, and only then.
    pub(super) async fn form_reader<'a>(
        &'a self,
        caller: &Session,
        headers: &HeaderMap,
        body: &'a UploadBody,
    ) -> FormReader<'a> {
        let Service { rows, spool, limits, .. } = &*self.0;
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let is_little = length.is_some_and(|length: u64| length <= RECEIVED_UNASKED);
        let allowance = if is_little { Allowance::default() } else { rows.allowance(caller).await };
        FormReader { rows, spool, limits, body, allowance }
    }
}

impl FormReader<'_> {
    /// Reads the form of a request with these headers to its end.
    pub(super) async fn read(&self, headers: &HeaderMap) -> Result<UploadForm, FilesError> {
        let mut multipart = self.open(headers)?;
        let mut parts = Parts::default();
        for _ in 0..self.limits.parts_per_request() {
            self.body.expect_headers(self.limits.part_header_bytes);
            let Some(field) = multipart.next_field().await.map_err(|error| form_error(&error))? else {
                return self.complete(parts).await;
            };
            self.body.expect_content();
            self.read_part(field, &mut parts).await?;
        }
        Err(FilesError::Form("the form has too many fields".to_owned()))
    }

    /// The form of a request with these headers, from its beginning.
    pub(super) fn open(&self, headers: &HeaderMap) -> Result<Multipart<'static>, FilesError> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(content_type)
            .map_err(|_| FilesError::Form("request Content-Type isn't multipart/form-data".to_owned()))?;
        Ok(Multipart::new(self.body.clone(), boundary))
    }

    async fn read_part(&self, field: Field<'_>, parts: &mut Parts) -> Result<(), FilesError> {
        // A part with an empty file name is a value: both SDKs send `metadata[]` so.
        let file_name = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
        match (field.name(), file_name) {
            (Some("file[]"), Some(name)) => {
                if parts.files.len() == self.limits.files_per_request {
                    return Err(FilesError::Form("the form has too many files".to_owned()));
                }
                let max_size = self.max_size(parts).await?;
                let taken = parts.files.iter().map(|file| file.content.size()).sum();
                parts.files.push(self.receive_file(field, &name, max_size, taken).await?);
            }
            (Some("metadata[]"), _) => {
                let json = self.read_value(field).await?;
                parts.metadata.push(serde_json::from_slice(&json).map_err(|_| FilesError::Metadata)?);
            }
            (Some("bucket-id"), _) => {
                let name = self.read_value(field).await?;
                if parts.bucket.is_none() && !name.is_empty() {
                    parts.bucket = Some(self.bucket(&String::from_utf8_lossy(&name)).await?);
                }
            }
            _ => {
                self.read_value(field).await?;
            }
        }
        Ok(())
    }

    /// What a file may hold, as far as that is known yet.
    async fn max_size(&self, parts: &mut Parts) -> Result<u64, FilesError> {
        Ok(match (&parts.bucket, parts.largest_upload) {
            (Some(bucket), _) => bucket.max_upload_file_size,
            (None, Some(largest)) => largest,
            (None, None) => *parts.largest_upload.insert(self.rows.largest_upload().await?),
        })
    }

    /// Receives a file called `name`, before which `taken` bytes came; what is beyond `max_size`, or the plan, is thrown
    /// away.
    pub(super) async fn receive_file(
        &self,
        mut field: Field<'_>,
        name: &str,
        max_size: u64,
        taken: u64,
    ) -> Result<UploadedFile, FilesError> {
        let name = base_name(name).to_owned();
        let declared_type =
            field.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let file = |content| UploadedFile { id: None, name: name.clone(), declared_type, metadata: None, content };
        let mut spool = self.spool.create().await?;
        while let Some(chunk) = field.chunk().await.map_err(|error| form_error(&error))? {
            let size = spool.size() + chunk.len() as u64;
            let refusal = self.allowance.refusal(size, taken);
            if refusal.is_some() || size > max_size {
                drop(spool);
                let size = self.discard_file(field, size, &name, max_size).await?;
                let content = match refusal {
                    Some(refusal) if size <= max_size => ReceivedFile::BeyondPlan(Box::new(refusal)),
                    _ => ReceivedFile::TooBig(size),
                };
                return Ok(file(content));
            }
            spool.write(&chunk).await?;
        }
        Ok(file(ReceivedFile::Whole(spool.finish().await?)))
    }

    /// Reads on in a file of which `size` bytes came already, and gives its true size.
    async fn discard_file(
        &self,
        mut field: Field<'_>,
        mut size: u64,
        name: &str,
        max_size: u64,
    ) -> Result<u64, FilesError> {
        while let Some(chunk) = field.chunk().await.map_err(|error| form_error(&error))? {
            size += chunk.len() as u64;
            if size.saturating_sub(max_size) > self.limits.discarded_bytes {
                return Err(FilesError::TooBig { filename: name.to_owned(), size, max_size });
            }
        }
        Ok(size)
    }

    /// Reads a field that is no file.
    pub(super) async fn read_value(&self, mut field: Field<'_>) -> Result<Vec<u8>, FilesError> {
        let mut value = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| form_error(&error))? {
            if value.len() + chunk.len() > self.limits.field_bytes {
                return Err(FilesError::Form("a form field is too long".to_owned()));
            }
            value.extend_from_slice(&chunk);
        }
        Ok(value)
    }

    async fn bucket(&self, name: &str) -> Result<Bucket, FilesError> {
        self.rows.bucket(name).await?.ok_or(FilesError::BucketNotFound)
    }

    /// Puts the parts together: metadata to their files, by order.
    async fn complete(&self, parts: Parts) -> Result<UploadForm, FilesError> {
        let mut files = parts.files;
        if files.is_empty() {
            return Err(FilesError::NoFile);
        }
        if !parts.metadata.is_empty() && parts.metadata.len() != files.len() {
            return Err(FilesError::MetadataCount);
        }
        for (file, metadata) in files.iter_mut().zip(parts.metadata) {
            file.id = metadata.id.filter(|id| !id.is_empty()).map(|id| parse_id(&id)).transpose()?;
            if let Some(name) = metadata.name.filter(|name| !name.is_empty()) {
                file.name = name;
            }
            file.metadata = metadata.metadata.map(Value::Object);
        }
        for file in &files {
            self.limits.check_name(&file.name)?;
        }
        let bucket = match parts.bucket {
            Some(bucket) => bucket,
            None => self.bucket(DEFAULT_BUCKET).await?,
        };
        Ok(UploadForm { bucket, files })
    }
}

/// The last component of what a client gives as its file's name, whichever system it runs on.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("file")
}

/// What is wrong with the form, or with its way here.
pub(super) fn form_error(error: &multer::Error) -> FilesError {
    if let multer::Error::StreamReadFailed(source) = error
        && let Some(body) = source.downcast_ref::<BodyError>()
    {
        return (*body).into();
    }
    FilesError::Form(format!("the multipart form is malformed: {error}"))
}
