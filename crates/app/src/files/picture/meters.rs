//! What is counted of work on pictures, under the names that a dashboard reads.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::PictureError;

const PICTURES: &str = "files_pictures_total";
const SECONDS: &str = "files_picture_seconds";
const MEMORY_BYTES: &str = "files_picture_memory_bytes";
const CACHE_BYTES: &str = "files_picture_cache_bytes";

/// Tells the recorder what the names mean.
pub(super) fn describe() {
    describe_counter!(
        PICTURES,
        "Pictures by outcome: made, kept (sent from the cache), refused (no picture, or too large), busy, failed."
    );
    describe_histogram!(SECONDS, Unit::Seconds, "Working on a picture, without waiting for a turn");
    describe_gauge!(MEMORY_BYTES, Unit::Bytes, "Memory that is taken for the pixels of pictures in work");
    describe_gauge!(CACHE_BYTES, Unit::Bytes, "Room that changed pictures take on the disk");
}

/// Counts a picture that was sent from the cache.
pub(super) fn count_kept() {
    counter!(PICTURES, "outcome" => "kept").increment(1);
}

/// Counts somebody for whom there was no turn.
pub(super) fn count_busy() {
    counter!(PICTURES, "outcome" => "busy").increment(1);
}

/// Counts work on a picture that has ended well.
pub(super) fn count_made(took: Duration) {
    count_work("made", took);
}

/// Counts work on a picture that has ended with an error.
pub(super) fn count_refused(took: Duration, error: &PictureError) {
    count_work(if matches!(error, PictureError::Failed(_)) { "failed" } else { "refused" }, took);
}

fn count_work(outcome: &'static str, took: Duration) {
    counter!(PICTURES, "outcome" => outcome).increment(1);
    histogram!(SECONDS).record(took);
}

/// Shows how much memory is taken for pixels.
pub(super) fn show_memory_bytes(bytes: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    gauge!(MEMORY_BYTES).set(bytes as f64);
}

/// Shows how much room the cache takes.
pub(super) fn show_cache_bytes(bytes: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    gauge!(CACHE_BYTES).set(bytes as f64);
}
