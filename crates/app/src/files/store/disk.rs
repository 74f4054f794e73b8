//! Files in a folder: `uploads/<id>/<name>` what is kept, `spool/` what is being received. The folders are
//! for the owner alone (0700), and so are the files (0600).
//!
//! A file's folder holds one file, whatever it is called: a row that was renamed still finds its bytes.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use base::ids::FileId;

use super::spool::SpoolFolder;
use super::{ObjectKey, SpoolFile, Spooled, StoreError, StoredObject};

const UPLOADS: &str = "uploads";
const SPOOL: &str = "spool";

/// A store in a folder.
pub struct DiskStore {
    root: PathBuf,
    spool: SpoolFolder,
}

impl DiskStore {
    /// Opens the store in `root`, and makes it where it is missing. One process at a time may have it open.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let root = root.to_owned();
        blocking("open the folder of files", move || {
            make_folder(&root)?;
            make_folder(&root.join(UPLOADS))?;
            let spool = root.join(SPOOL);
            make_folder(&spool)?;
            Ok(Self { spool: SpoolFolder::open(spool)?, root })
        })
        .await
    }

    pub(super) async fn spool(&self, capacity: u64) -> Result<SpoolFile, StoreError> {
        self.spool.create(capacity).await
    }

    pub(super) async fn put(&self, key: &ObjectKey, content: Spooled) -> Result<(), StoreError> {
        let uploads = self.root.join(UPLOADS);
        let folder = self.root.join(key.folder());
        let name = key.name().to_owned();
        blocking("keep a file", move || {
            // What is there belonged to a row of the same id that is gone.
            remove_folder(&folder)?;
            make_folder(&folder)?;
            content.persist(&folder.join(name))?;
            sync_folder(&folder)?;
            sync_folder(&uploads)
        })
        .await
    }

    pub(super) async fn open_object(&self, key: &ObjectKey) -> Result<Option<StoredObject>, StoreError> {
        let folder = self.root.join(key.folder());
        let name = key.name().to_owned();
        let opened = blocking("open a stored file", move || open_in(&folder, &name)).await?;
        Ok(opened.map(|(file, size)| StoredObject { size, file: tokio::fs::File::from_std(file) }))
    }

    pub(super) async fn remove(&self, id: FileId) -> Result<(), StoreError> {
        let folder = self.root.join(ObjectKey::folder_of(id));
        blocking("remove a stored file", move || remove_folder(&folder)).await
    }
}

/// Runs file system calls where they may take their time.
async fn blocking<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(StoreError::at(step)),
        Err(error) => Err(StoreError::at(step)(io::Error::other(error))),
    }
}

/// Makes `path` and its missing parents, for the owner alone.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens the file called `name`, or else whatever file is there.
fn open_in(folder: &Path, name: &str) -> io::Result<Option<(fs::File, u64)>> {
    if let Some(opened) = open_file(&folder.join(name))? {
        return Ok(Some(opened));
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    match entries.into_iter().next() {
        Some(entry) => open_file(&entry?.path()),
        None => Ok(None),
    }
}

fn open_file(path: &Path) -> io::Result<Option<(fs::File, u64)>> {
    match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => {
            let file = file?;
            let size = file.metadata()?.len();
            Ok(Some((file, size)))
        }
    }
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Makes the names in a folder last: a renamed file's content is safe, its new name only then.
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tokio::io::AsyncReadExt as _;
    use uuid::Uuid;

    use super::*;

    async fn put(store: &DiskStore, key: &ObjectKey, content: &[u8]) {
        let mut file = store.spool(1000).await.unwrap();
        file.write(content).await.unwrap();
        store.put(key, file.finish().await.unwrap()).await.unwrap();
    }

    async fn read(store: &DiskStore, key: &ObjectKey) -> Option<String> {
        let object = store.open_object(key).await.unwrap()?;
        let mut text = String::new();
        let size = object.size;
        object.read(0, size).await.unwrap().read_to_string(&mut text).await.unwrap();
        Some(text)
    }

    #[tokio::test]
    async fn a_file_is_kept_found_under_another_name_replaced_and_removed() {
        let root = std::env::temp_dir().join(format!("store-{}", Uuid::new_v4()));
        let store = DiskStore::open(&root).await.unwrap();
        let id = FileId(Uuid::new_v4());
        let key = ObjectKey::new(id, "a.txt");
        assert_eq!(read(&store, &key).await, None);
        put(&store, &key, b"one").await;
        assert_eq!(read(&store, &key).await.as_deref(), Some("one"));
        assert_eq!(read(&store, &ObjectKey::new(id, "renamed.txt")).await.as_deref(), Some("one"));
        put(&store, &ObjectKey::new(id, "b.txt"), b"two").await;
        assert_eq!(read(&store, &key).await.as_deref(), Some("two"));
        assert_eq!(fs::read_dir(root.join(key.folder())).unwrap().count(), 1);

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&root.join(key.folder())), 0o700);
        assert_eq!(mode(&root.join(key.folder()).join("b.txt")), 0o600);
        assert_eq!(fs::read_dir(root.join(SPOOL)).unwrap().count(), 0);

        store.remove(id).await.unwrap();
        store.remove(id).await.unwrap();
        assert_eq!(read(&store, &key).await, None);
        fs::remove_dir_all(root).unwrap();
    }
}
