//! All lanes of a pool: a statement goes to the least busy one that is connected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::lane::{self, Lane, Link, Occupied};
use super::measure;
use super::options::PoolOptions;
use crate::connect::{Address, Connection};
use crate::error::Error;

/// The lanes and the tasks that keep them up, which end with it.
pub(super) struct Lanes {
    all: Vec<Arc<Lane>>,
    permits: Arc<Semaphore>,
    connected: watch::Receiver<usize>,
    wait_timeout: Duration,
    _tasks: JoinSet<()>,
}

impl Lanes {
    /// Connects the first lane, and leaves the others to their tasks.
    pub(super) async fn open(address: &Address, options: &Arc<PoolOptions>) -> Result<Self, Error> {
        let mut first = Some(connect_first(address, options).await?);
        let lanes: Vec<_> = (0..options.lanes.max(1)).map(|_| Arc::new(Lane::default())).collect();
        let (sender, mut connected) = watch::channel(0);
        let sender = Arc::new(sender);
        let mut tasks = JoinSet::new();
        for lane in &lanes {
            let (address, options, sender) = (address.clone(), Arc::clone(options), Arc::clone(&sender));
            tasks.spawn(Arc::clone(lane).keep(address, options, sender, first.take()));
        }
        wait_for_one(&mut connected, options.wait_timeout).await?;
        let permits = Arc::new(Semaphore::new(lanes.len() * options.lane_depth.max(1)));
        Ok(Self { all: lanes, permits, connected, wait_timeout: options.wait_timeout, _tasks: tasks })
    }

    pub(super) async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let place = self.take().await?;
        let since = Instant::now();
        let mut result = place.wire().query(sql, params).await;
        if result.as_ref().is_err_and(Error::is_stale_statement) {
            result = place.wire().query(sql, params).await;
        }
        measure::ran(since.elapsed(), &result);
        place.finish(result)
    }

    pub(super) async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let place = self.take().await?;
        let since = Instant::now();
        let mut result = place.wire().execute(sql, params).await;
        if result.as_ref().is_err_and(Error::is_stale_statement) {
            result = place.wire().execute(sql, params).await;
        }
        measure::ran(since.elapsed(), &result);
        place.finish(result)
    }

    pub(super) fn connected(&self) -> usize {
        *self.connected.borrow()
    }

    pub(super) async fn wait_connected(&self, limit: Duration) -> Result<(), Error> {
        wait_for_one(&mut self.connected.clone(), limit).await
    }

    /// A place on the least busy lane. Waits while all are full or none is connected, within one time limit.
    async fn take(&self) -> Result<Occupied, Error> {
        let since = Instant::now();
        let permit = self.permit().await?;
        loop {
            if let Some((lane, link)) = self.least_busy() {
                measure::waited(since);
                return Ok(Occupied::new(lane, link, permit));
            }
            let left = self.wait_timeout.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(Error::Wait { after: self.wait_timeout });
            }
            self.wait_connected(left).await.map_err(|_| Error::Wait { after: self.wait_timeout })?;
            // A connection may be counted for a moment after it has broken.
            tokio::task::yield_now().await;
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = timeout(self.wait_timeout, Arc::clone(&self.permits).acquire_owned());
        match waiting.await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::Wait { after: self.wait_timeout }),
        }
    }

    /// Equally busy lanes: the first, whose statements are prepared already.
    fn least_busy(&self) -> Option<(&Arc<Lane>, Arc<Link>)> {
        let connected = self.all.iter().filter(|lane| lane.is_connected());
        let lane = connected.min_by_key(|lane| lane.busy())?;
        Some((lane, lane.link()?))
    }
}

async fn wait_for_one(connected: &mut watch::Receiver<usize>, limit: Duration) -> Result<(), Error> {
    match timeout(limit, connected.wait_for(|lanes| *lanes > 0)).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Error::Wait { after: limit }),
    }
}

/// Makes the first connection; tries again for a while, unless the server says that it will never take us.
async fn connect_first(address: &Address, options: &PoolOptions) -> Result<(Client, Connection), Error> {
    let since = Instant::now();
    loop {
        let error = match lane::connect(address, options).await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        if is_final(&error) || since.elapsed() >= options.open_timeout {
            return Err(error);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A wrong password, role or database will not become right by waiting.
fn is_final(error: &Error) -> bool {
    match error.sqlstate() {
        Some(code) => code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME,
        None => false,
    }
}
