//! A database of its own for each test, on one server that all tests of a run share.
//!
//! The server is started by whoever needs it first, keeps its data in cargo's target folder and does not wait
//! for the disk; it stops by itself a while after the last test process has ended. A test's database is
//! copied from a template, which is made once for each state of the migrations.

mod databases;
mod janitor;
mod server;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::connect::Address;
use crate::error::{Error, in_one_line};
use crate::migrate::MigrationSet;
use crate::pool::{Pool, PoolOptions};

/// A migrated database for one test, which goes when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    server: Address,
    address: Address,
    pool: OnceCell<Pool>,
}

impl TestDatabase {
    /// A database with these migrations applied.
    ///
    /// # Panics
    ///
    /// When there is no PostgreSQL, or a migration fails: a test can do nothing about it.
    pub async fn create(sets: &[&MigrationSet]) -> Self {
        match Self::try_create(sets).await {
            Ok(database) => database,
            Err(error) => panic!("no test database: {}", in_one_line(&error)),
        }
    }

    async fn try_create(sets: &[&MigrationSet]) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server::shared().await?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = databases::create(&server, sets, number).await?;
        Ok(Self { address: server.with_database(&name), server, pool: OnceCell::new() })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.address.database()
    }

    /// A small pool on it, the same at each call.
    ///
    /// # Panics
    ///
    /// When the database does not take connections.
    pub async fn pool(&self) -> Pool {
        let opened = self.pool.get_or_try_init(|| Pool::open(self.address.clone(), small_pool())).await;
        match opened {
            Ok(pool) => pool.clone(),
            Err(error) => panic!("no pool on the test database: {}", in_one_line(&error)),
        }
    }
}

/// Few connections, because many tests run at the same time.
pub fn small_pool() -> PoolOptions {
    PoolOptions {
        lanes: 2,
        exclusive: 4,
        statement_timeout: Duration::from_secs(20),
        application_name: "brainmessenger test".to_owned(),
        ..PoolOptions::default()
    }
}

impl Drop for TestDatabase {
    /// Does not wait: a session that this thread's own runtime is just opening would hold up the removal. What
    /// is not removed before the process ends, the next one sweeps.
    fn drop(&mut self) {
        janitor::remove(self.server.clone(), self.name().to_owned());
    }
}
