//! Migrations as they lie in a folder or in the binary: their order, and what tells whether one has changed.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::hex::hex;

/// One migration.
#[derive(Clone, Debug)]
pub struct Migration {
    version: i64,
    name: String,
    sql: Cow<'static, str>,
    sha256: String,
}

impl Migration {
    fn new(folder: &str, sql: Cow<'static, str>) -> Result<Self, Error> {
        let version = folder.split_once('_').and_then(|(version, name)| {
            let is_number = !name.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { version.parse().ok() } else { None }
        });
        let version = version
            .ok_or_else(|| Error::ReadMigrations(format!("{folder} is not named <version>_<name>")))?;
        let sha256 = hex(&Sha256::digest(sql.as_bytes()));
        Ok(Self { version, name: folder.to_owned(), sql, sha256 })
    }

    /// The number that its folder's name begins with.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Its folder's name, `<version>_<name>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its statements.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The SHA-256 of its statements, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Migrations that are counted together, under a name. Sets in one database do not see each other's records.
#[derive(Clone, Debug)]
pub struct MigrationSet {
    name: String,
    /// In the order of their versions.
    migrations: Vec<Migration>,
}

impl MigrationSet {
    /// A set of `(<version>_<name>, statements)`, in any order.
    pub fn from_entries<F, S>(
        set: impl Into<String>,
        entries: impl IntoIterator<Item = (F, S)>,
    ) -> Result<Self, Error>
    where
        F: AsRef<str>,
        S: Into<Cow<'static, str>>,
    {
        let mut migrations = entries
            .into_iter()
            .map(|(folder, sql)| Migration::new(folder.as_ref(), sql.into()))
            .collect::<Result<Vec<_>, _>>()?;
        migrations.sort_by_key(Migration::version);
        for pair in migrations.windows(2) {
            if let [first, second] = pair
                && first.version == second.version
            {
                let text = format!("{} and {} have the same version", first.name, second.name);
                return Err(Error::ReadMigrations(text));
            }
        }
        Ok(Self { name: set.into(), migrations })
    }

    /// A set of the folders in `folder`, each with an `up.sql`. Files beside them are left alone.
    pub fn read_folder(set: impl Into<String>, folder: &Path) -> Result<Self, Error> {
        let fail = |path: &Path, error: &dyn std::fmt::Display| {
            Error::ReadMigrations(format!("{}: {error}", path.display()))
        };
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| fail(folder, &error))? {
            let path = entry.map_err(|error| fail(folder, &error))?.path();
            if !path.is_dir() {
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| fail(&path, &"the name is not text"))?.to_owned();
            let file = path.join("up.sql");
            entries.push((name, fs::read_to_string(&file).map_err(|error| fail(&file, &error))?));
        }
        Self::from_entries(set, entries)
    }

    /// The set's name, under which its migrations are recorded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its migrations, in the order of their versions.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Result<MigrationSet, Error> {
        MigrationSet::from_entries("test", names.iter().map(|name| (*name, "select 1")))
    }

    #[test]
    fn versions_order_as_numbers() {
        let set = set(&["10_b", "9_a", "1700000000000_c"]).unwrap();

        let versions: Vec<_> = set.migrations().iter().map(Migration::version).collect();
        assert_eq!(versions, [9, 10, 1_700_000_000_000]);
    }

    #[test]
    fn names_without_a_version_and_double_versions_are_refused() {
        for names in
            [&["first"] as &[_], &["_x"], &["1_"], &["+1_x"], &["99999999999999999999_x"], &["1_a", "01_b"]]
        {
            assert!(set(names).is_err(), "{names:?}");
        }
    }
}
