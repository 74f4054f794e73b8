//! Who PostgreSQL runs as. It refuses to run as root: started by root, it runs as the user `postgres`, and
//! every folder on the way to its data must let that user in.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use tokio::process::Command;

use crate::error::Error;

/// The user that distributions make for PostgreSQL.
const POSTGRES: &str = "postgres";

/// The user that PostgreSQL and its tools run as.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    /// Whether that is another user than this process's.
    switch: bool,
}

impl Account {
    /// This process's user, or `postgres` when that is root.
    pub(crate) fn for_postgres() -> Result<Self, Error> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            return Ok(Self { uid, gid: rustix::process::getegid().as_raw(), switch: false });
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (uid, gid) = find_user(&users, POSTGRES).ok_or_else(|| {
            Error::StartPostgres(
                "it does not run as root, and there is no user postgres to run it as: \
                 add one (useradd --system postgres), or start this program as an ordinary user"
                    .to_owned(),
            )
        })?;
        Ok(Self { uid, gid, switch: true })
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether that is another user than this process's.
    pub(crate) fn switches(&self) -> bool {
        self.switch
    }

    /// Makes `command` run as this user, without any of this process's groups.
    pub(crate) fn run_as<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a file or folder that this process has made to the user.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        if self.switch { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// Whether the user can enter `folder` and all above it. `folder` is absolute and without links.
    pub(crate) fn check_can_enter(&self, folder: &Path) -> Result<(), Error> {
        if !self.switch {
            return Ok(());
        }
        let mut way: Vec<_> = folder.ancestors().collect();
        way.reverse();
        for step in way {
            let closed = !self.can_enter(step).map_err(|error| unusable(step, error.to_string()))?;
            if closed {
                let reason = "PostgreSQL runs as the user postgres here, who may not enter that folder: \
                              choose another BRAIN_DATA_DIR, allow it (chmod o+x), or start as an ordinary user";
                return Err(unusable(step, reason.to_owned()));
            }
        }
        Ok(())
    }

    fn can_enter(&self, folder: &Path) -> io::Result<bool> {
        let meta = fs::metadata(folder)?;
        let bit = match (meta.uid() == self.uid, meta.gid() == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        Ok(meta.mode() & bit != 0)
    }
}

/// An error about one folder.
pub(crate) fn unusable(folder: &Path, reason: impl Into<String>) -> Error {
    Error::UseFolder { folder: folder.to_owned(), reason: reason.into() }
}

/// Number and group of a user, from the text of `/etc/passwd`.
fn find_user(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:8::/:\npostgres:x:101:104:PostgreSQL:/var:/bin/sh\n";

        assert_eq!(find_user(users, "postgres"), Some((101, 104)));
        assert_eq!(find_user(users, "nobody"), None);
    }
}
