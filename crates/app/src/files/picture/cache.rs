//! Changed pictures on the disk, `<file id>/<code>.<format>`, the ones last used; what does not fit is removed.
//! Everything here can be made again: an error of the disk costs time, and no request.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::ids::FileId;
use uuid::Uuid;

use super::{Format, meters};

/// What a file takes at least; it also bounds how many there are.
const BLOCK_BYTES: u64 = 4096;

/// What a picture that is being written is called.
const UNFINISHED: &str = "unfinished-";

/// Which picture: of which file, and what of it in letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The file.
    pub(super) file: Uuid,
    /// Its content and the options, hashed.
    pub(super) code: String,
}

/// A picture that is kept, open for reading.
#[derive(Debug)]
pub(super) struct Kept {
    /// What it is.
    pub(super) format: Format,
    /// How many bytes it has.
    pub(super) size: u64,
    /// The bytes.
    pub(super) file: fs::File,
}

/// The pictures that are kept. Its calls wait for the disk.
pub(super) struct Cache {
    folder: PathBuf,
    capacity: u64,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    entries: BTreeMap<Key, Entry>,
    /// The entries in the order of their last use.
    by_use: BTreeMap<u64, Key>,
    bytes: u64,
    uses: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    format: Format,
    bytes: u64,
    used: u64,
}

impl Cache {
    /// The cache in `folder`, which is made where it is missing, of `capacity` bytes. What an earlier process
    /// kept is there still, in the order in which it was made. What cannot be read or removed stays as it is.
    pub(super) fn open(folder: PathBuf, capacity: u64) -> io::Result<Self> {
        make_folder(&folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            passing_over(entry.and_then(|entry| {
                let is_folder = entry.file_type()?.is_dir();
                match entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                    Some(file) if is_folder => read_folder(&entry.path(), file, &mut found),
                    // Nobody else has anything here.
                    _ => remove_anything(&entry.path(), is_folder),
                }
            }));
        }
        found.sort_by_key(|(modified, ..)| *modified);
        let cache = Self { folder, capacity, index: Mutex::default() };
        for (_, key, format, size) in found {
            cache.admit(key, format, size);
        }
        Ok(cache)
    }

    /// The picture that is kept under `key`.
    pub(super) fn get(&self, key: &Key) -> Option<Kept> {
        let format = self.index().touch(key)?;
        let opened = fs::File::open(self.path(key, format)).and_then(|file| {
            let size = file.metadata()?.len();
            Ok(Kept { format, size, file })
        });
        // What cannot be opened just now is still there, and counts.
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        opened
            .inspect_err(|error| {
                if is_gone(error) {
                    self.index().remove(key);
                }
            })
            .ok()
    }

    /// Keeps a picture under `key`; `false` where it is larger than the cache.
    pub(super) fn keep(&self, key: Key, format: Format, bytes: &[u8]) -> io::Result<bool> {
        if in_blocks(bytes.len() as u64) > self.capacity {
            return Ok(false);
        }
        let path = self.path(&key, format);
        let folder = self.folder_of(key.file);
        make_folder(&folder)?;
        let unfinished = folder.join(format!("{UNFINISHED}{}", Uuid::new_v4()));
        let written = write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        self.admit(key, format, bytes.len() as u64);
        Ok(true)
    }

    /// Removes all pictures of a file.
    pub(super) fn forget(&self, file: FileId) -> io::Result<()> {
        let mut index = self.index();
        let first = Key { file: file.0, code: String::new() };
        let of_file = index.entries.range(first..).map(|(key, _)| key.clone());
        let of_file: Vec<Key> = of_file.take_while(|key| key.file == file.0).collect();
        for key in &of_file {
            index.remove(key);
        }
        drop(index);
        match fs::remove_dir_all(self.folder_of(file.0)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Counts a picture that is on the disk, and removes the ones that were not used for the longest time until
    /// all of them fit.
    fn admit(&self, key: Key, format: Format, size: u64) {
        let mut index = self.index();
        index.insert(key, format, in_blocks(size));
        let mut removed = Vec::new();
        while index.bytes > self.capacity
            && let Some(oldest) = index.by_use.first_key_value().map(|(_, key)| key.clone())
        {
            if let Some(entry) = index.entries.get(&oldest) {
                removed.push(self.path(&oldest, entry.format));
            }
            index.remove(&oldest);
        }
        meters::show_cache_bytes(index.bytes);
        drop(index);
        for path in removed {
            let _ = fs::remove_file(&path);
            // It stays where other pictures are in it.
            let _ = path.parent().map(fs::remove_dir);
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder_of(&self, file: Uuid) -> PathBuf {
        self.folder.join(file.to_string())
    }

    fn path(&self, key: &Key, format: Format) -> PathBuf {
        self.folder_of(key.file).join(format!("{}.{}", key.code, format.extension()))
    }
}

impl Index {
    fn insert(&mut self, key: Key, format: Format, bytes: u64) {
        self.remove(&key);
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key.clone());
        self.entries.insert(key, Entry { format, bytes, used: self.uses });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    fn touch(&mut self, key: &Key) -> Option<Format> {
        let Entry { format, bytes, .. } = *self.entries.get(key)?;
        self.insert(key.clone(), format, bytes);
        Some(format)
    }
}

fn in_blocks(size: u64) -> u64 {
    size.max(1).next_multiple_of(BLOCK_BYTES)
}

type Found = (std::time::SystemTime, Key, Format, u64);

/// Lists the pictures of `file` in its folder, and removes what a crash left.
fn read_folder(folder: &Path, file: Uuid, found: &mut Vec<Found>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        passing_over(entry.and_then(|entry| {
            let name = entry.file_name();
            let parsed = name.to_str().and_then(|name| {
                let (code, extension) = name.split_once('.')?;
                Some((code.to_owned(), Format::of_extension(extension)?))
            });
            let metadata = entry.metadata()?;
            match parsed {
                Some((code, format)) if metadata.is_file() => {
                    found.push((metadata.modified()?, Key { file, code }, format, metadata.len()));
                    Ok(())
                }
                _ => remove_anything(&entry.path(), metadata.is_dir()),
            }
        }));
    }
    Ok(())
}

/// The cache does without what it cannot use: a server starts all the same.
fn passing_over(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "something in the folder of changed pictures cannot be used");
    }
}

fn remove_anything(path: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that is whole once it has its name, even after the machine stops.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("pictures-{}", Uuid::new_v4())))
        }

        fn open(&self, blocks: u64) -> Cache {
            Cache::open(self.0.clone(), blocks * BLOCK_BYTES).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn key(file: u128, code: &str) -> Key {
        Key { file: Uuid::from_u128(file), code: code.to_owned() }
    }

    fn read(cache: &Cache, file: u128, code: &str) -> Option<String> {
        let mut kept = cache.get(&key(file, code))?;
        let mut text = String::new();
        kept.file.read_to_string(&mut text).unwrap();
        assert_eq!((kept.size, kept.format), (text.len() as u64, Format::WebP));
        Some(text)
    }

    fn keep(cache: &Cache, file: u128, code: &str, content: &str) {
        let kept = cache.keep(key(file, code), Format::WebP, content.as_bytes()).unwrap();
        assert_eq!(kept, in_blocks(content.len() as u64) <= cache.capacity);
    }

    #[test]
    fn what_was_used_last_stays() {
        let scratch = Scratch::new();
        let cache = scratch.open(2);
        keep(&cache, 1, "a", "one");
        keep(&cache, 1, "b", "two");
        assert_eq!(read(&cache, 1, "a").as_deref(), Some("one"));
        keep(&cache, 2, "a", "three");
        assert_eq!(read(&cache, 1, "b"), None);
        assert_eq!(read(&cache, 1, "a").as_deref(), Some("one"));
        keep(&cache, 3, "large", &"x".repeat(5000));
        assert_eq!((read(&cache, 1, "a"), read(&cache, 2, "a")), (None, None));
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "empty folders are removed");
        keep(&cache, 4, "too-large", &"x".repeat(9000));
        assert_eq!(read(&cache, 4, "too-large"), None);
        assert!(read(&cache, 3, "large").is_some());
    }

    #[test]
    fn a_file_is_forgotten_with_all_its_pictures() {
        let scratch = Scratch::new();
        let cache = scratch.open(10);
        for (file, code) in [(1, "a"), (2, "a"), (2, "b"), (3, "a")] {
            keep(&cache, file, code, "x");
        }
        cache.forget(FileId(Uuid::from_u128(2))).unwrap();
        cache.forget(FileId(Uuid::from_u128(9))).unwrap();
        let left =
            [(1, "a"), (2, "a"), (2, "b"), (3, "a")].map(|(file, code)| read(&cache, file, code).is_some());
        assert_eq!(left, [true, false, false, true]);
        assert_eq!(cache.index().bytes, 2 * BLOCK_BYTES);
    }

    /// For the superuser nothing is unreadable: there the folder is read, and is empty.
    #[test]
    fn what_cannot_be_used_is_passed_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = Scratch::new();
        let cache = scratch.open(3);
        keep(&cache, 1, "a", "one");
        drop(cache);
        let locked = scratch.0.join(Uuid::new_v4().to_string());
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        let cache = scratch.open(3);
        assert_eq!(read(&cache, 1, "a").as_deref(), Some("one"));
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn what_was_kept_outlives_the_process_and_what_was_cut_short_does_not() {
        let scratch = Scratch::new();
        let cache = scratch.open(3);
        keep(&cache, 1, "a", "one");
        let folder = cache.folder_of(Uuid::from_u128(1));
        drop(cache);
        fs::write(folder.join("unfinished-x"), "half").unwrap();
        fs::write(scratch.0.join("stray"), "x").unwrap();
        fs::create_dir(scratch.0.join("stray-folder")).unwrap();
        let cache = scratch.open(3);
        assert_eq!(read(&cache, 1, "a").as_deref(), Some("one"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
        // Somebody empties the folder while we run.
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read(&cache, 1, "a"), None);
        assert_eq!(cache.index().bytes, 0);
        drop(cache);
        assert_eq!(scratch.open(0).index().bytes, 0);
    }
}
