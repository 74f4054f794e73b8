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
    tasks: Vec<JoinHandle<()>>,
}

struct Runner {
    pool: Pool,
    address: Address,
    published: Arc<Published>,
    interests: Interests,
    options: FeedOptions,
    state: watch::Sender<FeedState>,
}

impl Feed {
    /// Starts a feed of the changes of `tables` (PostgreSQL's numbers) in the database behind `pool`.
    ///
    /// It goes on by itself from then on, whatever happens to its connection.
    pub async fn start(pool: &Pool, tables: &[u32], options: FeedOptions) -> Result<Self, Error> {
        let interests = Interests::default();
        let (sender, state) = watch::channel(FeedState::Connecting);
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
            let task = tokio::spawn(poll(interests.clone(), None, options.poll_interval));
            return Ok(Self { interests, state, tasks: vec![task] });
        }
        let published = Arc::new(publication::prepare(pool, tables).await?);
        let mut tasks = Vec::new();
        if !published.polled.is_empty() {
            tracing::warn!(
                tables = published.polled.len(),
                "the log does not tell of all changes of tables without a key: they are polled"
            );
            let polled = Some(published.polled.clone());
            tasks.push(tokio::spawn(poll(interests.clone(), polled, options.poll_interval)));
        }
        let runner = Runner {
            pool: pool.clone(),
            address,
            published,
            interests: interests.clone(),
            options,
            state: sender,
        };
        tasks.push(tokio::spawn(runner.run()));
        Ok(Self { interests, state, tasks })
    }

    /// Where to register interests.
    pub fn interests(&self) -> Interests {
        self.interests.clone()
    }

    /// How the feed is doing, now and later.
    pub fn state(&self) -> watch::Receiver<FeedState> {
        self.state.clone()
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

/// Wakes by the clock: everybody, or those who wait for one of these tables.
async fn poll(interests: Interests, tables: Option<Vec<u32>>, every: Duration) {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match &tables {
            Some(tables) => interests.wake_relations(tables),
            None => interests.wake_all(),
        }
    }
}

impl Runner {
    async fn run(self) {
        let mut pause = Duration::from_millis(50);
        loop {
            let error = match self.while_polling(self.connect()).await {
                Ok((stream, transactions)) => {
                    pause = Duration::from_millis(50);
                    self.follow(stream, transactions).await
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

    async fn connect(&self) -> Result<(Stream, Transactions), Error> {
        let address = self.address.replication().ok_or(Error::Ended)?;
        let stream = Stream::start(&address, &self.published.names).await?;
        let sql = "select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text";
        let row = self.pool.query_one(sql, &[]).await.map_err(Error::ReadPosition)?;
        let latest: String = row.try_get(0).unwrap_or_default();
        let latest = latest.parse().map_err(|_| Error::Decode("the next transaction's number is none"))?;
        Ok((stream, Transactions { latest }))
    }

    /// Follows a stream until it breaks.
    async fn follow(&self, mut stream: Stream, mut transactions: Transactions) -> Error {
        self.state.send_replace(FeedState::Streaming);
        tracing::debug!("the change feed streams");
        // What happened before the slot was made is not in it.
        self.interests.wake_all();
        let mut decoder = Decoder::default();
        let mut touched = Touched::default();
        let mut transaction = 0;
        loop {
            let event = match stream.next().await {
                Ok(event) => event,
                Err(error) => return error,
            };
            match event {
                ReplicationEvent::Begin { xid, .. } => transaction = transactions.widen(xid),
                ReplicationEvent::XLogData { data, .. } => match decoder.decode(&data) {
                    Ok(Message::Row(change)) => {
                        self.interests.touch(&change, &mut touched);
                        touched.compact();
                        metrics::counter!("changes_rows_total").increment(1);
                    }
                    Ok(Message::Truncate(relations)) => {
                        for relation in relations {
                            self.interests.touch_relation(relation, &mut touched);
                        }
                    }
                    Ok(Message::Other) => {}
                    Err(error) => return error,
                },
                ReplicationEvent::Commit { .. } => {
                    self.interests.wake(std::mem::take(&mut touched), transaction);
                }
                _ => {}
            }
        }
    }
}

/// PostgreSQL's 32-bit transaction numbers as 64-bit ones.
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
