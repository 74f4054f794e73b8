//! Keeps the API current: takes over changes of the schema and orders to change the metadata, one at a time.
//!
//! A change of the schema shows in the log, or where the log does not tell, in a fingerprint of the catalog that
//! is looked at by the clock. What cannot be taken over leaves the API as it is, is told, and tried again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use changes::{Feed, Targets};
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, timeout};

use super::{Api, EngineOptions, Shared};
use crate::catalog::{self, Catalog};
use crate::error::EngineError;
use crate::metadata::Metadata;
use crate::metadata_api::{ApiError, Command, Draft};

/// How often the fingerprint is looked at where nobody tells of changes, and after a failure.
const LOOK: Duration = Duration::from_secs(5);

/// A migration is many changes: this much quiet ends it, and after so long it is taken over as far as it is.
const QUIET: Duration = Duration::from_millis(100);
const LONGEST_UNREST: Duration = Duration::from_secs(2);

/// How long taking over may take.
const RELOAD: Duration = Duration::from_mins(1);

/// How long a commit that was announced may take to become visible.
const VISIBLE: Duration = Duration::from_secs(2);

/// An order to the keeper, and where its answer goes.
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Result<Json, ApiError>>,
}

/// The keeper of an engine's API.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    options: EngineOptions,
    targets: Targets,
    schema: watch::Receiver<u64>,
    orders: mpsc::Receiver<Order>,
    /// Whether the last attempt to follow the schema failed.
    behind: bool,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        options: EngineOptions,
        feed: &Feed,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let (targets, schema) = (feed.targets(), feed.schema_changes());
        Self { shared, options, targets, schema, orders, behind: false }
    }

    /// Keeps the API current for as long as the task runs.
    pub(super) async fn run(mut self) {
        let mut clock = tokio::time::interval(LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let looks = self.behind || !self.targets.tells_of_schema();
            tokio::select! {
                Some(order) = self.orders.recv() => {
                    Box::pin(self.obey(order)).await;
                    continue;
                }
                Ok(()) = self.schema.changed() => self.settle().await,
                () = self.shared.doubt.notified() => tokio::time::sleep(QUIET).await,
                _ = clock.tick(), if looks => {}
            }
            let transaction = *self.schema.borrow_and_update();
            let result = timeout(RELOAD, Box::pin(self.follow_schema(transaction))).await;
            self.note(result.unwrap_or(Err(EngineError::ReloadTimeout(RELOAD.as_secs()))));
        }
    }

    /// The API as it is.
    pub(crate) fn current(&self) -> Arc<Api> {
        self.shared.api.load_full()
    }

    /// The pool to run statements of the administrator's on.
    pub(crate) fn pool(&self) -> &db::Pool {
        &self.shared.pool
    }

    /// What is in the database now.
    pub(crate) async fn read_catalog(&self) -> Result<Arc<Catalog>, EngineError> {
        Ok(Arc::new(catalog::load(&self.shared.pool, &[]).await?))
    }

    /// Whether the database's shape is another than that which the API is made of.
    pub(crate) async fn has_changed(&self) -> Result<bool, EngineError> {
        Ok(catalog::fingerprint(&self.shared.pool).await? != self.current().fingerprint)
    }

    /// Makes the API of other metadata over the database as it is, to be looked at before it is put in place.
    pub(crate) async fn make(
        &self,
        metadata: Metadata,
        resource_version: u64,
    ) -> Result<Arc<Api>, EngineError> {
        let pools = self.current().pools.clone();
        Api::load(&self.shared.pool, metadata, &self.options, pools, resource_version).await
    }

    /// Puts an API in the place of the one before, and wakes who must plan anew.
    pub(crate) async fn put(&mut self, api: Arc<Api>) -> Result<(), EngineError> {
        self.targets.set(&api.tracked.sources()).await?;
        let told: BTreeSet<String> = self.current().inconsistencies.iter().cloned().collect();
        if !api.inconsistencies.iter().all(|sentence| told.contains(sentence)) {
            api.tell_inconsistencies();
        }
        self.shared.api.store(api);
        self.shared.generation.send_modify(|generation| *generation += 1);
        self.behind = false;
        self.shared.reload_failure.send_replace(None);
        Ok(())
    }

    async fn obey(&mut self, order: Order) {
        let answer = Box::pin(Draft::new(self).obey(order.command)).await;
        // Who asked may be gone; what was done is done.
        let _ = order.answer.send(answer);
    }

    /// Waits until nothing has changed for a moment.
    async fn settle(&mut self) {
        let since = Instant::now();
        while since.elapsed() < LONGEST_UNREST
            && matches!(timeout(QUIET, self.schema.changed()).await, Ok(Ok(())))
        {}
    }

    /// Takes over the schema as it is; says whether it is another one.
    async fn follow_schema(&mut self, transaction: u64) -> Result<bool, EngineError> {
        self.wait_visible(transaction).await?;
        if !self.behind && !self.has_changed().await? {
            return Ok(false);
        }
        let current = self.current();
        let api = self.make(current.metadata.clone(), current.resource_version).await?;
        Box::pin(self.put(api)).await?;
        Ok(true)
    }

    /// The log tells of a commit a moment before others see it.
    async fn wait_visible(&self, transaction: u64) -> Result<(), EngineError> {
        if transaction == 0 {
            return Ok(());
        }
        let sql =
            "select pg_catalog.pg_visible_in_snapshot($1::text::xid8, pg_catalog.pg_current_snapshot())";
        let until = Instant::now() + VISIBLE;
        while Instant::now() < until {
            let row = self.shared.pool.query_one(sql, &[&transaction.to_string()]).await?;
            if row.try_get(0).unwrap_or(true) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Notes how following the schema went.
    fn note(&mut self, result: Result<bool, EngineError>) {
        let outcome = match result {
            Ok(false) => return,
            Ok(true) => {
                tracing::info!("the schema has changed: the API is made anew");
                "ok"
            }
            Err(error) => {
                self.behind = true;
                if self.shared.reload_failure.borrow().is_none() {
                    tracing::error!(%error, "a change of the schema cannot be taken over: the API stays as it was");
                }
                self.shared.reload_failure.send_replace(Some(error.to_string()));
                "failed"
            }
        };
        metrics::counter!("graphql_reloads_total", "cause" => "schema", "outcome" => outcome).increment(1);
    }
}
