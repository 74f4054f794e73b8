//! One lane: a shared connection, kept up by a task that connects again whenever it breaks.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tokio_postgres::Client;

use super::measure;
use super::options::PoolOptions;
use super::wire::Wire;
use crate::connect::{Address, Connection};
use crate::error::{Error, in_one_line};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A place in the pool that has a connection most of the time.
#[derive(Default)]
pub(super) struct Lane {
    link: RwLock<Option<Arc<Link>>>,
    busy: AtomicUsize,
}

/// A lane's present connection.
pub(super) struct Link {
    pub(super) wire: Wire,
    /// How many statements have been answered: whether the other side is alive.
    answered: AtomicU64,
    given_up: Notify,
}

impl Lane {
    /// The connection; `None` while there is none.
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        link.as_ref().filter(|link| !link.wire.client().is_closed()).cloned()
    }

    /// How many statements are under way on it.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether it has a connection.
    pub(super) fn is_connected(&self) -> bool {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        link.as_ref().is_some_and(|link| !link.wire.client().is_closed())
    }

    /// Keeps the lane connected for as long as the task runs.
    pub(super) async fn keep(
        self: Arc<Self>,
        address: Address,
        options: Arc<PoolOptions>,
        connected: Arc<watch::Sender<usize>>,
        first: Option<(Client, Connection)>,
    ) {
        let mut first = first;
        let mut pause = Pause::default();
        loop {
            let made = match first.take() {
                Some(made) => Ok(made),
                None => connect(&address, &options).await,
            };
            match made {
                Ok((client, connection)) => {
                    let since = Instant::now();
                    self.serve(client, connection, &options, &connected).await;
                    measure::reconnecting();
                    if since.elapsed() > LONGEST_PAUSE {
                        pause = Pause::default();
                    }
                }
                Err(error) if pause.is_first() => {
                    tracing::warn!(error = in_one_line(&error), "a lane cannot connect, and goes on trying");
                }
                Err(error) => tracing::debug!(error = in_one_line(&error), "a lane cannot connect"),
            }
            pause.wait().await;
        }
    }

    async fn serve(
        &self,
        client: Client,
        connection: Connection,
        options: &PoolOptions,
        connected: &watch::Sender<usize>,
    ) {
        let link = Arc::new(Link {
            wire: Wire::new(client, options),
            answered: AtomicU64::new(0),
            given_up: Notify::new(),
        });
        let _published = Published::new(self, Arc::clone(&link), connected);
        tokio::select! {
            ended = connection => {
                if let Err(error) = ended {
                    tracing::warn!(error = in_one_line(&error), "a lane broke");
                }
            }
            () = link.given_up.notified() => tracing::warn!("a lane did not answer and was given up"),
        }
    }

    /// Lets nobody else take this connection.
    fn withdraw(&self, link: &Arc<Link>) {
        let mut present = self.link.write().unwrap_or_else(PoisonError::into_inner);
        present.take_if(|present| Arc::ptr_eq(present, link));
    }

    fn put(&self, link: Option<Arc<Link>>) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = link;
    }
}

/// Connects with the settings of the pool.
pub(super) async fn connect(address: &Address, options: &PoolOptions) -> Result<(Client, Connection), Error> {
    address.connect(&options.application_name, &options.settings(), options.connect_timeout).await
}

/// While it lives, the lane has this connection.
struct Published<'a> {
    lane: &'a Lane,
    connected: &'a watch::Sender<usize>,
}

impl<'a> Published<'a> {
    fn new(lane: &'a Lane, link: Arc<Link>, connected: &'a watch::Sender<usize>) -> Self {
        lane.put(Some(link));
        connected.send_modify(|lanes| *lanes += 1);
        measure::lane_connected(true);
        Self { lane, connected }
    }
}

impl Drop for Published<'_> {
    fn drop(&mut self) {
        self.lane.put(None);
        self.connected.send_modify(|lanes| *lanes -= 1);
        measure::lane_connected(false);
    }
}

/// A statement's place on a lane.
pub(super) struct Occupied {
    lane: Arc<Lane>,
    link: Arc<Link>,
    answered_before: u64,
    /// Gone when the database has answered.
    permit: Option<OwnedSemaphorePermit>,
}

impl Occupied {
    pub(super) fn new(lane: &Arc<Lane>, link: Arc<Link>, permit: OwnedSemaphorePermit) -> Self {
        lane.busy.fetch_add(1, Ordering::Relaxed);
        measure::lane_busy(true);
        let answered_before = link.answered.load(Ordering::Relaxed);
        Self { lane: Arc::clone(lane), link, answered_before, permit: Some(permit) }
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.link.wire
    }

    /// Gives the place back after a statement's result. When it was not answered in time, and no other
    /// statement of this lane was in the meantime, the connection is dead and is made anew.
    pub(super) fn finish<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        if !matches!(result, Err(Error::ExecuteTimeout { .. })) {
            self.link.answered.fetch_add(1, Ordering::Relaxed);
            self.permit = None;
        } else if self.link.answered.load(Ordering::Relaxed) == self.answered_before {
            self.lane.withdraw(&self.link);
            self.link.given_up.notify_one();
        }
        result
    }
}

impl Drop for Occupied {
    /// A statement that nobody waits for any more still occupies its lane until the database is done with
    /// it: an empty question behind it is answered then.
    fn drop(&mut self) {
        let freed = Freed(Arc::clone(&self.lane));
        let Some(permit) = self.permit.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let link = Arc::clone(&self.link);
            runtime.spawn(async move {
                let _ = link.wire.client().simple_query("").await;
                link.answered.fetch_add(1, Ordering::Relaxed);
                drop((freed, permit));
            });
        }
    }
}

/// Counts a statement out when dropped.
struct Freed(Arc<Lane>);

impl Drop for Freed {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
        measure::lane_busy(false);
    }
}

/// Pauses that grow from one failure to the next, each a little different so that lanes do not march in step.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pause {
    fn is_first(&self) -> bool {
        self.0 == FIRST_PAUSE
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.0.mul_f64(rand::random_range(0.5..1.0))).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}
