//! Plans that are there already. A document is parsed once; of each document and role the plans are kept that
//! its variables have needed so far, each with what it assumes of them.

use std::hash::Hash;
use std::sync::{Arc, RwLock};

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use crate::execute::Sharing;
use crate::plan::{Document, Plan, plan};
use crate::schema::RoleSchema;
use crate::sql::{Statements, shared, statements};
use crate::value::Variables;

/// How many documents are kept.
const MAX_DOCUMENTS: usize = 1_024;

/// How many plans of one document are kept: variables of more shapes than that push the oldest out.
const MAX_PLANS: usize = 32;

/// A document longer than this is planned each time, so that the cache's size has a bound.
const MAX_CACHED_BYTES: usize = 32 * 1024;

/// A plan with its statements.
pub(crate) struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// Its statements.
    pub statements: Statements,
    /// Where requests of several callers can be one statement: those that are under way.
    pub sharing: Option<Sharing>,
    /// The defaults of the document's variables.
    pub defaults: Vec<(String, serde_json::Value)>,
}

/// The plans of all roles over one schema; when the schema changes, a new cache takes its place.
pub(crate) struct PlanCache {
    documents: Cache<Key, Arc<Entry>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    role: Arc<str>,
    trusted: bool,
    operation: Option<String>,
    query: Arc<str>,
}

#[derive(Hash)]
struct KeyRef<'a> {
    role: &'a str,
    trusted: bool,
    operation: Option<&'a str>,
    query: &'a str,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.query == *key.query
            && *self.role == *key.role
            && self.trusted == key.trusted
            && self.operation == key.operation.as_deref()
    }
}

struct Entry {
    document: Document,
    plans: RwLock<Vec<Arc<Prepared>>>,
}

impl PlanCache {
    pub(crate) fn new() -> Self {
        Self { documents: Cache::new(MAX_DOCUMENTS) }
    }

    /// The plan for a request: one that is there and whose assumptions hold, or a new one. `permit` is asked about
    /// a document that is not there yet, and `schema` for the role's API where a plan is to be made.
    pub(crate) fn prepare(
        &self,
        schema: impl FnOnce() -> Arc<RoleSchema>,
        permit: impl FnOnce(&Document) -> Result<(), GraphqlError>,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Arc<Prepared>, GraphqlError> {
        let key = KeyRef {
            role: session.role(),
            trusted: session.is_trusted(),
            operation: request.operation_name.as_deref(),
            query: &request.query,
        };
        let entry = if let Some(known) = self.documents.get(&key) {
            known
        } else {
            let document = Document::parse(&request.query)?;
            permit(&document)?;
            Arc::new(Entry { document, plans: RwLock::new(Vec::new()) })
        };
        if let Some(known) = entry.find(request) {
            return Ok(known);
        }
        let made = Arc::new(make(&schema(), session, request, &entry.document)?);
        entry.add(made.clone());
        if request.query.len() <= MAX_CACHED_BYTES {
            self.documents.insert(key.to_key(), entry);
        }
        metrics::counter!("graphql_plans_made_total").increment(1);
        Ok(made)
    }
}

impl KeyRef<'_> {
    fn to_key(&self) -> Key {
        Key {
            role: self.role.into(),
            trusted: self.trusted,
            operation: self.operation.map(str::to_owned),
            query: self.query.into(),
        }
    }
}

impl Entry {
    fn find(&self, request: &GraphqlRequest) -> Option<Arc<Prepared>> {
        let plans = self.plans.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        plans.iter().find(|prepared| prepared.fits(request)).cloned()
    }

    fn add(&self, prepared: Arc<Prepared>) {
        let mut plans = self.plans.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if plans.len() == MAX_PLANS {
            plans.remove(0);
        }
        plans.push(prepared);
    }
}

impl Prepared {
    /// The request's variables with this plan's defaults.
    pub(crate) fn variables<'a>(&self, request: &'a GraphqlRequest) -> Variables<'a> {
        Variables::new(&request.variables, &self.defaults)
    }

    /// Whether the plan is good for a request with the same document.
    fn fits(&self, request: &GraphqlRequest) -> bool {
        if request.variables.len() > self.plan.variables.len()
            || !request.variables.keys().all(|name| self.plan.variables.contains(name))
        {
            return false;
        }
        let variables = self.variables(request);
        self.plan.assumptions.iter().all(|assumption| assumption.holds(&variables))
    }
}

fn make(
    schema: &RoleSchema,
    session: &Session,
    request: &GraphqlRequest,
    document: &Document,
) -> Result<Prepared, GraphqlError> {
    let operation = request.operation_name.as_deref();
    let plan = plan(schema, document, operation, &request.variables, session)?;
    let statements = statements(&plan);
    let sharing = shared(&plan).map(Sharing::new);
    let defaults = document.defaults(operation)?;
    Ok(Prepared { plan, statements, sharing, defaults })
}
