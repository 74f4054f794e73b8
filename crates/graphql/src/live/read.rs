//! Reading a live query: such that it sees what it was woken for, and once for all who ask the same at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::project::GraphqlError;
use db::{Pool, Text};
use futures::future::{BoxFuture, FutureExt, Shared, WeakShared};

use crate::execute::{LiveAnswer, read_live};
use crate::sql::Statement;

/// How long a database that is away is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a commit that was announced may take to become visible before it is looked for again.
const SOON: Duration = Duration::from_millis(1);

/// Runs the statement until it sees the transactions that woke it. A database that is away is asked again for as long
/// as the answer is `wanted`.
pub(super) async fn read_current(
    pool: &Pool,
    statement: &Statement,
    parameters: &[Text<'_>],
    wanted: impl Fn() -> bool,
) -> Result<LiveAnswer, GraphqlError> {
    loop {
        metrics::counter!("graphql_live_reads_total").increment(1);
        match read_live(pool, statement, parameters).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => tokio::time::sleep(SOON).await,
            // The database comes back, and those who watch wait for it.
            Err(error) if error.code == "unavailable" && wanted() => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// What makes two reads the same: the plan, its values with the position and what it was woken for, and how often
/// everybody had been woken.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ReadKey {
    pub(super) plan: usize,
    pub(super) values: Vec<Text<'static>>,
    pub(super) round: u64,
}

type Answer = Result<LiveAnswer, GraphqlError>;
type SharedRead = Shared<BoxFuture<'static, Answer>>;

#[derive(Default)]
struct Running {
    begun: u64,
    /// Each with its number. Weak, so that a read for which nobody waits any more ends.
    reads: HashMap<ReadKey, (u64, WeakShared<BoxFuture<'static, Answer>>)>,
}

/// The reads that are going on. Who asks for one of them waits for its answer: it sees all that they were woken for,
/// because that is a part of the key.
#[derive(Clone, Default)]
pub(super) struct Reads(Arc<Mutex<Running>>);

impl Reads {
    /// The read that is going on for `key`, or else `read`.
    pub(super) fn share(
        &self,
        key: ReadKey,
        read: impl FnOnce(&ReadKey) -> BoxFuture<'static, Answer>,
    ) -> SharedRead {
        let mut running = self.lock();
        if let Some(known) = running.reads.get(&key).and_then(|(_, read)| read.upgrade()) {
            metrics::counter!("graphql_live_reads_shared_total").increment(1);
            return known;
        }
        running.begun += 1;
        let number = running.begun;
        let ended = Ended { reads: self.clone(), key: key.clone(), number };
        let read = read(&key);
        let new = async move {
            let answer = read.await;
            drop(ended);
            answer
        };
        let new = new.boxed().shared();
        if let Some(weak) = new.downgrade() {
            running.reads.insert(key, (number, weak));
        }
        new
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a read off the list when it has ended, or when nobody waits for it any more.
struct Ended {
    reads: Reads,
    key: ReadKey,
    number: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut running = self.reads.lock();
        // Somebody may have begun the same one again after this one was left.
        if running.reads.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            running.reads.remove(&self.key);
        }
    }
}
