//! Streams: a subscription that is told the rows behind its cursor, batch by batch, and then those that come.
//!
//! A stream moves with the rows that it was told, and only when they were: it is asked again when its listener wants
//! more. Streams that stand at the same place with the same values and were woken for the same share a read.

use std::sync::{Arc, Mutex, PoisonError};

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use changes::{Interest, Registration, Wake};
use db::{Pool, Text};
use futures::future::FutureExt;
use futures::stream::{BoxStream, StreamExt};

use super::LiveQueries;
use super::dependencies::dependencies;
use super::read::{ReadKey, read_current};
use crate::execute::{Earlier, LiveAnswer, Moment, Values, bind};
use crate::expression::Value;
use crate::plan::{Action, Stream};
use crate::plan_cache::Prepared;
use crate::sql::{Statement, Statements};

/// Where a stream stands, as PostgreSQL's texts.
type Position = Vec<Option<String>>;

/// Where a stream stands, kept by its listener from one plan of it to the next.
#[derive(Clone, Default)]
pub(crate) struct Place(Arc<Mutex<Option<Position>>>);

impl Place {
    fn known(&self) -> Option<Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, position: &Position) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(position.clone());
    }
}

/// One subscription to a stream.
struct Follower {
    queries: LiveQueries,
    pool: Pool,
    place: Place,
    prepared: Arc<Prepared>,
    session: Session,
    request: GraphqlRequest,
    interests: Vec<Interest>,
    position: Position,
    /// How many rows a full batch has; behind it there may be more.
    full: u64,
}

/// A follower that hears of changes, and what it was woken for while it has not yet read all of it.
struct Following {
    follower: Follower,
    registration: Registration,
    wake: Option<Wake>,
    _open: Open,
}

impl LiveQueries {
    /// Follows a stream from `place` on, or from its beginning: its batches, of one row at least each. It ends after an
    /// error. `limited` is the pool to read it with, where it is not the usual one.
    pub(crate) fn stream(
        &self,
        prepared: Arc<Prepared>,
        limited: Option<Pool>,
        place: Place,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        let pool = limited.unwrap_or_else(|| self.0.pool.clone());
        match Follower::new(self, prepared, pool, place, session, request) {
            Ok(follower) => follower.batches(),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }
}

impl Follower {
    fn new(
        queries: &LiveQueries,
        prepared: Arc<Prepared>,
        pool: Pool,
        place: Place,
        session: &Session,
        request: GraphqlRequest,
    ) -> Result<Self, GraphqlError> {
        let (position, full, interests) = {
            let (_, stream) = parts(&prepared)?;
            let variables = prepared.variables(&request);
            let values = Values { session, variables: &variables, moment: Moment::default() };
            let start = || bound(&stream.start, values).map(|start| vec![start]);
            let mut position = place.known().map_or_else(start, Ok)?;
            position.resize(stream.cursor.len(), None);
            (position, full(stream, values)?, dependencies(&prepared.plan, values)?)
        };
        let (queries, session) = (queries.clone(), session.clone());
        let new = Self { queries, pool, place, prepared, session, request, interests, position, full };
        // What is wrong with a value is said at once.
        new.parameters(&Wake::default())?;
        Ok(new)
    }

    fn batches(self) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        let registration = self.queries.0.interests.register(self.interests.clone());
        let following = Following { follower: self, registration, wake: None, _open: Open::new() };
        futures::stream::unfold(Some(following), |following| async move {
            let mut following = following?;
            match following.next().await {
                Ok(data) => Some((Ok(data), Some(following))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    /// The next batch, which sees what `wake` names; other streams may have asked for the same one.
    async fn read(&self, wake: &Wake) -> Result<LiveAnswer, GraphqlError> {
        let plan = Arc::as_ptr(&self.prepared) as usize;
        let key = ReadKey { plan, values: self.parameters(wake)?, round: wake.round };
        let read = self.queries.0.shared_reads.share(key, |key| {
            let (queries, prepared, pool) = (self.queries.clone(), self.prepared.clone(), self.pool.clone());
            let parameters = key.values.clone();
            async move {
                let (statement, _) = parts(&prepared)?;
                let _turn = queries.0.reads.acquire().await;
                read_current(&pool, statement, &parameters, || true).await
            }
            .boxed()
        });
        read.await
    }

    fn parameters(&self, wake: &Wake) -> Result<Vec<Text<'static>>, GraphqlError> {
        let (statement, _) = parts(&self.prepared)?;
        let variables = self.prepared.variables(&self.request);
        let moment = Moment { woken_by: &wake.transactions, position: &self.position };
        let values = Values { session: &self.session, variables: &variables, moment };
        let bound = bind(&statement.parameters, values, Earlier::default())?;
        Ok(bound.into_iter().map(|text| text.0.map(std::borrow::Cow::into_owned).into()).collect())
    }
}

impl Following {
    /// Waits for a batch with rows.
    async fn next(&mut self) -> Result<Bytes, GraphqlError> {
        loop {
            let wake = match self.wake.take() {
                Some(wake) => wake,
                None => self.registration.woken().await,
            };
            let batch = self.follower.read(&wake).await?;
            if batch.rows == 0 {
                continue;
            }
            self.follower.position = batch.position;
            self.follower.place.note(&self.follower.position);
            if batch.rows >= self.follower.full {
                self.wake = Some(wake);
            }
            metrics::counter!("graphql_stream_rows_total").increment(batch.rows);
            return Ok(batch.data);
        }
    }
}

/// How many rows a batch has at most: as the request says, or the role's permission.
fn full(stream: &Stream, values: Values<'_>) -> Result<u64, GraphqlError> {
    let asked = match &stream.rows.limit {
        Some(limit) => bound(limit, values)?.and_then(|text| text.parse().ok()),
        None => None,
    };
    Ok([asked, stream.rows.permission_limit].into_iter().flatten().min().unwrap_or(u64::MAX))
}

fn bound(value: &Value, values: Values<'_>) -> Result<Option<String>, GraphqlError> {
    let bound = bind(std::slice::from_ref(value), values, Earlier::default())?;
    Ok(bound.into_iter().next().and_then(|text| text.0).map(std::borrow::Cow::into_owned))
}

fn parts(prepared: &Prepared) -> Result<(&Statement, &Stream), GraphqlError> {
    match (&prepared.statements, prepared.plan.fields.first().map(|field| &field.action)) {
        (Statements::Stream(statement), Some(Action::Stream(stream))) => Ok((statement, stream)),
        _ => Err(GraphqlError::new("unexpected", "$", "this is no stream")),
    }
}

/// An open stream, as the metrics count them.
struct Open;

impl Open {
    fn new() -> Self {
        metrics::gauge!("graphql_streams").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("graphql_streams").decrement(1.0);
    }
}
