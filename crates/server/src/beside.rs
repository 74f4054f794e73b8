//! The database for a command: that of the server which runs beside it, or one that is started for as long as it takes.

use std::time::Duration;

use anyhow::ensure;
use db::local::{find_running, is_made};
use db::{Pool, PoolOptions};

use crate::config::Config;
use crate::serve::Database;

/// How long the database may take to answer a person at a terminal.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Does `work` with the database.
pub(crate) async fn with_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(Pool) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let running = match config.postgres.database_url {
        Some(_) => None,
        None => find_running(&config.server.data_dir).await,
    };
    // Where no server runs there is no database: it is started for as long as this takes.
    let (address, own) = if let Some(address) = running {
        (address, None)
    } else {
        let (data_dir, is_elsewhere) = (&config.server.data_dir, config.postgres.database_url.is_some());
        ensure!(
            is_elsewhere || is_made(data_dir),
            "BRAIN_DATA_DIR: {} has no database; the server makes it at its first start",
            data_dir.display()
        );
        let database = Database::open(config).await?;
        (database.address().clone(), Some(database))
    };
    let options = PoolOptions { lanes: 1, open_timeout: OPEN_TIMEOUT, ..PoolOptions::default() };
    let done = match Pool::open(address, options).await {
        Ok(pool) => work(pool).await,
        Err(error) => Err(error.into()),
    };
    if let Some(database) = own {
        let closed = database.close().await;
        let done = done?;
        return closed.map(|()| done);
    }
    done
}
