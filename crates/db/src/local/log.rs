//! PostgreSQL's log: a file that it appends to by itself, so that it outlives us, kept below a size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// When the file has grown to this, it becomes the one older file, and begins anew.
const LARGEST: u64 = 8 * 1024 * 1024;
/// How much of the end is looked at for a reason.
const TAIL: u64 = 8 * 1024;

/// The log of one data folder.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for PostgreSQL to append to.
    pub(crate) fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
    }

    pub(crate) fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    /// Keeps the log below its size. PostgreSQL holds the file open and appends, so it is copied and emptied;
    /// lines that it writes in between are lost.
    pub(crate) fn bound(&self) -> io::Result<()> {
        if self.len() <= LARGEST {
            return Ok(());
        }
        fs::copy(&self.path, self.path.with_extension("log.1"))?;
        OpenOptions::new().write(true).open(&self.path)?.set_len(0)
    }

    /// Why PostgreSQL ended, in one line: the last fatal message that it wrote behind `offset`, or else its
    /// last line.
    pub(crate) fn reason(&self, offset: u64) -> String {
        let text = self.tail(offset).unwrap_or_default();
        let fatal = text.lines().rev().find(|line| line.contains("FATAL:") || line.contains("PANIC:"));
        let line = fatal.or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()));
        match line {
            Some(line) => format!("{} (log: {})", line.trim(), self.path.display()),
            None => format!("it says nothing (log: {})", self.path.display()),
        }
    }

    /// What was written behind `offset`, at most the last few kilobytes of it.
    pub(crate) fn tail(&self, offset: u64) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let from = offset.max(file.metadata()?.len().saturating_sub(TAIL));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log(name: &str) -> Log {
        Log::new(std::env::temp_dir().join(format!("{name}-{}.log", std::process::id())))
    }

    #[test]
    fn the_reason_is_the_last_fatal_line_of_this_run() {
        let log = log("reason");
        let mut file = log.open().unwrap();
        file.write_all(b"x FATAL:  old\n").unwrap();
        let offset = log.len();
        file.write_all(b"x FATAL:  new\nx LOG:  database system is shut down\n").unwrap();

        assert!(log.reason(offset).starts_with("x FATAL:  new (log: "));
        fs::remove_file(log.path()).unwrap();
    }

    #[test]
    fn a_log_that_grew_too_large_begins_anew() {
        let log = log("bound");
        let mut file = log.open().unwrap();
        file.set_len(LARGEST + 1).unwrap();

        log.bound().unwrap();
        file.write_all(b"next\n").unwrap();

        assert_eq!(log.len(), 5);
        assert_eq!(fs::metadata(log.path().with_extension("log.1")).unwrap().len(), LARGEST + 1);
        fs::remove_file(log.path()).unwrap();
        fs::remove_file(log.path().with_extension("log.1")).unwrap();
    }
}
