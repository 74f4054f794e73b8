//! A cohort: everybody who watches the same query with the same values. It is read once for all of them.

use std::sync::Arc;
use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use changes::Interest;
use db::Pool;
use tokio::sync::watch;

use super::CohortKey;
use super::dependencies::dependencies;
use crate::execute::{Earlier, Values, bind, read_live};
use crate::plan_cache::Prepared;
use crate::sql::{Statement, Statements};

/// How long a database that is away is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a commit that was announced may take to become visible before it is looked for again.
const SOON: Duration = Duration::from_millis(1);

/// What a cohort's members see.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// It was not read yet.
    Unknown,
    /// The query's `data`.
    Known(Bytes),
    /// It cannot be read any more.
    Failed(GraphqlError),
}

/// What is read, as whom, and for which values.
pub(super) struct Cohort {
    pub(super) key: CohortKey,
    pub(super) interests: Vec<Interest>,
    prepared: Arc<Prepared>,
    pool: Pool,
    session: Session,
    request: GraphqlRequest,
}

impl Cohort {
    pub(super) fn new(
        prepared: Arc<Prepared>,
        pool: Pool,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Self, GraphqlError> {
        let (values, interests) = {
            let variables = prepared.variables(request);
            let values = Values { session, variables: &variables, woken_by: 0 };
            let bound = bind(&statement(&prepared)?.parameters, values, Earlier::default())?;
            let bound = bound.into_iter().map(|text| text.0.map(std::borrow::Cow::into_owned)).collect();
            (bound, dependencies(&prepared.plan, values)?)
        };
        let key = CohortKey { plan: Arc::as_ptr(&prepared) as usize, values };
        Ok(Self { key, interests, prepared, pool, session: session.clone(), request: request.clone() })
    }

    /// Reads the query, such that the transaction `woken_by` is visible to it. Gives up when nobody waits for it.
    pub(super) async fn read(&self, woken_by: u64, watched: &watch::Sender<State>) -> State {
        let variables = self.prepared.variables(&self.request);
        let values = Values { session: &self.session, variables: &variables, woken_by };
        loop {
            let statement = match statement(&self.prepared) {
                Ok(statement) => statement,
                Err(error) => return State::Failed(error),
            };
            metrics::counter!("graphql_live_reads_total").increment(1);
            match read_live(&self.pool, statement, values).await {
                Ok((data, true)) => return State::Known(data),
                Ok((_, false)) => tokio::time::sleep(SOON).await,
                // The database comes back, and those who watch wait for it.
                Err(error) if error.code == "unavailable" && !watched.is_closed() => tokio::time::sleep(PAUSE).await,
                Err(error) => return State::Failed(error),
            }
        }
    }
}

fn statement(prepared: &Prepared) -> Result<&Statement, GraphqlError> {
    match &prepared.statements {
        Statements::Live(statement) => Ok(statement),
        _ => Err(GraphqlError::new("unexpected", "$", "this is no subscription")),
    }
}
