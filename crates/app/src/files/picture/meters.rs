//! What is counted of work on pictures, under the names that a dashboard reads.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::PictureError;

const PICTURES: &str = "files_pictures_total";
const SECONDS: &str = "files_picture_seconds";
const CACHE_BYTES: &str = "files_picture_cache_bytes";

/// Tells the recorder what the names mean.
pub(super) fn describe() {
    describe_counter!(
        PICTURES,
        "Pictures by outcome: made, kept (sent from the cache), refused (no picture, or too large), busy, failed."
    );
    describe_histogram!(SECONDS, Unit::Seconds, "Working on a picture, without waiting for a turn");
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

/// Counts work on a picture that has ended.
pub(super) fn count_work<T>(took: Duration, result: &Result<T, PictureError>) {
    let outcome = match result {
        Ok(_) => "made",
        Err(PictureError::Failed(_)) => "failed",
        Err(_) => "refused",
    };
    counter!(PICTURES, "outcome" => outcome).increment(1);
    histogram!(SECONDS).record(took);
}

/// Shows how much room the cache takes.
pub(super) fn show_cache_bytes(bytes: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    gauge!(CACHE_BYTES).set(bytes as f64);
}
