//! Files in a folder of this machine, as this command sees them: listed in the order of their keys, in pages.

use std::collections::BinaryHeap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clients::s3::setup::{Outcome, Step};

use super::place::Object;

/// So many files' folders are kept in mind at once; the folder is read through once for each page.
const FOLDERS: usize = 20_000;

/// What is written to try it.
const CONTENT: &[u8] = b"BrainMessenger tries whether it can keep files here. This may be removed.\n";

/// The folder of files.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Puts, reads and removes a file by the key.
    pub(super) async fn check(&self, key: &str) -> Step {
        let path = self.0.join(key);
        let tried = blocking(move || {
            let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            fs::create_dir_all(folder)?;
            let read = fs::write(&path, CONTENT).and_then(|()| fs::read(&path));
            fs::remove_dir_all(folder)?;
            if read? == CONTENT {
                Ok(())
            } else {
                Err(io::Error::other("what was read is not what was written"))
            }
        });
        let outcome = match tried.await {
            Ok(()) => Outcome::Right(format!("files are written, read and removed in {}", self.0.display())),
            Err(error) => Outcome::Failed(format!("{}: {error}", self.0.display())),
        };
        Step { subject: "folder", outcome }
    }

    /// The objects of the next folders behind the key `after`, in the order of their keys.
    pub(super) async fn page(&self, after: Option<&str>) -> io::Result<Vec<Object>> {
        let (root, after) = (self.0.clone(), after.map(ToOwned::to_owned));
        blocking(move || page(&root, after.as_deref(), FOLDERS)).await
    }

    /// How large the object is; `None` where there is none.
    pub(super) async fn size(&self, key: &str) -> io::Result<Option<u64>> {
        let path = self.0.join(key);
        blocking(move || match fs::metadata(path) {
            Ok(about) => Ok(Some(about.len())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }
}

/// The objects of the next `folders` folders behind the key or folder `after`, which hold one at least; nothing at the
/// end.
fn page(root: &Path, after: Option<&str>, folders: usize) -> io::Result<Vec<Object>> {
    let mut after = after.map(ToOwned::to_owned);
    loop {
        let prefixes = next_folders(root, after.as_deref(), folders)?;
        let Some(last) = prefixes.last().cloned() else { return Ok(Vec::new()) };
        let mut objects = Vec::new();
        for prefix in prefixes {
            objects.extend(objects_in(root, &prefix)?);
        }
        if !objects.is_empty() {
            return Ok(objects);
        }
        after = Some(last);
    }
}

/// The next folders in the order of their keys: with its slash, a folder stands where they do, `a-b/` before `a/`.
fn next_folders(root: &Path, after: Option<&str>, folders: usize) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(root.join("uploads")) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut first: BinaryHeap<String> = BinaryHeap::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let prefix = format!("uploads/{name}/");
        // Folders are read whole: that of `after` has been.
        if after.is_none_or(|after| prefix.as_str() > after) && entry.file_type()?.is_dir() {
            first.push(prefix);
            if first.len() > folders {
                first.pop();
            }
        }
    }
    Ok(first.into_sorted_vec())
}

fn objects_in(root: &Path, prefix: &str) -> io::Result<Vec<Object>> {
    let entries = match fs::read_dir(root.join(prefix)) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut objects = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        match entry.metadata() {
            Ok(about) if about.is_file() => {
                objects.push(Object { key: format!("{prefix}{name}"), size: about.len() });
            }
            Err(error) if !is_absent(&error) => return Err(error),
            _ => {}
        }
    }
    objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(objects)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Runs file system calls where they may take their time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_everything_once_and_in_order() {
        let root = std::env::temp_dir().join(format!("folder-{}", uuid::Uuid::new_v4()));
        let mut keys: Vec<String> =
            ["b/1", "a/2", "a/1", "a-b/1", "c/z", "c/a"].map(|key| format!("uploads/{key}")).into();
        for key in &keys {
            fs::create_dir_all(root.join(key).parent().unwrap()).unwrap();
            fs::write(root.join(key), key).unwrap();
        }
        fs::create_dir_all(root.join("uploads/empty")).unwrap();
        keys.sort();
        for folders in 1..=6 {
            let (mut found, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = page(&root, after.as_deref(), folders).unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.key.clone());
                found.extend(page.into_iter().map(|object| object.key));
            }
            assert_eq!(found, keys, "{folders} folders a page");
        }
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(page(&root, None, 1).unwrap().len(), 0);
    }
}
