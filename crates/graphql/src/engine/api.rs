//! The API as catalog and metadata make it at one time, with what was derived from it since. It never changes:
//! another one takes its place.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use db::Pool;

use super::EngineOptions;
use super::pools::Pools;
use crate::access::{Access, with_row_limit};
use crate::catalog::{self, Catalog};
use crate::error::EngineError;
use crate::metadata::Metadata;
use crate::plan_cache::{PlanCache, Prepared};
use crate::schema::{self, RoleSchema, Tracked};

/// The most roles whose API is kept. Roles come from signed tokens, and from whoever has the admin secret.
const MAX_ROLES: usize = 256;

/// Who asks: limits and the allow list are for those outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client of the API.
    Client,
    /// A part of this program.
    Program,
}

/// The API at one time.
pub(crate) struct Api {
    /// The metadata that it was made from.
    pub(crate) metadata: Metadata,
    /// Counts the changes of the metadata.
    pub(crate) resource_version: u64,
    /// What the database looked like.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) fingerprint: String,
    pub(super) tracked: Tracked,
    pub(crate) inconsistencies: Vec<String>,
    pub(super) access: Access,
    pub(super) pools: Pools,
    roles: RwLock<HashMap<String, Arc<RoleSchema>>>,
    of_clients: PlanCache,
    of_program: PlanCache,
}

impl Api {
    /// Reads the catalog and makes the API that `metadata` describes over it.
    pub(super) async fn load(
        pool: &Pool,
        metadata: Metadata,
        options: &EngineOptions,
        pools: Pools,
        resource_version: u64,
    ) -> Result<Arc<Self>, EngineError> {
        // Before the catalog: what changes in between is seen as a change afterwards.
        let fingerprint = catalog::fingerprint(pool).await?;
        let catalog = Arc::new(catalog::load(pool, &schema::enum_tables(&metadata)).await?);
        let access = Access::new(&metadata, &options.limits, options.allow_list);
        let pools = pools.with(&access.all_seconds()).await?;
        let limited = with_row_limit(metadata.clone(), options.limits.rows);
        let tracked = Tracked::new(catalog.clone(), &limited, options.schema);
        Ok(Arc::new(Self {
            metadata,
            resource_version,
            catalog,
            fingerprint,
            inconsistencies: tracked.all_inconsistencies(),
            tracked,
            access,
            pools,
            roles: RwLock::new(HashMap::new()),
            of_clients: PlanCache::new(),
            of_program: PlanCache::new(),
        }))
    }

    /// The plan for a request, from the cache or new.
    pub(super) fn prepare(
        &self,
        caller: Caller,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Arc<Prepared>, GraphqlError> {
        let role = session.role();
        let schema = || self.role(role);
        match caller {
            Caller::Client => {
                let operation = request.operation_name.as_deref();
                let permit = |document: &_| self.access.check(role, document, operation);
                self.of_clients.prepare(schema, permit, session, request)
            }
            Caller::Program => self.of_program.prepare(schema, |_| Ok(()), session, request),
        }
    }

    /// The pool for a role, where it is not the usual one.
    pub(super) fn limited_pool(&self, role: &str) -> Option<Pool> {
        self.pools.limited(|| self.access.seconds(role))
    }

    /// Logs what the database contradicts.
    pub(super) fn tell_inconsistencies(&self) {
        for inconsistency in &self.inconsistencies {
            tracing::warn!("metadata: {inconsistency}");
        }
        #[expect(clippy::cast_precision_loss, reason = "there are never so many")]
        metrics::gauge!("graphql_inconsistent_objects").set(self.inconsistencies.len() as f64);
    }

    fn role(&self, name: &str) -> Arc<RoleSchema> {
        if let Some(known) = self.roles.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return known.clone();
        }
        let mut made = RoleSchema::build(&self.tracked, name);
        made.introspection = self.access.introspection(name);
        let made = Arc::new(made);
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        if roles.len() >= MAX_ROLES {
            roles.clear();
        }
        roles.entry(name.to_owned()).or_insert(made).clone()
    }
}
