//! `database/schema.sql`: the project's migrations as one file, to read and to import by hand.

use crate::project_files;

/// What stands above the migrations.
const HEADER: &str = include_str!("../../../database/schema_header.sql");

/// The whole file.
pub(crate) fn text() -> anyhow::Result<String> {
    let migrations = project_files::migrations()?;
    let parts = migrations.migrations().iter();
    let parts = parts.map(|migration| format!("\n-- {}\n\n{}\n", migration.name(), migration.sql().trim()));
    Ok(format!("{HEADER}{}", parts.collect::<String>()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_file_is_current() {
        let kept = include_str!("../../../database/schema.sql");
        assert!(super::text().unwrap() == kept, "database/schema.sql is old: run `make schema`");
    }
}
