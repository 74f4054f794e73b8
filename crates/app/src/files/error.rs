//! Why a request to the storage service fails, and the answer that says so:
//! `{"error":{"message","data"}}` with the header `X-Error`.
//!
//! Details of a fault of ours go to the log, here and nowhere else; the client hears one sentence.

use axum::response::{IntoResponse, Response};
use base::authenticate::RefusedCaller;
use base::ids::FileId;
use base::problem::ProblemCode;
use base::project::GraphqlError;
use clients::Again;
use http::header::{CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::body::BodyError;
use super::picture::PictureError;
use super::rows::{BeyondPlan, FileRow};
use super::store::StoreError;

/// When to try again what failed for a while.
const RETRY_SECONDS: &str = "5";

/// The header that repeats an error's message.
pub(super) const ERROR_HEADER: &str = "x-error";

const NOT_AUTHORIZED: &str = "you are not authorized";
const INTERNAL: &str = "an internal server error occurred";
const UNAVAILABLE: &str = "the service is unavailable, try again later";

/// What went wrong, by the step that failed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The caller cannot be known.
    #[error("{0}")]
    Caller(#[from] RefusedCaller),
    /// The caller's role has no way to add files.
    #[error("{NOT_AUTHORIZED}")]
    NotAuthorized,
    /// The database, asked as the caller, said no.
    #[error("asked as the caller: {0}")]
    AsCaller(#[source] GraphqlError),
    /// The database, asked as the administrator, failed.
    #[error("asked as the administrator: {0}")]
    AsAdmin(#[source] GraphqlError),
    /// There is no such file, or not for this caller.
    #[error("file not found")]
    FileNotFound,
    /// It took so long to keep that it was given up.
    #[error("the upload took too long and was given up, send it again")]
    GivenUp,
    /// Somebody else is checking what came.
    #[error("the upload is being checked, try again in a moment")]
    BeingChecked,
    /// There is no such bucket.
    #[error("bucket not found")]
    BucketNotFound,
    /// The row is there, its bytes are not yet.
    #[error("file is not uploaded")]
    NotUploaded,
    /// An id that is no UUID, in the database's words.
    #[error("invalid input syntax for type uuid: \"{0}\"")]
    InvalidId(String),
    /// The request's body is not the form that it should be.
    #[error("{0}")]
    Form(String),
    /// No part of the form is a file.
    #[error("file[] not found in Multipart form")]
    NoFile,
    /// A replacement has no file, or several.
    #[error("wrong file data in multipart form, one needs to be specified")]
    NotOneFile,
    /// Neither no metadata nor one for each file.
    #[error("file metadata length doesn't match number of files in request")]
    MetadataCount,
    /// A `metadata[]` is not the JSON that it should be.
    #[error("couldn't decode metadata")]
    Metadata,
    /// The client sent nothing for too long, or all of it too slowly.
    #[error("the upload stood still for too long, or was too slow")]
    Stalled,
    /// The client went away, or its connection broke.
    #[error("the upload broke off")]
    BrokenOff,
    /// More than the bucket takes.
    #[error("file too big")]
    TooBig {
        /// The file's name.
        filename: String,
        /// Its size, as far as it was read.
        size: u64,
        /// The bucket's maximum.
        max_size: u64,
    },
    /// More than the uploader's plan has room for.
    #[error("{}", .0.message())]
    BeyondPlan(Box<BeyondPlan>),
    /// Less than the bucket takes.
    #[error("file too small")]
    TooSmall {
        /// The file's name.
        filename: String,
        /// Its size.
        size: u64,
        /// The bucket's minimum.
        min_size: u64,
    },
    /// Too many uploads at once.
    #[error("too many uploads at once, try again later")]
    TooManyUploads,
    /// The bytes could not be kept or read.
    #[error("{0}")]
    Store(#[source] StoreError),
    /// `If-Match` or `If-Unmodified-Since` does not hold.
    #[error("precondition failed")]
    Precondition,
    /// The file has no such bytes.
    #[error("requested range not satisfiable")]
    Range {
        /// The file's size.
        size: u64,
    },
    /// The file was moved to an archive.
    #[error("the file is archived and is being restored, try again in some hours")]
    Archived,
    /// The bucket has no presigned addresses.
    #[error("presigned URLs are not enabled on the bucket where this file is located in")]
    PresignedOff,
    /// A presigned address is too old.
    #[error("signature already expired")]
    SignatureExpired,
    /// A presigned address was changed, or is none of ours.
    #[error("the signature does not match")]
    Signature,
    /// There is no such upload in parts under way.
    #[error("upload not found")]
    UploadNotFound,
    /// The request's JSON is not what it should be.
    #[error("{0}")]
    Json(String),
    /// The parts of an upload do not make the file that was announced.
    #[error("{0}")]
    Parts(String),
    /// A picture is not made.
    #[error("{0}")]
    Picture(#[source] PictureError),
    /// A task of ours ended before its time.
    #[error("a task was cut short: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl FilesError {
    /// The HTTP status that stands for it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Caller(RefusedCaller::Role | RefusedCaller::AdminSecret)
            | Self::NotAuthorized
            | Self::NotUploaded
            | Self::PresignedOff
            | Self::Signature => StatusCode::FORBIDDEN,
            Self::AsCaller(error) => caller_status(error),
            Self::AsAdmin(error) if error.problem_code() == ProblemCode::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::FileNotFound | Self::BucketNotFound | Self::UploadNotFound => StatusCode::NOT_FOUND,
            Self::Archived => StatusCode::CONFLICT,
            Self::BeyondPlan(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Caller(RefusedCaller::TooManyVariables)
            | Self::InvalidId(_)
            | Self::Form(_)
            | Self::NoFile
            | Self::NotOneFile
            | Self::SignatureExpired
            | Self::Json(_)
            | Self::Parts(_)
            | Self::MetadataCount
            | Self::Metadata
            | Self::BrokenOff
            | Self::TooBig { .. }
            | Self::TooSmall { .. } => StatusCode::BAD_REQUEST,
            Self::Caller(_) => StatusCode::UNAUTHORIZED,
            Self::Stalled | Self::GivenUp => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyUploads | Self::BeingChecked => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(error) => store_status(error),
            Self::Picture(error) => picture_status(error),
            Self::AsAdmin(_) | Self::Interrupted(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Precondition => StatusCode::PRECONDITION_FAILED,
            Self::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    /// What the operator finds it by in `docs/errors.md`.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => store_code(error),
            Self::Picture(PictureError::Source(error)) => store_code(&error.0),
            Self::Picture(PictureError::Busy | PictureError::TooSlow) => "pictures-busy",
            Self::Picture(PictureError::Failed(_)) => "picture-failed",
            Self::AsAdmin(_) | Self::AsCaller(_) => "database",
            _ => "files",
        }
    }

    fn client_message(&self) -> String {
        match self {
            Self::Caller(RefusedCaller::Role | RefusedCaller::AdminSecret) => NOT_AUTHORIZED.to_owned(),
            Self::AsCaller(error) => match self.status() {
                StatusCode::FORBIDDEN => NOT_AUTHORIZED.to_owned(),
                status if status.is_server_error() => fault_message(status),
                _ => error.message.clone(),
            },
            _ => match self.status() {
                StatusCode::INSUFFICIENT_STORAGE => "there is no space left for files".to_owned(),
                status if status.is_server_error() => fault_message(status),
                _ => self.to_string(),
            },
        }
    }

    fn data(&self) -> Value {
        match self {
            Self::TooBig { filename, size, max_size } => {
                json!({ "filename": filename, "size": size, "maxSize": max_size })
            }
            Self::BeyondPlan(beyond) => beyond.data(),
            Self::TooSmall { filename, size, min_size } => {
                json!({ "filename": filename, "size": size, "minSize": min_size })
            }
            _ => Value::Null,
        }
    }

    fn log(&self) {
        if self.status().is_server_error() {
            tracing::error!(error.code = self.code(), error = %self, "a request for files failed");
        } else {
            tracing::debug!(error = %self, "a request for files was refused");
        }
    }

    /// The answer, with the files that were stored before the error where there may be any.
    pub(super) fn respond(&self, processed: Option<&[FileRow]>) -> Response {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            processed_files: Option<&'a [FileRow]>,
            error: Value,
        }
        self.log();
        let message = self.client_message();
        let mut headers = HeaderMap::new();
        headers.insert(ERROR_HEADER, header_text(&message));
        if matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        if let Self::Range { size } = self {
            headers.insert(CONTENT_RANGE, header_text(&format!("bytes */{size}")));
        }
        let error = json!({ "message": message, "data": self.data() });
        (self.status(), headers, axum::Json(Answer { processed_files: processed, error })).into_response()
    }
}

impl IntoResponse for FilesError {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl From<StoreError> for FilesError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Archived => Self::Archived,
            StoreError::Parts(what) => Self::Parts(what),
            StoreError::Crowded => Self::TooManyUploads,
            error => Self::Store(error),
        }
    }
}

impl From<PictureError> for FilesError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Source(source) if matches!(*source.0, StoreError::Archived) => Self::Archived,
            PictureError::Source(source) if matches!(*source.0, StoreError::Missing) => Self::FileNotFound,
            error => Self::Picture(error),
        }
    }
}

impl From<BodyError> for FilesError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Stalled => Self::Stalled,
            BodyError::BrokenOff => Self::BrokenOff,
            BodyError::LongPartHeaders => Self::Form("the headers of a form field are too long".to_owned()),
        }
    }
}

/// Reads a file's id as a client wrote it.
pub(super) fn parse_id(text: &str) -> Result<FileId, FilesError> {
    text.parse().map_err(|_| FilesError::InvalidId(text.chars().take(100).collect()))
}

fn store_status(error: &StoreError) -> StatusCode {
    match error {
        StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
        StoreError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::Remote(error) if error.code() == "s3-too-large" => StatusCode::PAYLOAD_TOO_LARGE,
        StoreError::Remote(error) if error.again() != Again::Never => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn picture_status(error: &PictureError) -> StatusCode {
    match error {
        PictureError::NotAnImage
        | PictureError::Options(_)
        | PictureError::Malformed(_)
        | PictureError::TooLarge => StatusCode::BAD_REQUEST,
        PictureError::Busy | PictureError::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
        PictureError::Source(error) => store_status(&error.0),
        PictureError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Remote(error) => error.code(),
        StoreError::Full => "disk-full",
        StoreError::Busy => "spool-full",
        StoreError::Io { .. } => "disk",
        StoreError::Missing => "object-missing",
        StoreError::Archived | StoreError::Parts(_) | StoreError::Crowded => "files",
    }
}

/// A document of ours that does not validate asks for what the caller's role does not have.
fn caller_status(error: &GraphqlError) -> StatusCode {
    match error.problem_code() {
        ProblemCode::Forbidden => StatusCode::FORBIDDEN,
        ProblemCode::Invalid if error.code == "validation-failed" => StatusCode::FORBIDDEN,
        ProblemCode::Conflict => StatusCode::BAD_REQUEST,
        code => code.status(),
    }
}

fn fault_message(status: StatusCode) -> String {
    let message = if status == StatusCode::SERVICE_UNAVAILABLE { UNAVAILABLE } else { INTERNAL };
    message.to_owned()
}

/// `text` as a header's value: what a header cannot carry becomes `?`.
fn header_text(text: &str) -> HeaderValue {
    let visible: String =
        text.chars().take(500).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    HeaderValue::from_str(&visible).unwrap_or_else(|_| HeaderValue::from_static("error"))
}
