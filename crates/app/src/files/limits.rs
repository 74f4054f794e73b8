//! How much one request, and all of them together, may ask of this service.

use std::time::Duration;

use super::error::FilesError;

/// The bounds of the storage service. How large a file may be is its bucket's to say.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Files in one request.
    pub files_per_request: usize,
    /// Bytes of a file's name.
    pub name_bytes: usize,
    /// Bytes of one `metadata[]` value, or of any other form field that is not a file.
    pub field_bytes: usize,
    /// Bytes between two form fields: boundary and headers.
    pub part_header_bytes: usize,
    /// Uploads that are received at the same time.
    pub concurrent_uploads: usize,
    /// Bytes of a refused upload that are still read, so that the client hears the answer.
    pub discarded_bytes: u64,
    /// Bytes of a request's JSON.
    pub json_bytes: usize,
    /// Files whose presigned addresses one request may ask for, and parts of an upload in parts.
    pub addresses_per_request: usize,
    /// How long a client may send nothing.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files_per_request: 50,
            name_bytes: 255,
            field_bytes: 64 << 10,
            part_header_bytes: 16 << 10,
            concurrent_uploads: 64,
            discarded_bytes: 64 << 20,
            json_bytes: 64 << 10,
            addresses_per_request: 100,
            stall: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// Form fields in one request: a file and its metadata each, the bucket, and a few unknown ones.
    pub(super) fn parts_per_request(&self) -> usize {
        self.files_per_request.saturating_mul(2).saturating_add(16)
    }

    /// Whether a file may be called so.
    pub(super) fn check_name(&self, name: &str) -> Result<(), FilesError> {
        if name.len() > self.name_bytes {
            return Err(FilesError::Form(format!("a file's name is longer than {} bytes", self.name_bytes)));
        }
        if name.chars().any(char::is_control) {
            return Err(FilesError::Form("a file's name has control characters".to_owned()));
        }
        Ok(())
    }
}
