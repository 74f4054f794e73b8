//! Forward-only migrations in Nhost's layout, `<version>_<name>/up.sql`: applied once, in the order of their
//! versions, each in a transaction of its own together with the record that it was.
//!
//! Several servers may start at once: one applies, the others wait and find it done. A statement that cannot
//! run in a transaction (`create index concurrently`, `vacuum`) has no place in a migration, nor has
//! `begin` or `commit`.

mod set;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

pub use set::{Migration, MigrationSet};

use crate::connect::Address;
use crate::error::{Error, in_one_line};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For all migrations of a start together, waiting for another server's included.
const APPLY_TIMEOUT: Duration = Duration::from_mins(30);
/// The advisory lock's key: any number that nobody else uses.
const LOCK: i64 = 0x6272_6169_6e6d_6967;

/// Brings the database up to `sets`, one set after the other, and gives the number of migrations that were
/// new to it. Nothing is applied when a recorded one has changed or is missing.
pub async fn apply(address: &Address, sets: &[&MigrationSet]) -> Result<usize, Error> {
    let settings = [("statement_timeout", "0".to_owned()), ("lock_timeout", "60s".to_owned())];
    let (mut client, connection) =
        address.connect("brainmessenger migrations", &settings, CONNECT_TIMEOUT).await?;
    let driver = tokio::spawn(connection);
    let applied = timeout(APPLY_TIMEOUT, apply_locked(&mut client, sets)).await;
    drop(client);
    let _ = timeout(CONNECT_TIMEOUT, driver).await;
    applied.unwrap_or(Err(Error::ExecuteTimeout { after: APPLY_TIMEOUT }))
}

async fn apply_locked(client: &mut Client, sets: &[&MigrationSet]) -> Result<usize, Error> {
    // The lock is the session's, and ends with it. Waiting for another server's migrations may take long.
    client.batch_execute("set lock_timeout = 0").await.map_err(Error::Execute)?;
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(Error::Execute)?;
    client.batch_execute("reset lock_timeout").await.map_err(Error::Execute)?;
    client.batch_execute(include_str!("migrate/sql/create_migrations.sql")).await.map_err(Error::Execute)?;
    let mut open = Vec::new();
    for set in sets {
        open.push((set, open_migrations(client, set).await?));
    }
    let mut applied = 0;
    for (set, migrations) in open {
        for migration in migrations {
            apply_one(client, set, migration).await?;
            applied += 1;
        }
    }
    Ok(applied)
}

/// The migrations of a set that the database does not have yet, after those that it has were checked.
async fn open_migrations<'a>(client: &Client, set: &'a MigrationSet) -> Result<Vec<&'a Migration>, Error> {
    let recorded = client.query(include_str!("migrate/sql/list_migrations.sql"), &[&set.name()]).await;
    let mut recorded: BTreeMap<i64, (String, String)> = recorded
        .map_err(Error::Execute)?
        .iter()
        .map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))))
        .collect::<Result<_, _>>()
        .map_err(Error::Execute)?;
    let refuse = |migration: &str, reason| {
        Err(Error::CheckMigration { set: set.name().to_owned(), migration: migration.to_owned(), reason })
    };
    let mut open = Vec::new();
    for migration in set.migrations() {
        match recorded.remove(&migration.version()) {
            None => open.push(migration),
            Some((name, _)) if name != migration.name() => {
                return refuse(migration.name(), "has another name than when it was applied");
            }
            Some((_, sha256)) if sha256 != migration.sha256() => {
                return refuse(migration.name(), "has changed since it was applied");
            }
            Some(_) => {}
        }
    }
    match recorded.into_values().next() {
        Some((name, _)) => refuse(&name, "was applied to this database and is missing here"),
        None => Ok(open),
    }
}

async fn apply_one(client: &mut Client, set: &MigrationSet, migration: &Migration) -> Result<(), Error> {
    tracing::info!(set = set.name(), migration = migration.name(), "applying a migration");
    let fail = |source: tokio_postgres::Error| {
        let reason =
            source.as_db_error().map_or_else(|| in_one_line(&source), |server| describe(server, migration));
        Error::ApplyMigration {
            set: set.name().to_owned(),
            migration: migration.name().to_owned(),
            reason,
            source,
        }
    };
    let transaction = client.transaction().await.map_err(Error::Execute)?;
    let before = transaction_id(&transaction).await.map_err(Error::Execute)?;
    transaction.batch_execute(migration.sql()).await.map_err(fail)?;
    if transaction_id(&transaction).await.map_err(fail)? != before {
        return Err(Error::CheckMigration {
            set: set.name().to_owned(),
            migration: migration.name().to_owned(),
            reason: "ends the transaction it runs in",
        });
    }
    let record = include_str!("migrate/sql/record_migration.sql");
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&set.name(), &migration.version(), &migration.name(), &migration.sha256()];
    transaction.execute(record, &values).await.map_err(fail)?;
    transaction.commit().await.map_err(fail)?;
    // What a migration set for its session must not reach the next one.
    client.batch_execute("reset all; reset session authorization").await.map_err(Error::Execute)
}

async fn transaction_id(
    transaction: &tokio_postgres::Transaction<'_>,
) -> Result<String, tokio_postgres::Error> {
    transaction.query_one("select pg_catalog.pg_current_xact_id()::pg_catalog.text", &[]).await?.try_get(0)
}

/// The server's message, with the line of the migration that it is about.
fn describe(server: &tokio_postgres::error::DbError, migration: &Migration) -> String {
    use tokio_postgres::error::ErrorPosition;
    let line = match server.position() {
        Some(ErrorPosition::Original(character)) => {
            let before =
                migration.sql().chars().take(usize::try_from(*character).unwrap_or(0).saturating_sub(1));
            format!(" (line {})", 1 + before.filter(|character| *character == '\n').count())
        }
        _ => String::new(),
    };
    format!("{}{line}", server.message().replace('\n', " "))
}
