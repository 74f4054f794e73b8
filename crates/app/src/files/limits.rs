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
    /// Uploads that are received or stored at the same time.
    pub concurrent_uploads: usize,
    /// Of these, one person's; and those of all together whom nobody knows.
    pub uploads_per_person: usize,
    /// Bytes of one person's uploads that are on the disk on their way.
    pub received_bytes_per_person: u64,
    /// Bytes of a refused upload that are still read, so that the client hears the answer.
    pub discarded_bytes: u64,
    /// Bytes of a request's JSON.
    pub json_bytes: usize,
    /// Files whose presigned addresses one request may ask for, and parts of an upload in parts.
    pub addresses_per_request: usize,
    /// How slowly a client may send.
    pub pace: Pace,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files_per_request: 50,
            name_bytes: 255,
            field_bytes: 64 << 10,
            part_header_bytes: 16 << 10,
            concurrent_uploads: 64,
            uploads_per_person: 8,
            received_bytes_per_person: 2 << 30,
            discarded_bytes: 64 << 20,
            json_bytes: 64 << 10,
            addresses_per_request: 100,
            pace: Pace::default(),
        }
    }
}

/// How slowly a client may send what it uploads. Only the time counts in which the server waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long it may send nothing.
    pub stall: Duration,
    /// For how long it may send as slowly as it likes.
    pub grace: Duration,
    /// How many bytes it must send in each second beyond that, from the first one on.
    pub bytes_per_second: u64,
}

impl Default for Pace {
    fn default() -> Self {
        // A third of what the oldest mobile network gives that people still have (EDGE).
        Self { stall: Duration::from_secs(30), grace: Duration::from_mins(1), bytes_per_second: 8 << 10 }
    }
}

impl Pace {
    /// How long a client may take in all for `bytes`.
    pub(super) fn time_for(&self, bytes: u64) -> Duration {
        self.grace.saturating_add(Duration::from_secs(bytes / self.bytes_per_second.max(1)))
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
