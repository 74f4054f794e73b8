//! The schemas `auth` and `storage` that Nhost brings to a project's database, for when there is no Nhost: made
//! by migrations of a set of their own. On Nhost they are there already, and this is not used.
//!
//! Nothing of the project's own may be put on these tables: Nhost owns them.

use crate::migrate::MigrationSet;

/// The migrations in order.
const ENTRIES: &[(&str, &str)] = &[
    ("1_extensions", include_str!("../platform/1_extensions/up.sql")),
    ("2_auth", include_str!("../platform/2_auth/up.sql")),
    ("3_storage", include_str!("../platform/3_storage/up.sql")),
];

/// The platform's migrations, to be applied before the project's.
pub fn migrations() -> MigrationSet {
    match MigrationSet::from_entries("platform", ENTRIES.iter().copied()) {
        Ok(set) => set,
        Err(error) => unreachable!("a test reads the names above: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_migration_is_well_named() {
        assert_eq!(super::migrations().migrations().len(), super::ENTRIES.len());
    }
}
