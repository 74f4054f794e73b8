//! The feed: keeps a stream of changes going, and wakes those who are interested.
//!
//! While there is no stream (at start, after a break, or because the database offers none) everybody is woken
//! once a second; when a new one starts, once.

use std::sync::Arc;
use std::time::Duration;

use db::{Address, Pool};
use pgwire_replication::client::ReplicationEvent;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Error;
use crate::decode::{Decoder, Message};
use crate::interest::{Interests, Touched};
use crate::publication::{self, Published};
use crate::schema_watch;
use crate::stream::Stream;

/// How the feed behaves.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// How often everybody is woken while there is no stream.
    pub poll_interval: Duration,
    /// The longest pause between two attempts to connect.
    pub max_retry_pause: Duration,
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self { poll_interval: Duration::from_secs(1), max_retry_pause: Duration::from_secs(10) }
    }
}

/// How the feed is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedState {
    /// Not yet connected, or not any more.
    Connecting,
    /// Changes come as they are committed.
    Streaming,
    /// The database offers no logical replication: everybody is woken by the clock.
    Polling,
}

/// A running feed. It stops when this is dropped.
pub struct Feed {
    interests: Interests,
    state: watch::Receiver<FeedState>,
    schema: watch::Receiver<u64>,
    targets: Targets,
    tasks: Vec<JoinHandle<()>>,
}

/// Which tables the feed follows. Cloning is cheap, and clones are the same.
#[derive(Clone)]
pub struct Targets {
    pool: Pool,
    /// `None` where everybody is woken by the clock, whatever the tables are.
    published: Option<watch::Sender<Arc<Published>>>,
    tells_of_schema: bool,
}

impl Targets {
    /// Follows `tables` (PostgreSQL's numbers) from now on.
    pub async fn set(&self, tables: &[u32]) -> Result<(), Error> {
        let Some(published) = &self.published else { return Ok(()) };
        let new = publication::prepare(&self.pool, tables).await?;
        // A running stream notices by itself which tables its publications list.
        published.send_if_modified(|known| {
            let other = **known != new;
            if other {
                *known = Arc::new(new);
            }
            other
        });
        Ok(())
    }

    /// Whether the log tells of changes of the schema. Where it does not, one must look.
    pub fn tells_of_schema(&self) -> bool {
        self.tells_of_schema
    }
}

struct Runner {
    pool: Pool,
    address: Address,
    published: watch::Receiver<Arc<Published>>,
    interests: Interests,
    options: FeedOptions,
    state: watch::Sender<FeedState>,
    schema: watch::Sender<u64>,
}

/// Why a stream is not followed any more.
enum Ended {
    Broken(Error),
    /// It must read other publications.
    Retargeted,
}

impl Feed {
    /// Starts a feed of the changes of `tables` (PostgreSQL's numbers) in the database behind `pool`.
    ///
    /// It goes on by itself from then on, whatever happens to its connection.
    pub async fn start(pool: &Pool, tables: &[u32], options: FeedOptions) -> Result<Self, Error> {
        let interests = Interests::default();
        let (sender, state) = watch::channel(FeedState::Connecting);
        let (schema_sender, schema) = watch::channel(0);
        let obstacle = publication::obstacle(pool).await?;
        let address = pool.address().clone();
        let obstacle = obstacle.or_else(|| {
            address.replication().is_none().then(|| "the database is known by a socket only".to_owned())
        });
        if let Some(reason) = obstacle {
            tracing::warn!(
                "no logical replication ({reason}): live queries poll every {} s",
                options.poll_interval.as_secs_f32()
            );
            sender.send_replace(FeedState::Polling);
            let tasks = vec![tokio::spawn(poll(interests.clone(), options.poll_interval))];
            let targets = Targets { pool: pool.clone(), published: None, tells_of_schema: false };
            return Ok(Self { interests, state, schema, targets, tasks });
        }
        let tells_of_schema = schema_watch::prepare(pool).await;
        let (published_sender, published) =
            watch::channel(Arc::new(publication::prepare(pool, tables).await?));
        let polling = poll_tables(interests.clone(), published.clone(), options.poll_interval);
        let runner = Runner {
            pool: pool.clone(),
            address,
            published,
            interests: interests.clone(),
            options,
            state: sender,
            schema: schema_sender,
        };
        let tasks = vec![tokio::spawn(polling), tokio::spawn(runner.run())];
        let targets = Targets { pool: pool.clone(), published: Some(published_sender), tells_of_schema };
        Ok(Self { interests, state, schema, targets, tasks })
    }

    /// Where to register interests.
    pub fn interests(&self) -> Interests {
        self.interests.clone()
    }

    /// How the feed is doing, now and later.
    pub fn state(&self) -> watch::Receiver<FeedState> {
        self.state.clone()
    }

    /// Tells of changes of the schema, where the log does ([`Targets::tells_of_schema`]): the last transaction that made
    /// one, as PostgreSQL's `xid8`. It tells of every new beginning of the stream, too, before which one may have been
    /// missed.
    pub fn schema_changes(&self) -> watch::Receiver<u64> {
        self.schema.clone()
    }

    /// By which the tables that are followed are changed.
    pub fn targets(&self) -> Targets {
        self.targets.clone()
    }

    /// Lets a task live and be watched with the feed's own.
    pub fn attach(&mut self, task: JoinHandle<()>) {
        self.tasks.push(task);
    }

    /// Waits until a task of the feed's has died, which none ever should.
    pub async fn died(&mut self) {
        let (ended, _, _) = futures::future::select_all(&mut self.tasks).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the change feed died");
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Wakes everybody by the clock.
async fn poll(interests: Interests, every: Duration) {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        interests.wake_all();
    }
}

/// Wakes by the clock those who wait for tables of which the log does not tell everything.
async fn poll_tables(interests: Interests, mut published: watch::Receiver<Arc<Published>>, every: Duration) {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = 0;
    loop {
        let polled = published.borrow_and_update().clone();
        if polled.polled.len() > told {
            tracing::warn!(
                tables = polled.polled.len(),
                "the log does not tell of all changes of tables without a key: they are polled"
            );
        }
        told = polled.polled.len();
        if polled.polled.is_empty() {
            // The sender lives in the engine; without one there is nothing to wait for but the end.
            if published.changed().await.is_err() {
                return std::future::pending().await;
            }
            continue;
        }
        clock.tick().await;
        interests.wake_relations(&polled.polled);
    }
}

impl Runner {
    async fn run(mut self) {
        let mut pause = Duration::from_millis(50);
        loop {
            let published = self.published.borrow_and_update().clone();
            let error = match self.while_polling(self.connect(&published)).await {
                Ok((stream, transactions)) => {
                    pause = Duration::from_millis(50);
                    match self.follow(stream, transactions).await {
                        Ended::Broken(error) => error,
                        Ended::Retargeted => {
                            tracing::debug!("the change feed connects anew, for other publications");
                            continue;
                        }
                    }
                }
                Err(error) => error,
            };
            self.state.send_replace(FeedState::Connecting);
            metrics::counter!("changes_reconnects_total").increment(1);
            tracing::warn!(%error, "the change feed broke and connects anew");
            self.while_polling(tokio::time::sleep(pause)).await;
            pause = (pause * 2).min(self.options.max_retry_pause);
        }
    }

    /// Waits for `work`, and wakes everybody by the clock meanwhile.
    async fn while_polling<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(self.options.poll_interval, &mut work).await {
                Ok(done) => return done,
                Err(_) => self.interests.wake_all(),
            }
        }
    }

    async fn connect(&self, published: &Published) -> Result<(Stream, Transactions), Error> {
        let address = self.address.replication().ok_or(Error::Ended)?;
        let stream = Stream::start(&address, &published.names).await?;
        let sql = "select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text";
        let row = self.pool.query_one(sql, &[]).await.map_err(Error::ReadPosition)?;
        let latest: String = row.try_get(0).unwrap_or_default();
        let latest = latest.parse().map_err(|_| Error::Decode("the next transaction's number is none"))?;
        Ok((stream, Transactions { latest }))
    }

    /// Follows a stream until it breaks, or other publications are to be read.
    async fn follow(&self, mut stream: Stream, transactions: Transactions) -> Ended {
        self.state.send_replace(FeedState::Streaming);
        tracing::debug!("the change feed streams");
        // What happened before the slot was made is not in it.
        self.interests.wake_all();
        self.schema.send_modify(|_| {});
        let mut published = self.published.clone();
        let mut reading = Reading { transactions, ..Reading::default() };
        loop {
            let event = tokio::select! {
                event = stream.next() => event,
                Ok(()) = published.changed() => return Ended::Retargeted,
            };
            if let Err(error) = event.and_then(|event| self.take(event, &mut reading)) {
                return Ended::Broken(error);
            }
        }
    }

    /// Takes one event of the stream.
    fn take(&self, event: ReplicationEvent, reading: &mut Reading) -> Result<(), Error> {
        match event {
            ReplicationEvent::Begin { xid, .. } => reading.transaction = reading.transactions.widen(xid),
            ReplicationEvent::XLogData { data, .. } => match reading.decoder.decode(&data)? {
                Message::Row(change) => {
                    self.interests.touch(&change, &mut reading.touched);
                    reading.touched.compact();
                    metrics::counter!("changes_rows_total").increment(1);
                }
                Message::Truncate(relations) => {
                    for relation in relations {
                        self.interests.touch_relation(relation, &mut reading.touched);
                    }
                }
                Message::Other => {}
            },
            ReplicationEvent::Message { prefix, .. } if prefix == schema_watch::PREFIX => {
                reading.schema = true;
            }
            ReplicationEvent::Commit { .. } => {
                self.interests.wake(std::mem::take(&mut reading.touched), reading.transaction);
                if std::mem::take(&mut reading.schema) {
                    self.schema.send_replace(reading.transaction);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What is known of the transaction that is being read.
#[derive(Default)]
struct Reading {
    decoder: Decoder,
    transactions: Transactions,
    transaction: u64,
    touched: Touched,
    /// Whether it changes the schema.
    schema: bool,
}

/// PostgreSQL's 32-bit transaction numbers as 64-bit ones.
#[derive(Default)]
struct Transactions {
    latest: u64,
}

impl Transactions {
    /// The number nearest to the latest one whose low half is `xid`: they are never half a turn apart.
    fn widen(&mut self, xid: u32) -> u64 {
        const TURN: u64 = 1 << 32;
        let near = (self.latest & !(TURN - 1)) | u64::from(xid);
        let wide = if near > self.latest + TURN / 2 {
            near.saturating_sub(TURN)
        } else if near + TURN / 2 < self.latest {
            near + TURN
        } else {
            near
        };
        self.latest = self.latest.max(wide);
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_numbers_pass_the_turn() {
        let mut transactions = Transactions { latest: (3 << 32) | 0xffff_fff0 };
        assert_eq!(transactions.widen(0xffff_fff5), (3 << 32) | 0xffff_fff5);
        assert_eq!(transactions.widen(5), (4 << 32) | 5);
        assert_eq!(transactions.widen(0xffff_fff9), (3 << 32) | 0xffff_fff9);
        assert_eq!(transactions.widen(6), (4 << 32) | 6);
    }
}
