//! Live queries: a subscription is a plan, its values, and the rows it depends on. A commit that can change it
//! wakes it; it is asked again, and told only what is new.
//!
//! Those who ask the same with the same values are one [`cohort`], asked once for all. A [`stream`] is told rows
//! rather than states, and moves on behind them. Nobody polls: what wakes comes from [`changes`].

mod cohort;
mod dependencies;
mod read;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use changes::Interests;
use db::Pool;
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::{Semaphore, watch};

use crate::plan_cache::Prepared;
use cohort::{Cohort, State};
use read::Reads;
pub(crate) use stream::Place;

/// How many live queries are asked at once; the others wait, so that requests find the database free.
const CONCURRENT_READS: usize = 32;

/// All live queries of an engine. Cloning is cheap, and clones are the same.
#[derive(Clone)]
pub(crate) struct LiveQueries(Arc<Inner>);

struct Inner {
    pool: Pool,
    interests: Interests,
    cohorts: Mutex<HashMap<CohortKey, watch::Sender<State>>>,
    reads: Semaphore,
    shared_reads: Reads,
}

/// What makes two subscriptions the same: the plan, and every value that goes into it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct CohortKey {
    plan: usize,
    values: Vec<Option<String>>,
}

impl LiveQueries {
    pub(crate) fn new(pool: Pool, interests: Interests) -> Self {
        let cohorts = Mutex::new(HashMap::new());
        let reads = Semaphore::new(CONCURRENT_READS);
        Self(Arc::new(Inner { pool, interests, cohorts, reads, shared_reads: Reads::default() }))
    }

    /// Watches a subscription: a stream of its states, which ends after an error. `limited` is the pool to read
    /// it with, where it is not the usual one.
    pub(crate) fn watch(
        &self,
        prepared: Arc<Prepared>,
        limited: Option<Pool>,
        session: &Session,
        request: &GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        let pool = limited.unwrap_or_else(|| self.0.pool.clone());
        match Cohort::new(prepared, pool, session, request) {
            Ok(cohort) => states(self.join(cohort)),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Joins the cohort of those who ask the same, or begins it.
    fn join(&self, cohort: Cohort) -> watch::Receiver<State> {
        let mut cohorts = self.0.cohorts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cohorts.get(&cohort.key) {
            return known.subscribe();
        }
        let (sender, receiver) = watch::channel(State::Unknown);
        cohorts.insert(cohort.key.clone(), sender.clone());
        metrics::gauge!("graphql_live_cohorts").increment(1.0);
        tokio::spawn(self.clone().keep(cohort, sender));
        receiver
    }

    /// Keeps a cohort's state current until nobody watches any more or it fails.
    async fn keep(self, cohort: Cohort, sender: watch::Sender<State>) {
        // Registered before the first read, so that nothing falls between the two.
        let mut wakes = self.0.interests.register(cohort.interests.clone());
        let mut wake = wakes.woken().await;
        loop {
            let state = {
                let _turn = self.0.reads.acquire().await;
                cohort.read(&wake.transactions, &sender).await
            };
            let failed = matches!(state, State::Failed(_));
            sender.send_if_modified(|last| {
                let new = *last != state;
                if new {
                    *last = state;
                }
                new
            });
            if failed {
                return self.end(&cohort.key);
            }
            wake = loop {
                tokio::select! {
                    wake = wakes.woken() => break wake,
                    () = sender.closed() => if self.end_if_unwatched(&cohort.key, &sender) { return },
                }
            };
        }
    }

    fn end(&self, key: &CohortKey) {
        let mut cohorts = self.0.cohorts.lock().unwrap_or_else(PoisonError::into_inner);
        cohorts.remove(key);
        metrics::gauge!("graphql_live_cohorts").decrement(1.0);
    }

    /// Somebody may join between the last one's leaving and this, so it is decided under the lock.
    fn end_if_unwatched(&self, key: &CohortKey, sender: &watch::Sender<State>) -> bool {
        let mut cohorts = self.0.cohorts.lock().unwrap_or_else(PoisonError::into_inner);
        let unwatched = sender.receiver_count() == 0;
        if unwatched {
            cohorts.remove(key);
            metrics::gauge!("graphql_live_cohorts").decrement(1.0);
        }
        unwatched
    }
}

/// The states that a receiver sees from now on. A slow one misses those in between, never the last.
fn states(receiver: watch::Receiver<State>) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
    let first = true;
    futures::stream::unfold(Some((receiver, first)), |at| async move {
        let (mut receiver, first) = at?;
        if !first && receiver.changed().await.is_err() {
            return None;
        }
        loop {
            let state = receiver.borrow_and_update().clone();
            match state {
                State::Unknown => receiver.changed().await.ok()?,
                State::Known(data) => return Some((Ok(data), Some((receiver, false)))),
                State::Failed(error) => return Some((Err(error), None)),
            }
        }
    })
    .boxed()
}
