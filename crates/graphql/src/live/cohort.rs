//! A cohort: everybody who watches the same query with the same values. It is read once for all of them.

use std::sync::Arc;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use changes::Interest;
use db::Pool;
use tokio::sync::watch;

use super::CohortKey;
use super::dependencies::dependencies;
use super::read::read_current;
use crate::execute::{Earlier, Moment, Values, bind};
use crate::plan_cache::Prepared;
use crate::sql::{Statement, Statements};

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
            let values = Values { session, variables: &variables, moment: Moment::default() };
            let bound = bind(&statement(&prepared)?.parameters, values, Earlier::default())?;
            let bound = bound.into_iter().map(|text| text.0.map(std::borrow::Cow::into_owned)).collect();
            (bound, dependencies(&prepared.plan, values)?)
        };
        let key = CohortKey { plan: Arc::as_ptr(&prepared) as usize, values };
        Ok(Self { key, interests, prepared, pool, session: session.clone(), request: request.clone() })
    }

    /// Reads the query, such that the transactions `woken_by` are visible to it. Gives up when nobody waits for it.
    pub(super) async fn read(&self, woken_by: &[u64], watched: &watch::Sender<State>) -> State {
        match self.try_read(woken_by, watched).await {
            Ok(data) => State::Known(data),
            Err(error) => State::Failed(error),
        }
    }

    async fn try_read(
        &self,
        woken_by: &[u64],
        watched: &watch::Sender<State>,
    ) -> Result<Bytes, GraphqlError> {
        let statement = statement(&self.prepared)?;
        let variables = self.prepared.variables(&self.request);
        let moment = Moment { woken_by, position: &[] };
        let values = Values { session: &self.session, variables: &variables, moment };
        let parameters = bind(&statement.parameters, values, Earlier::default())?;
        let wanted = || !watched.is_closed();
        Ok(read_current(&self.pool, statement, &parameters, wanted).await?.data)
    }
}

fn statement(prepared: &Prepared) -> Result<&Statement, GraphqlError> {
    match &prepared.statements {
        Statements::Live(statement) => Ok(statement),
        _ => Err(GraphqlError::new("unexpected", "$", "this is no subscription")),
    }
}
