//! What clients were told of their files, and what they may therefore find.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What somebody sees who reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is not there, or not readable.
    Nothing,
    /// So many bytes, with this hash.
    Content(usize, [u8; 32]),
}

impl Seen {
    /// These bytes.
    pub(super) fn of(content: &[u8]) -> Self {
        Self::Content(content.len(), Sha256::digest(content).into())
    }
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its id.
    pub(super) id: Uuid,
    /// What it may show: one thing after an acknowledged step; two, the old and the new, after one that nobody answered.
    may: Vec<Seen>,
}

impl Entry {
    /// A file that shows `seen`.
    pub(super) fn new(id: Uuid, seen: Seen) -> Self {
        Self { id, may: vec![seen] }
    }

    /// What it shows, if that is certain.
    pub(super) fn certain(&self) -> Option<Seen> {
        match self.may[..] {
            [seen] => Some(seen),
            _ => None,
        }
    }

    /// Somebody asks for another content, and has no answer yet.
    pub(super) fn ask(&mut self, seen: Seen) {
        self.may.push(seen);
    }

    /// What was asked for last was done.
    pub(super) fn acknowledge(&mut self) {
        self.may.drain(..self.may.len() - 1);
    }

    /// Whether it may show this.
    pub(super) fn allows(&self, seen: Seen) -> bool {
        self.may.contains(&seen)
    }
}
