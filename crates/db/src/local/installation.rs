//! PostgreSQL's programs on this machine: where they are, and of which version.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::error::Error;

/// The oldest version that works.
const OLDEST: u32 = 14;
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);
/// Folders that hold a folder per version, and what leads from there to the programs.
const BY_VERSION: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];
/// Other folders of programs.
const PLAIN: &[&str] = &["/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/libexec/postgresql"];

/// A set of PostgreSQL's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installation {
    bin: PathBuf,
    major: u32,
}

impl Installation {
    /// Finds one: in `explicit` alone where it is given, else along `path`, else in the distributions' folders,
    /// newest first. Where `wanted` names the major version of an existing data folder, one of that version.
    pub(crate) async fn find(
        explicit: Option<&Path>,
        path: Option<&OsStr>,
        wanted: Option<u32>,
    ) -> Result<Self, Error> {
        let folders = match explicit {
            Some(folder) => vec![folder.to_owned()],
            None => candidates(path),
        };
        let mut seen = Vec::new();
        for folder in folders {
            if let Some(found) = Self::at(&folder).await {
                if found.major >= OLDEST && wanted.is_none_or(|wanted| wanted == found.major) {
                    return Ok(found);
                }
                seen.push(found);
            }
        }
        Err(Error::FindPostgres(explain(explicit, &seen, wanted)))
    }

    /// The program of that name.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    async fn at(folder: &Path) -> Option<Self> {
        // What lies on the search path may be a link: the programs look for each other beside the real file.
        let program = fs::canonicalize(folder.join("postgres")).ok()?;
        let bin = program.parent()?.to_owned();
        if !bin.join("initdb").is_file() {
            return None;
        }
        let mut command = Command::new(&program);
        command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = timeout(VERSION_TIMEOUT, command.output()).await.ok()?.ok()?;
        let major = read_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { bin, major })
    }
}

/// Where to look, best first.
fn candidates(path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = path
        .map(|path| std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default();
    for (parent, prefix, rest) in BY_VERSION {
        folders.extend(by_version(Path::new(parent), prefix).into_iter().map(|folder| folder.join(rest)));
    }
    folders.extend(PLAIN.iter().map(PathBuf::from));
    folders.dedup();
    folders
}

/// The folders in `parent` that are named `prefix` and a version, newest first.
fn by_version(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path()))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The first number of `postgres (PostgreSQL) 15.8 (Debian 15.8-1)` or `… 18beta1`.
fn read_major(version: &str) -> Option<u32> {
    let rest = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn explain(explicit: Option<&Path>, seen: &[Installation], wanted: Option<u32>) -> String {
    let found = match (seen, explicit) {
        ([], Some(folder)) => format!("{} (BRAIN_PG_BIN) has no postgres and initdb", folder.display()),
        ([], None) => "PostgreSQL is not on this machine".to_owned(),
        (seen, _) => {
            let seen: Vec<_> =
                seen.iter().map(|it| format!("{} in {}", it.major, it.bin.display())).collect();
            format!("found PostgreSQL {} only", seen.join(", "))
        }
    };
    let needed = match wanted {
        Some(major) => {
            format!("the data folder was made by PostgreSQL {major}, and only that version can use it")
        }
        None => format!("version {OLDEST} or newer is needed"),
    };
    format!(
        "{found}: {needed}; install it (on Debian: apt install postgresql), or set BRAIN_PG_BIN or DATABASE_URL"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_program_says() {
        assert_eq!(read_major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n"), Some(15));
        assert_eq!(read_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(read_major("postgres 9"), None);
    }

    #[test]
    fn newer_versions_come_first() {
        let parent = std::env::temp_dir().join(format!("versions-{}", std::process::id()));
        for name in ["9.6", "14", "9", "16", "other"] {
            fs::create_dir_all(parent.join(name)).unwrap();
        }

        let names: Vec<_> =
            by_version(&parent, "").iter().map(|folder| folder.file_name().unwrap().to_owned()).collect();

        assert_eq!(names, ["16", "14", "9"]);
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    fn what_is_missing_is_told_in_one_line() {
        let old = Installation { bin: "/x/bin".into(), major: 12 };

        let line = explain(None, std::slice::from_ref(&old), None);

        assert!(line.starts_with("found PostgreSQL 12 in /x/bin only: version 14 or newer"), "{line}");
        assert!(explain(None, &[old], Some(13)).contains("made by PostgreSQL 13"));
        assert!(!line.contains('\n'));
    }
}
