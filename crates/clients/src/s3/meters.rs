//! What is counted of calls to the store: by operation and outcome, how long they took, and what they cost.

use std::time::Duration;

const CALLS: &str = "s3_calls_total";
const SECONDS: &str = "s3_call_seconds";
const BYTES: &str = "s3_bytes_total";
const REQUESTS: &str = "s3_requests_total";
const SIGNED: &str = "s3_signed_total";
const KEYS_EXPIRE: &str = "s3_keys_expire_at_seconds";

/// What a call is for, as the metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Put,
    Get,
    Head,
    Delete,
    Restore,
    List,
    BeginUpload,
    PutPart,
    ListParts,
    CompleteUpload,
    AbortUpload,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::List => "list",
            Self::BeginUpload => "begin-upload",
            Self::PutPart => "put-part",
            Self::ListParts => "list-parts",
            Self::CompleteUpload => "complete-upload",
            Self::AbortUpload => "abort-upload",
        }
    }

    /// The right that it needs, as policies name it.
    pub(super) fn right(self) -> &'static str {
        match self {
            Self::Put | Self::BeginUpload | Self::PutPart | Self::CompleteUpload => "s3:PutObject",
            Self::Get | Self::Head => "s3:GetObject",
            Self::Delete => "s3:DeleteObject",
            Self::Restore => "s3:RestoreObject",
            Self::List => "s3:ListBucket",
            Self::ListParts => "s3:ListMultipartUploadParts",
            Self::AbortUpload => "s3:AbortMultipartUpload",
        }
    }
}

/// What a request costs: Amazon's price list has two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// PUT, POST, LIST: the dearer ones.
    Put,
    /// GET, HEAD.
    Get,
    /// DELETE.
    Free,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Free => "free",
        }
    }
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    In,
    Out,
}

/// Tells what the figures mean.
pub(super) fn describe() {
    metrics::describe_counter!(CALLS, "Calls to the store of objects, by operation and outcome.");
    metrics::describe_histogram!(
        SECONDS,
        metrics::Unit::Seconds,
        "How long calls to the store of objects took until its answer began, tries and pauses included."
    );
    metrics::describe_counter!(
        BYTES,
        metrics::Unit::Bytes,
        "Bytes of objects that went to the store (out) and came from it (in)."
    );
    metrics::describe_counter!(
        REQUESTS,
        "Requests to the store of objects, tries again included, by the class that they cost: put, get, free."
    );
    metrics::describe_counter!(
        SIGNED,
        "Addresses that were signed for clients, by the class that each use of them costs."
    );
    metrics::describe_gauge!(
        KEYS_EXPIRE,
        metrics::Unit::Seconds,
        "When the store's keys expire, in Unix seconds; 0 where they do not."
    );
}

/// A call has ended; `outcome` is "ok", or a code of `docs/errors.md`.
pub(super) fn call(operation: Operation, outcome: &'static str, took: Duration) {
    metrics::counter!(CALLS, "operation" => operation.name(), "outcome" => outcome).increment(1);
    metrics::histogram!(SECONDS, "operation" => operation.name()).record(took);
}

/// A request goes to the store.
pub(super) fn request(class: Class) {
    metrics::counter!(REQUESTS, "class" => class.name()).increment(1);
}

/// An address was signed.
pub(super) fn signed(class: Class) {
    metrics::counter!(SIGNED, "class" => class.name()).increment(1);
}

/// Bytes of an object went their way.
pub(super) fn bytes(way: Way, count: u64) {
    let way = match way {
        Way::In => "in",
        Way::Out => "out",
    };
    metrics::counter!(BYTES, "way" => way).increment(count);
}

/// When the keys expire, in Unix seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and this one is exact for millions of years"
)]
pub(super) fn keys_expire(at: Option<i64>) {
    metrics::gauge!(KEYS_EXPIRE).set(at.unwrap_or(0) as f64);
}
