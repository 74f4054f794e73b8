//! Files in a folder: `uploads/<id>/<name>` what is kept, `parts/<upload>/<number>` what comes in parts, `parts/~<…>`
//! what is being written. The folders are for the owner alone (0700), and so are the files (0600). What a crash leaves
//! in `parts` is removed when it is old, as a bucket's own rule does it.

mod parts;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use futures::StreamExt as _;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::{Listed, ObjectBytes, ObjectKey, StoreError};
use crate::files::content::Content;

const UPLOADS: &str = "uploads";
const PARTS: &str = "parts";

/// Begins the names of files that are being written, among the uploads in parts.
const UNFINISHED: &str = "~";

/// How much is read from the disk at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Files' folders that one listing looks into.
const LISTED_FOLDERS: usize = 10_000;

/// A store in a folder. Clones are the same store.
#[derive(Clone)]
pub struct DiskStore {
    root: Arc<PathBuf>,
}

impl DiskStore {
    /// Opens the store in `root`, and makes it where it is missing.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let root = root.to_owned();
        blocking("open the folder of files", move || {
            make_folder(&root.join(UPLOADS))?;
            make_folder(&root.join(PARTS))?;
            Ok(Self { root: Arc::new(root) })
        })
        .await
    }

    pub(super) async fn put(&self, key: &ObjectKey, content: Content) -> Result<(), StoreError> {
        let (root, key) = (Arc::clone(&self.root), key.clone());
        blocking("keep a file", move || {
            let place = Place::make(&root, &key)?;
            match content {
                Content::Received(spooled) => spooled.persist(&place.path)?,
                Content::Made(bytes) => place.write(|file| file.write_all(&bytes))?,
            }
            place.sync()
        })
        .await
    }

    pub(super) async fn read(
        &self,
        key: &ObjectKey,
        range: Option<(u64, u64)>,
    ) -> Result<ObjectBytes, StoreError> {
        let path = self.path(key);
        let (start, length) = range.map_or((0, u64::MAX), |(first, last)| (first, last - first + 1));
        let file = blocking("open a stored file", move || {
            let mut file = fs::File::open(path)?;
            file.seek(io::SeekFrom::Start(start))?;
            Ok(file)
        });
        let file = tokio::fs::File::from_std(file.await?).take(length);
        let bytes = ReaderStream::with_capacity(file, CHUNK_BYTES);
        Ok(bytes.map(|chunk| chunk.map_err(StoreError::at("read a stored file"))).boxed())
    }

    pub(super) async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let path = self.path(key);
        blocking("look at a stored file", move || Ok(fs::metadata(path)?.len())).await
    }

    pub(super) async fn remove(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let (path, folder) = (self.path(key), self.root.join(key.folder()));
        blocking("remove a stored file", move || {
            absent_is_fine(fs::remove_file(path))?;
            match fs::remove_dir(folder) {
                // Another object of the file is there.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                result => absent_is_fine(result),
            }
        })
        .await
    }

    pub(super) async fn list(&self, after: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        let uploads = self.root.join(UPLOADS);
        let after = after.unwrap_or_default().to_owned();
        blocking("list the stored files", move || list_after(&uploads, &after, LISTED_FOLDERS)).await
    }

    /// Removes what came in parts, or was being written, and was touched last before `before`: whoever did it is gone,
    /// and nothing else knows of it. Says how much that was.
    pub(super) async fn remove_abandoned(&self, before: SystemTime) -> Result<usize, StoreError> {
        let parts = self.root.join(PARTS);
        blocking("remove what was abandoned", move || {
            let mut removed = 0;
            for entry in fs::read_dir(parts)? {
                let entry = entry?;
                let about = match entry.metadata() {
                    // It was completed or given up meanwhile.
                    Err(error) if is_no_folder(&error) => continue,
                    about => about?,
                };
                if about.modified()? < before {
                    let path = entry.path();
                    let result =
                        if about.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                    absent_is_fine(result)?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.folder()).join(key.name())
    }
}

/// Where an object goes, its folder made.
struct Place {
    folder: PathBuf,
    path: PathBuf,
    /// Where it is written.
    unfinished: PathBuf,
}

impl Place {
    fn make(root: &Path, key: &ObjectKey) -> io::Result<Self> {
        let folder = root.join(key.folder());
        make_folder(&folder)?;
        let unfinished = root.join(PARTS).join(format!("{UNFINISHED}{}", Uuid::new_v4()));
        Ok(Self { path: folder.join(key.name()), folder, unfinished })
    }

    /// Writes the object where no object is, and gives it its place once it has reached the disk.
    fn write(&self, fill: impl FnOnce(&mut fs::File) -> io::Result<()>) -> io::Result<()> {
        let written = new_file(&self.unfinished).and_then(|mut file| {
            fill(&mut file)?;
            file.sync_all()?;
            fs::rename(&self.unfinished, &self.path)
        });
        if written.is_err() {
            // What cannot be removed now is removed when it is old.
            let _ = fs::remove_file(&self.unfinished);
        }
        written
    }

    /// Makes the names last: a renamed file's content is safe, its new name only then.
    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()?;
        match self.folder.parent() {
            Some(uploads) => fs::File::open(uploads)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// Runs file system calls where they may take their time.
async fn blocking<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Missing),
        Ok(result) => result.map_err(StoreError::at(step)),
        Err(error) => Err(StoreError::at(step)(io::Error::other(error))),
    }
}

/// Makes `path` and its missing parents, for the owner alone.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn new_file(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The objects that follow the key `after` in the next folders, of at most `folders` of them; nothing at the end.
fn list_after(uploads: &Path, after: &str, folders: usize) -> io::Result<Vec<Listed>> {
    // The folder of `after` itself may hold more.
    let mut next = next_folders(uploads, folders, |prefix| prefix > after || after.starts_with(prefix))?;
    while let Some(last) = next.last().cloned() {
        let mut objects = Vec::new();
        for folder in next {
            objects.extend(objects_in(uploads, &folder)?);
        }
        objects.retain(|listed| listed.key.as_str() > after);
        if !objects.is_empty() {
            return Ok(objects);
        }
        next = next_folders(uploads, folders, |prefix| prefix > last.as_str())?;
    }
    Ok(Vec::new())
}

/// The first folders that are `wanted`, as their objects' keys begin, in the order of those: `a-b/` before `a/`.
fn next_folders(uploads: &Path, at_most: usize, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(uploads)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let prefix = format!("{UPLOADS}/{name}/");
        if wanted(&prefix) {
            folders.insert(prefix);
        }
        if folders.len() > at_most {
            folders.pop_last();
        }
    }
    Ok(folders.into_iter().collect())
}

fn objects_in(uploads: &Path, prefix: &str) -> io::Result<Vec<Listed>> {
    let folder = prefix.strip_prefix(UPLOADS).unwrap_or(prefix).trim_matches('/');
    let entries = match fs::read_dir(uploads.join(folder)) {
        // It was removed meanwhile, or is none.
        Err(error) if is_no_folder(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut objects = Vec::new();
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(about) => {
                let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
                objects.push(Listed { key, size: about.len() });
            }
            Err(error) if is_no_folder(&error) => {}
            Err(error) => return Err(error),
        }
    }
    objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(objects)
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a file from its beginning into `target`.
fn append(target: &mut fs::File, source: &Path) -> io::Result<u64> {
    io::copy(&mut fs::File::open(source)?, target)
}

#[cfg(test)]
mod tests;
