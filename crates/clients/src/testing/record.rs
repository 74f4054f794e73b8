//! What the store knows of objects, and a file system does not keep.

use std::collections::{BTreeMap, HashMap};

use s3s::dto::ETag;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) uploads: HashMap<String, Upload>,
    /// Checksums of objects that were put in parts, by key.
    pub(super) checksums: HashMap<String, String>,
    pub(super) archive: HashMap<String, Archived>,
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) has_checksums: bool,
    pub(super) parts: BTreeMap<i32, KnownPart>,
}

#[derive(Clone, Debug)]
pub(super) struct KnownPart {
    pub(super) size: u64,
    pub(super) etag: Option<ETag>,
    pub(super) sha256: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Archived {
    Away,
    Restoring,
    Back,
}
