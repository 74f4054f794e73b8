//! What this service counts, under the names that a dashboard reads.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const UPLOADS: &str = "files_uploads_total";
const UPLOAD_BYTES: &str = "files_upload_bytes_total";
const DOWNLOADS: &str = "files_downloads_total";
const DOWNLOAD_BYTES: &str = "files_download_bytes_total";
const NOT_REMOVED: &str = "files_objects_not_removed_total";
const NOT_TIDIED: &str = "files_housekeeping_failures_total";
const PRESIGNED: &str = "files_presigned_total";
const UNDER_WAY: &str = "files_uploads_under_way";
const TURNED_AWAY: &str = "files_uploads_turned_away_total";

/// How a request ended.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// As asked.
    Done,
    /// The client has it already: 304.
    Unchanged,
    /// The client is at fault: 4xx.
    Refused,
    /// We are: 5xx.
    Failed,
}

impl Outcome {
    /// The outcome that goes with an HTTP status.
    pub(super) fn of(status: http::StatusCode) -> Self {
        match status {
            http::StatusCode::NOT_MODIFIED => Self::Unchanged,
            status if status.is_client_error() => Self::Refused,
            status if status.is_server_error() => Self::Failed,
            _ => Self::Done,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Tells the recorder what the counters mean.
pub(super) fn describe() {
    describe_counter!(UPLOADS, "Upload requests by outcome: done, refused (4xx), failed (5xx).");
    describe_counter!(UPLOAD_BYTES, Unit::Bytes, "Bytes of files that were stored.");
    describe_counter!(
        DOWNLOADS,
        "Download requests by outcome: done, unchanged (304), refused (4xx), failed (5xx)."
    );
    describe_counter!(DOWNLOAD_BYTES, Unit::Bytes, "Bytes of files that were sent.");
    describe_counter!(NOT_REMOVED, "Attempts to remove an object from the store that failed, by code.");
    describe_counter!(NOT_TIDIED, "Steps of housekeeping that failed, by step.");
    describe_counter!(PRESIGNED, "Presigned addresses that were given out.");
    describe_gauge!(UNDER_WAY, "Uploads that are being received or stored.");
    describe_counter!(
        TURNED_AWAY,
        "Uploads that were answered 429, by the bound that they met: of all, of one person."
    );
}

/// Counts a request to upload.
pub(super) fn count_upload(outcome: Outcome) {
    counter!(UPLOADS, "outcome" => outcome.label()).increment(1);
}

/// Counts a stored file's bytes.
pub(super) fn count_uploaded_bytes(bytes: u64) {
    counter!(UPLOAD_BYTES).increment(bytes);
}

/// Counts a request to download.
pub(super) fn count_download(outcome: Outcome) {
    counter!(DOWNLOADS, "outcome" => outcome.label()).increment(1);
}

/// Counts bytes as they are sent.
pub(super) fn count_downloaded_bytes(bytes: u64) {
    counter!(DOWNLOAD_BYTES).increment(bytes);
}

/// Counts an object that could not be removed.
pub(super) fn count_not_removed(code: &'static str) {
    counter!(NOT_REMOVED, "code" => code).increment(1);
}

/// Counts an upload for which there was no turn, by the bound that it met.
pub(super) fn count_turned_away(bound: &'static str) {
    counter!(TURNED_AWAY, "bound" => bound).increment(1);
}

/// Tells how many uploads are under way.
pub(super) fn set_uploads_under_way(uploads: usize) {
    gauge!(UNDER_WAY).set(u32::try_from(uploads).unwrap_or(u32::MAX));
}

/// Counts a step of housekeeping that failed.
pub(super) fn count_not_tidied(step: &'static str) {
    counter!(NOT_TIDIED, "step" => step).increment(1);
}

/// Counts presigned addresses.
pub(super) fn count_presigned(addresses: usize) {
    counter!(PRESIGNED).increment(addresses as u64);
}
