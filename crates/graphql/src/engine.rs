//! The engine: a database, its API per role, the plans, and the live queries over it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use changes::{Feed, FeedOptions};
use db::Pool;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};

use crate::catalog;
use crate::error::EngineError;
use crate::execute::{self, Moment, Values};
use crate::live::LiveQueries;
use crate::metadata::Metadata;
use crate::plan_cache::{PlanCache, Prepared};
use crate::schema::{self, RoleSchema, SchemaOptions, Tracked};
use crate::sql::Statements;

/// How the engine behaves.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// What the API looks like, where Hasura leaves a choice.
    pub schema: SchemaOptions,
    /// How live queries are woken.
    pub feed: FeedOptions,
}

/// The engine over one database. Cloning it is cheap.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    api: Api,
    live: LiveQueries,
}

/// The API as catalog and metadata make it, with what was derived from it since.
struct Api {
    tracked: Tracked,
    roles: RwLock<HashMap<String, Arc<RoleSchema>>>,
    plans: PlanCache,
}

/// The most roles whose API is kept. Roles come from signed tokens, and from whoever has the admin secret.
const MAX_ROLES: usize = 256;

impl Engine {
    /// Reads the catalog of the database behind `pool`, makes the API that `metadata` describes, and starts the
    /// feed of changes that wakes its live queries.
    ///
    /// What the metadata names and the database lacks is left out of the API, and logged.
    pub async fn start(
        pool: Pool,
        metadata: &Metadata,
        options: EngineOptions,
    ) -> Result<(Self, Feed), EngineError> {
        let catalog = Arc::new(catalog::load(&pool, &schema::enum_tables(metadata)).await?);
        let tracked = Tracked::new(catalog, metadata, options.schema);
        for inconsistency in tracked.all_inconsistencies() {
            tracing::warn!("metadata: {inconsistency}");
        }
        let feed = Feed::start(&pool, &tracked.sources(), options.feed).await?;
        let api = Api { tracked, roles: RwLock::new(HashMap::new()), plans: PlanCache::new() };
        let live = LiveQueries::new(pool.clone(), feed.interests());
        Ok((Self { inner: Arc::new(Inner { pool, api, live }) }, feed))
    }

    /// What the metadata says and the database contradicts, a sentence each.
    pub fn inconsistencies(&self) -> Vec<String> {
        self.inner.api.tracked.all_inconsistencies()
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, session: &Session, request: &GraphqlRequest) -> Result<Bytes, GraphqlError> {
        let prepared = self.prepare(session, request)?;
        let variables = prepared.variables(request);
        let values = Values { session, variables: &variables, moment: Moment::default() };
        match &prepared.statements {
            Statements::Live(_) | Statements::Stream(_) => Err(GraphqlError::new(
                "not-supported",
                "$",
                "subscriptions are not supported over HTTP, use websockets instead",
            )),
            Statements::Known(answer) => Ok(Bytes::copy_from_slice(answer.as_bytes())),
            Statements::Read(statement) => execute::read(&self.inner.pool, statement, values).await,
            Statements::Write(fields) => execute::write(&self.inner.pool, fields, values).await,
        }
    }

    /// Watches a subscription: its `data` now, and after every commit that changed it. A query or mutation
    /// answers once. Ends after an error.
    pub fn watch(
        &self,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        match self.prepare(session, &request) {
            Ok(prepared) if matches!(prepared.statements, Statements::Live(_)) => {
                self.inner.live.watch(prepared, session, &request)
            }
            Ok(prepared) if matches!(prepared.statements, Statements::Stream(_)) => {
                self.inner.live.stream(prepared, session, request)
            }
            Ok(_) => {
                let (engine, session) = (self.clone(), session.clone());
                futures::stream::once(async move { engine.execute(&session, &request).await }).boxed()
            }
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    /// The plan for a request, from the cache or new.
    pub(crate) fn prepare(
        &self,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Arc<Prepared>, GraphqlError> {
        let api = &self.inner.api;
        api.plans.prepare(&api.role(session.role()), session, request)
    }
}

impl Api {
    fn role(&self, name: &str) -> Arc<RoleSchema> {
        if let Some(known) = self.roles.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return known.clone();
        }
        let made = Arc::new(RoleSchema::build(&self.tracked, name));
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        if roles.len() >= MAX_ROLES {
            roles.clear();
        }
        roles.entry(name.to_owned()).or_insert(made).clone()
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
