//! The folder of the server's socket: short, because a socket's path has 107 bytes at most; of its own, because
//! who can enter it may try to sign in; and remembered in the data folder, so that a run that was killed
//! leaves nothing behind for ever.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::account::{Account, unusable};
use crate::error::Error;
use crate::hex::hex;

const PREFIX: &str = "brainmessenger-";
/// `sun_path` without the byte that ends it.
const LONGEST: usize = 107;
const LONGEST_FILE: &str = "/.s.PGSQL.65535.lock";

/// A folder that holds the socket and nothing else.
#[derive(Debug)]
pub(crate) struct SocketDir {
    path: PathBuf,
    note: PathBuf,
}

impl SocketDir {
    /// Makes a folder in `base`, and notes its name in the file `note`. One that the note names already is
    /// removed first.
    pub(crate) fn make(base: &Path, note: &Path, account: &Account) -> Result<Self, Error> {
        remove_noted(note, account);
        let base = &fs::canonicalize(base).map_err(|error| unusable(base, error.to_string()))?;
        account.check_can_enter(base)?;
        let name = format!("{PREFIX}{}", hex(&rand::random::<[u8; 8]>()));
        let path = base.join(name);
        if path.as_os_str().len() + LONGEST_FILE.len() > LONGEST {
            return Err(unusable(base, "its path is too long for a socket, which has 107 bytes at most"));
        }
        // Noted before it is made: whatever happens in between, the next start finds it.
        fs::write(note, path.as_os_str().as_encoded_bytes())
            .map_err(|error| unusable(note, error.to_string()))?;
        // Fails where anything of that name exists, so nobody can have prepared it.
        let made = fs::DirBuilder::new().mode(0o700).create(&path).and_then(|()| account.give(&path));
        made.map_err(|error| unusable(&path, error.to_string()))?;
        Ok(Self { path, note: note.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        let _ = remove(&self.path);
        let _ = fs::remove_file(&self.note);
    }
}

/// Removes what an earlier run noted, if it is what we make: so named, a folder, and the account's.
fn remove_noted(note: &Path, account: &Account) {
    let Ok(noted) = fs::read_to_string(note) else { return };
    let path = PathBuf::from(noted);
    let named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    let owned = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir() && meta.uid() == account.uid());
    if named && owned {
        let _ = remove(&path);
    }
}

/// Removes the sockets and the folder, and nothing that is not PostgreSQL's.
fn remove(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_and_goes_with_its_owner() {
        let account = Account::for_postgres().unwrap();
        let base = std::env::temp_dir();
        let note = base.join(format!("note-{}", std::process::id()));

        let dir = SocketDir::make(&base, &note, &account).unwrap();
        let path = dir.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::write(path.join(".s.PGSQL.1"), "").unwrap();
        drop(dir);

        assert!(!path.exists() && !note.exists());
    }

    #[test]
    fn one_that_was_left_behind_is_removed_and_a_foreign_folder_is_not() {
        let account = Account::for_postgres().unwrap();
        let base = std::env::temp_dir();
        let note = base.join(format!("left-{}", std::process::id()));
        let left = SocketDir::make(&base, &note, &account).unwrap();
        let path = left.path().to_owned();
        std::mem::forget(left);
        drop(SocketDir::make(&base, &note, &account).unwrap());
        assert!(!path.exists());

        let foreign = base.join(format!("foreign-{}", std::process::id()));
        fs::create_dir(&foreign).unwrap();
        fs::write(&note, foreign.as_os_str().as_encoded_bytes()).unwrap();
        drop(SocketDir::make(&base, &note, &account).unwrap());
        assert!(foreign.exists());
        fs::remove_dir(foreign).unwrap();
    }

    #[test]
    fn a_base_that_is_too_long_is_refused() {
        let base = std::env::temp_dir().join("x".repeat(80));
        fs::create_dir_all(&base).unwrap();
        let account = Account::for_postgres().unwrap();

        let error = SocketDir::make(&base, Path::new("/nowhere"), &account).unwrap_err();

        assert!(error.to_string().contains("too long"), "{error}");
        fs::remove_dir(base).unwrap();
    }
}
