//! Uploads that come in parts: a folder each, a file a part. A part is there whole or not at all, and what it is
//! called says what is in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::{DiskStore, PARTS, Place, absent_is_fine, append, blocking, make_folder};
use crate::files::spool::Spooled;
use crate::files::store::{ObjectKey, SentPart, StoreError, StoredPart};

impl DiskStore {
    pub(in crate::files::store) async fn begin_parts(&self) -> Result<String, StoreError> {
        let upload = Uuid::new_v4().to_string();
        let folder = self.root.join(PARTS).join(&upload);
        blocking("begin an upload in parts", move || make_folder(&folder)).await?;
        Ok(upload)
    }

    /// Keeps a part, in the place of what was there under its number, and gives its entity tag.
    pub(in crate::files) async fn put_part(
        &self,
        upload: &str,
        number: u16,
        content: Spooled,
    ) -> Result<String, StoreError> {
        let folder = self.folder_of_upload(upload)?;
        let hash = data_encoding::HEXLOWER.encode(&content.sha256());
        blocking("keep a part of an upload", move || {
            // Of several that come at once under one number one stays: each waits for the others' renaming and removing.
            let turn = fs::File::open(&folder)?;
            turn.lock()?;
            let stored = read_parts(&folder)?;
            content.persist(&folder.join(format!("{number}-{hash}")))?;
            for (part, path) in stored {
                if part.number == number && !path.ends_with(format!("{number}-{hash}")) {
                    absent_is_fine(fs::remove_file(path))?;
                }
            }
            turn.sync_all()?;
            Ok(etag_of(&hash))
        })
        .await
    }

    pub(in crate::files::store) async fn parts(&self, upload: &str) -> Result<Vec<StoredPart>, StoreError> {
        let folder = self.folder_of_upload(upload)?;
        let stored = blocking("look at the parts of an upload", move || read_parts(&folder)).await?;
        Ok(stored.into_iter().map(|(part, _)| part).collect())
    }

    pub(in crate::files::store) async fn join_parts(
        &self,
        key: &ObjectKey,
        upload: &str,
        parts: &[SentPart],
    ) -> Result<(), StoreError> {
        match self.join(key, upload, parts).await {
            // They are joined already, or were meanwhile: then there are no parts any more.
            Err(StoreError::Missing | StoreError::Parts(_)) if self.size(key).await.is_ok() => Ok(()),
            result => result,
        }
    }

    async fn join(&self, key: &ObjectKey, upload: &str, parts: &[SentPart]) -> Result<(), StoreError> {
        let folder = self.folder_of_upload(upload)?;
        let stored = {
            let folder = folder.clone();
            blocking("look at the parts of an upload", move || read_parts(&folder)).await?
        };
        let mut paths = Vec::with_capacity(parts.len());
        for sent in parts {
            let fits = |part: &StoredPart| {
                part.number == sent.number && part.etag == sent.etag && part.etag == etag_of(&sent.sha256)
            };
            let Some((_, path)) = stored.iter().find(|(part, _)| fits(part)) else {
                return Err(StoreError::Parts(format!(
                    "part {} has not come, or is another one",
                    sent.number
                )));
            };
            paths.push(path.clone());
        }
        let (root, key) = (Arc::clone(&self.root), key.clone());
        blocking("join the parts of an upload", move || {
            let place = Place::make(&root, &key)?;
            place.write(|file| paths.iter().try_for_each(|path| append(file, path).map(drop)))?;
            place.sync()?;
            absent_is_fine(fs::remove_dir_all(folder))
        })
        .await
    }

    pub(in crate::files::store) async fn abort_parts(&self, upload: &str) -> Result<(), StoreError> {
        let folder = self.folder_of_upload(upload)?;
        blocking("throw away the parts of an upload", move || absent_is_fine(fs::remove_dir_all(folder)))
            .await
    }

    /// The folder of an upload, whose name is a UUID and nothing else.
    fn folder_of_upload(&self, upload: &str) -> Result<PathBuf, StoreError> {
        let name = Uuid::parse_str(upload).map_err(|_| StoreError::Missing)?;
        Ok(self.root.join(PARTS).join(name.to_string()))
    }
}

fn etag_of(hash: &str) -> String {
    format!("\"{hash}\"")
}

/// The parts in a folder, in order.
fn read_parts(folder: &Path) -> io::Result<Vec<(StoredPart, PathBuf)>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let named = name.to_str().and_then(|name| name.split_once('-'));
        let Some((Ok(number), hash)) = named.map(|(number, hash)| (number.parse(), hash)) else { continue };
        let part = StoredPart { number, size: entry.metadata()?.len(), etag: etag_of(hash) };
        parts.push((part, entry.path()));
    }
    parts.sort_by_key(|(part, _)| part.number);
    Ok(parts)
}
