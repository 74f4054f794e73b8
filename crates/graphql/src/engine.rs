//! The engine: a database, its API per role, the plans, and the live queries over it.
//!
//! What the API is made of is one value ([`api`]) that is swapped whole when the schema or the metadata changes
//! ([`keeper`]); a request takes the one that it finds and keeps to it.

mod api;
mod keeper;
mod options;
mod pools;
mod watching;

use std::sync::Arc;

use arc_swap::ArcSwap;
use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use changes::Feed;
use db::Pool;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::{Notify, mpsc, watch};

use crate::access::{Access, Rates};
use crate::error::EngineError;
use crate::execute::{self, Moment, Values};
use crate::live::LiveQueries;
use crate::metadata::Metadata;
use crate::plan_cache::Prepared;
use crate::sql::Statements;

pub(crate) use api::{Api, Caller};
pub(crate) use keeper::{Keeper, Order};
pub use options::EngineOptions;
use pools::Pools;

/// How many orders may wait for the keeper.
const WAITING_ORDERS: usize = 16;

/// The engine over one database. Cloning it is cheap.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    live: LiveQueries,
    rates: Rates,
    orders: mpsc::Sender<Order>,
}

/// What the engine's requests and its keeper have in common.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) api: ArcSwap<Api>,
    /// Changes with every new API.
    pub(crate) generation: watch::Sender<u64>,
    /// Somebody met an error that an old API would explain.
    pub(crate) doubt: Notify,
    pub(crate) reload_failure: watch::Sender<Option<String>>,
}

/// How the engine's API is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineHealth {
    /// How many things of the metadata the database contradicts.
    pub inconsistencies: usize,
    /// Why the last change of the schema could not be taken over; the API is the one before it. For operators.
    pub reload_failure: Option<String>,
}

impl Engine {
    /// Reads the catalog of the database behind `pool`, makes the API that `metadata` describes, and starts the
    /// feed of changes that wakes its live queries.
    ///
    /// What the metadata names and the database lacks is left out of the API, and logged. The API follows the
    /// schema for as long as the feed runs.
    pub async fn start(
        pool: Pool,
        metadata: &Metadata,
        options: EngineOptions,
    ) -> Result<(Self, Feed), EngineError> {
        let pools = Pools::new(&pool);
        let api = Box::pin(Api::load(&pool, metadata.clone(), &options, pools, 0)).await?;
        api.tell_inconsistencies();
        let mut feed = Feed::start(&pool, &api.tracked.sources(), options.feed.clone()).await?;
        let live = LiveQueries::new(pool.clone(), feed.interests());
        let shared = Arc::new(Shared {
            pool,
            api: ArcSwap::new(api),
            generation: watch::Sender::new(0),
            doubt: Notify::new(),
            reload_failure: watch::Sender::new(None),
        });
        let (orders, waiting) = mpsc::channel(WAITING_ORDERS);
        let keeper = Keeper::new(shared.clone(), options, &feed, waiting);
        feed.attach(tokio::spawn(keeper.run()));
        Ok((Self { inner: Arc::new(Inner { shared, live, rates: Rates::default(), orders }) }, feed))
    }

    /// What the metadata says and the database contradicts, a sentence each.
    pub fn inconsistencies(&self) -> Vec<String> {
        self.inner.shared.api.load().inconsistencies.clone()
    }

    /// How the engine's API is doing.
    pub fn health(&self) -> EngineHealth {
        EngineHealth {
            inconsistencies: self.inner.shared.api.load().inconsistencies.len(),
            reload_failure: self.inner.shared.reload_failure.borrow().clone(),
        }
    }

    /// Runs a query or a mutation of the program's own.
    pub async fn execute(&self, session: &Session, request: &GraphqlRequest) -> Result<Bytes, GraphqlError> {
        self.execute_for(Caller::Program, session, request).await
    }

    /// Runs a query or a mutation for a caller.
    pub(crate) async fn execute_for(
        &self,
        caller: Caller,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Bytes, GraphqlError> {
        let (prepared, limited) = self.prepare(caller, session, request)?;
        let pool = limited.as_ref().unwrap_or(&self.inner.shared.pool);
        let variables = prepared.variables(request);
        let values = Values { session, variables: &variables, moment: Moment::default() };
        let result = match &prepared.statements {
            Statements::Live(_) | Statements::Stream(_) => Err(GraphqlError::new(
                "not-supported",
                "$",
                "subscriptions are not supported over HTTP, use websockets instead",
            )),
            Statements::Known(answer) => Ok(Bytes::copy_from_slice(answer.as_bytes())),
            Statements::Read(statement) => execute::read(pool, statement, values).await,
            Statements::ReadRows(statement, answer) => {
                execute::read_rows(pool, statement, answer, values).await
            }
            Statements::Write(fields) => {
                // Apart, so that the future of every request is not as large as that of a mutation.
                Box::pin(execute::write(pool, fields, prepared.sharing.as_ref(), values)).await
            }
        };
        if result.as_ref().is_err_and(|error| error.code == "unexpected") {
            self.inner.shared.doubt.notify_one();
        }
        result
    }

    /// Watches a subscription of the program's own: its `data` now, and after every commit that changed it. A
    /// query or mutation answers once. Ends after an error.
    pub fn watch(
        &self,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        self.watch_for(Caller::Program, session, request)
    }

    /// Watches for a caller.
    pub(crate) fn watch_for(
        &self,
        caller: Caller,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        watching::watch(self.clone(), caller, session.clone(), request)
    }

    /// The plan for a request, from the cache or new; and the pool to run it on, where it is not the usual one.
    pub(crate) fn prepare(
        &self,
        caller: Caller,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<(Arc<Prepared>, Option<Pool>), GraphqlError> {
        let api = self.inner.shared.api.load();
        let prepared = api.prepare(caller, session, request)?;
        Ok((prepared, api.limited_pool(session.role())))
    }

    /// What callers may use of the API now.
    pub(crate) fn access<T>(&self, look: impl FnOnce(&Access) -> T) -> T {
        look(&self.inner.shared.api.load().access)
    }

    /// The requests that were counted.
    pub(crate) fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    /// Where orders for the keeper go.
    pub(crate) fn orders(&self) -> &mpsc::Sender<Order> {
        &self.inner.orders
    }
}

impl Project for Engine {
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>> {
        Box::pin(async move { self.execute(session, &request).await })
    }

    fn watch(
        &self,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        self.watch(session, request)
    }
}
