//! Databases on the shared server: templates, one for each state of the migrations; copies of them for tests;
//! and the removal of what a killed test left. Names carry the time of their making.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::connect::Address;
use crate::error::Error;
use crate::hex::hex;
use crate::local::is_alive;
use crate::migrate::{self, MigrationSet};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CREATE_TIMEOUT: Duration = Duration::from_mins(2);
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a database from the template for `sets`, and gives its name.
pub(super) async fn create(server: &Address, sets: &[&MigrationSet], number: u32) -> Result<String, Error> {
    within(server, CREATE_TIMEOUT, async |client| {
        let template = template(server, client, sets).await?;
        let made = format!("test_{}_{}_{number}", now(client).await?, std::process::id());
        run(client, &format!("create database {made} template {template}")).await?;
        Ok(made)
    })
    .await
}

/// Drops a database, whoever uses it.
pub(super) async fn drop_forced(server: &Address, name: &str) -> Result<(), Error> {
    within(server, DROP_TIMEOUT, async |client| {
        let until = Instant::now() + DROP_TIMEOUT / 2;
        loop {
            // A reader of the log is not ended by `force`, and its slot holds the database.
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
            client.execute(end, &[&name]).await.map_err(Error::Execute)?;
            let dropped = run(client, &format!("drop database if exists {name} with (force)")).await;
            if dropped.is_ok() || Instant::now() > until {
                return dropped;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// Drops what ended tests left, what nobody finished within an hour, and templates after two weeks.
pub(super) async fn sweep(server: &Address) -> Result<(), Error> {
    within(server, CREATE_TIMEOUT, async |client| {
        let left =
            client.query(include_str!("sql/list_left_databases.sql"), &[]).await.map_err(Error::Execute)?;
        for row in left {
            let name: String = row.try_get(0).map_err(Error::Execute)?;
            if is_in_use(&name) {
                continue;
            }
            // Another process may sweep at the same time, or begin to use a template.
            let _ = run(client, &format!("drop database if exists {name}")).await;
        }
        Ok(())
    })
    .await
}

/// Whether it is the database of a test process that still runs: `test_<time>_<process>_<number>`.
fn is_in_use(name: &str) -> bool {
    let process = name.strip_prefix("test_").and_then(|rest| rest.split('_').nth(1));
    process.and_then(|process| process.parse().ok()).is_some_and(is_alive)
}

/// The template for `sets`, made by whoever comes first.
async fn template(server: &Address, client: &Client, sets: &[&MigrationSet]) -> Result<String, Error> {
    let fingerprint = fingerprint(sets);
    let find = "select datname::text from pg_database where datname like 'template\\_%\\_' || $1";
    let existing = async || client.query_opt(find, &[&fingerprint]).await.map_err(Error::Execute);
    if let Some(row) = existing().await? {
        return row.try_get(0).map_err(Error::Execute);
    }
    // Held until the connection closes, or this function ends.
    run(client, &format!("select pg_advisory_lock(hashtext('{fingerprint}'))")).await?;
    if let Some(row) = existing().await? {
        run(client, "select pg_advisory_unlock_all()").await?;
        return row.try_get(0).map_err(Error::Execute);
    }
    let time = now(client).await?;
    let making = format!("making_{time}_{fingerprint}");
    let done = format!("template_{time}_{fingerprint}");
    run(client, &format!("drop database if exists {making}")).await?;
    run(client, &format!("create database {making} template template0")).await?;
    migrate::apply(&server.with_database(&making), sets).await?;
    // The session that migrated may take a moment to end.
    let until = Instant::now() + Duration::from_secs(5);
    let rename = format!("alter database {making} rename to {done}");
    while let Err(error) = run(client, &rename).await {
        if Instant::now() > until {
            return Err(error);
        }
        sleep(Duration::from_millis(10)).await;
    }
    run(client, "select pg_advisory_unlock_all()").await?;
    Ok(done)
}

/// What tells one state of the migrations from another.
fn fingerprint(sets: &[&MigrationSet]) -> String {
    let mut hash = Sha256::new();
    for set in sets {
        hash.update(set.name());
        for migration in set.migrations() {
            hash.update(migration.name());
            hash.update(migration.sha256());
        }
        hash.update([0]);
    }
    let mut text = hex(&hash.finalize());
    text.truncate(16);
    text
}

async fn now(client: &Client) -> Result<i64, Error> {
    let row =
        client.query_one("select extract(epoch from now())::bigint", &[]).await.map_err(Error::Execute)?;
    row.try_get(0).map_err(Error::Execute)
}

async fn run(client: &Client, sql: &str) -> Result<(), Error> {
    client.batch_execute(sql).await.map_err(Error::Execute)
}

/// Does `work` on a connection of its own.
async fn within<T>(
    server: &Address,
    bound: Duration,
    work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let (client, connection) = server.connect("brainmessenger test", &[], CONNECT_TIMEOUT).await?;
    let driver = tokio::spawn(connection);
    let result = timeout(bound, work(&client)).await;
    drop(client);
    let _ = driver.await;
    result.unwrap_or(Err(Error::ExecuteTimeout { after: bound }))
}
