//! One statement and one commit for requests that arrive together. A request that finds its plan at work waits for that
//! work's end, never for company, and is then taken along with all others that came in the meantime.
//!
//! Where the statement fails, it is rolled back and each of its requests runs alone: what a client is told, and what
//! stays in the database, is what it would have been without this. See [`crate::sql::shared`] for what may share.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::project::GraphqlError;
use bytes::Bytes;
use db::tokio_postgres::Row;
use db::tokio_postgres::types::ToSql;
use db::{Pool, RawJson, Text};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Earlier, Values, bind, failed, unexpected};
use crate::expression::Value;
use crate::sql::{SharedInsert, SharedStatement};
use crate::value::text;

/// How many requests share a statement at most.
const MAX_REQUESTS: usize = 16;

/// How many statements of one plan are under way at a time, so that one can wait for the disk while another works.
const MAX_RUNNING: usize = 2;

/// How many requests wait for their turn; those beyond run alone.
const MAX_WAITING: usize = 512;

/// How long a request waits for its turn, then it runs alone: a statement that is held up by somebody's lock holds up
/// nobody who has nothing to do with it.
const WAIT: Duration = Duration::from_millis(250);

/// The requests of one plan that are under way. Cloning is cheap, and clones are the same.
#[derive(Clone)]
pub(crate) struct Sharing(Arc<Inner>);

struct Inner {
    insert: SharedInsert,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    running: usize,
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
    /// PostgreSQL does not take the shared statement; the plan is used alone.
    unfit: bool,
}

struct Waiting {
    ticket: u64,
    request: Request,
    outcome: oneshot::Sender<Outcome>,
}

/// The texts of one request's values, for the statement that writes and the one that reads.
struct Request {
    write: Vec<Option<String>>,
    read: Vec<Option<String>>,
}

/// What became of a request that waited.
enum Outcome {
    /// It is committed: the JSON of its answer.
    Answered(Vec<u8>),
    /// It is nobody's but its own: it is to run alone, with the turn, or without one where a shared statement failed.
    Alone(Option<Turn>),
    /// Nobody knows what stayed of it.
    Failed(GraphqlError),
}

/// How a request goes on.
pub(crate) enum Entry {
    /// Alone; others wait while the turn is held.
    Alone(Option<Turn>),
    /// It was run with others: its `data`.
    Shared(Bytes),
}

/// The right to run a statement of the plan. When it is dropped, it passes to those who wait.
pub(crate) struct Turn {
    sharing: Sharing,
    pool: Pool,
}

enum Place {
    Turn,
    Wait(u64, oneshot::Receiver<Outcome>),
    Full,
}

impl Sharing {
    pub(crate) fn new(insert: SharedInsert) -> Self {
        Self(Arc::new(Inner { insert, queue: Mutex::default() }))
    }

    /// Finds out whether a request runs alone, and if it does not, runs it with others.
    pub(crate) async fn enter(&self, pool: &Pool, values: Values<'_>) -> Result<Entry, GraphqlError> {
        if self.queue().take_turn() {
            return Ok(Entry::Alone(Some(self.turn(pool))));
        }
        let SharedInsert { write, read, .. } = &self.0.insert;
        let read = read.as_ref().map_or(Ok(Vec::new()), |read| texts(&read.values, values))?;
        let request = Request { write: texts(&write.values, values)?, read };
        let place = self.queue().place(request);
        match place {
            Place::Turn => Ok(Entry::Alone(Some(self.turn(pool)))),
            Place::Full => Ok(Entry::Alone(None)),
            Place::Wait(ticket, outcome) => self.wait(ticket, outcome).await,
        }
    }

    async fn wait(
        &self,
        ticket: u64,
        mut outcome: oneshot::Receiver<Outcome>,
    ) -> Result<Entry, GraphqlError> {
        let outcome = match timeout(WAIT, &mut outcome).await {
            Ok(outcome) => outcome,
            Err(_) if self.queue().leave(ticket) => return Ok(Entry::Alone(None)),
            // It is under way, and the statement has a limit of its own.
            Err(_) => outcome.await,
        };
        match outcome {
            Ok(Outcome::Answered(json)) => Ok(Entry::Shared(self.data(&json))),
            Ok(Outcome::Alone(turn)) => Ok(Entry::Alone(turn)),
            Ok(Outcome::Failed(error)) => Err(error),
            Err(_) => Err(unexpected()),
        }
    }

    fn data(&self, json: &[u8]) -> Bytes {
        [b"{\"", self.0.insert.key.as_str().as_bytes(), b"\":", json, b"}"].concat().into()
    }

    fn turn(&self, pool: &Pool) -> Turn {
        Turn { sharing: self.clone(), pool: pool.clone() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the statement of those who waited, and tells each what became of it.
    async fn run(&self, pool: &Pool, batch: Vec<Waiting>) {
        let (requests, outcomes): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.request, waiting.outcome)).unzip();
        metrics::counter!("graphql_shared_requests_total").increment(requests.len() as u64);
        let result = run_all(pool, &self.0.insert, &requests).await;
        let label = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("graphql_shared_statements_total", "result" => label).increment(1);
        let mut answers = match result {
            Ok(answers) => answers.into_iter().map(Outcome::Answered).collect(),
            Err(Failure::RolledBack { for_good }) => {
                self.queue().unfit |= for_good;
                Vec::new()
            }
            Err(Failure::Unknown(error)) => requests.iter().map(|_| Outcome::Failed(error.clone())).collect(),
        }
        .into_iter();
        for outcome in outcomes {
            // Whoever has gone away does not hear of it; the row stands as if the connection had broken a moment later.
            let _ = outcome.send(answers.next().unwrap_or(Outcome::Alone(None)));
        }
    }
}

impl Queue {
    fn take_turn(&mut self) -> bool {
        let free = self.running < MAX_RUNNING;
        self.running += usize::from(free);
        free
    }

    fn place(&mut self, request: Request) -> Place {
        if self.unfit || self.waiting.len() >= MAX_WAITING {
            return Place::Full;
        }
        if self.take_turn() {
            return Place::Turn;
        }
        let (sender, receiver) = oneshot::channel();
        self.next_ticket += 1;
        self.waiting.push_back(Waiting { ticket: self.next_ticket, request, outcome: sender });
        Place::Wait(self.next_ticket, receiver)
    }

    /// Gives up waiting; `false` where the request is under way already.
    fn leave(&mut self, ticket: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        self.waiting.len() < before
    }

    /// Those who are next. With none, a turn less is taken.
    fn next(&mut self) -> Vec<Waiting> {
        if self.waiting.is_empty() {
            self.running -= 1;
        }
        let most = self.waiting.len().min(MAX_REQUESTS);
        self.waiting.drain(..most).collect()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut next = self.sharing.queue().next();
        let turn = match next.len() {
            0 => return,
            _ => self.sharing.turn(&self.pool),
        };
        if next.len() == 1 {
            // Nobody to share with. Where this one has gone away, the turn comes back and is dropped again.
            let alone = next.pop().map(|waiting| waiting.outcome.send(Outcome::Alone(Some(turn))));
            drop(alone);
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // A task of its own: the one who had the turn may be dropped at any moment.
            runtime.spawn(async move { turn.sharing.run(&turn.pool, next).await });
        }
    }
}

/// Why a shared statement has no answers.
enum Failure {
    /// Nothing of it stayed. `for_good`: nor will it ever.
    RolledBack { for_good: bool },
    /// Its connection broke or was not there.
    Unknown(GraphqlError),
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        let code = error.sqlstate().map(|code| code.code().to_owned()).unwrap_or_default();
        match code.get(..2) {
            // Only an answer of the server's says for certain that nothing stayed; these may come without one.
            None | Some("08" | "58" | "XX") => Self::Unknown(failed(&error, "$", "$")),
            Some("57") if code != "57014" => Self::Unknown(failed(&error, "$", "$")),
            // A rule of the project's may fail with any code; only what cannot be prepared never can.
            class => {
                let unknown = class == Some("42");
                Self::RolledBack { for_good: unknown && matches!(error, db::Error::Prepare(_)) }
            }
        }
    }
}

/// Runs the requests as one, and gives their answers in their order.
async fn run_all(pool: &Pool, insert: &SharedInsert, requests: &[Request]) -> Result<Vec<Vec<u8>>, Failure> {
    let write = lists(&insert.write, requests, |request| &request.write);
    let Some(read) = &insert.read else {
        let rows = pool.query(&insert.write.sql, &parameters(&write)).await?;
        return answers(&rows, requests.len());
    };
    let mut transaction = pool.begin().await?;
    let rows = transaction.query(&insert.write.sql, &parameters(&write)).await?;
    let rows = answers(&rows, requests.len())?;
    let rows: Vec<_> = rows.into_iter().map(|row| String::from_utf8(row).ok()).collect();
    let rows = Text::from(text::array(&rows));
    let read_values = lists(read, requests, |request| &request.read);
    let mut read_parameters = parameters(&read_values);
    read_parameters.push(&rows);
    let rows = transaction.query(&read.sql, &read_parameters).await?;
    let answers = answers(&rows, requests.len())?;
    transaction.commit().await?;
    Ok(answers)
}

/// For each of a statement's values what all requests have for it.
fn lists<'a>(
    statement: &SharedStatement,
    requests: &'a [Request],
    values: impl Fn(&'a Request) -> &'a [Option<String>],
) -> Vec<Vec<Option<&'a str>>> {
    let of = |place: usize| {
        requests.iter().map(|request| values(request).get(place).and_then(Option::as_deref)).collect()
    };
    (0..statement.values.len()).map(of).collect()
}

fn parameters<'a>(lists: &'a [Vec<Option<&str>>]) -> Vec<&'a (dyn ToSql + Sync)> {
    lists.iter().map(|list| list as &(dyn ToSql + Sync)).collect()
}

/// The second column of each request's row, in the order of their numbers, which is the first.
fn answers(rows: &[Row], requests: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let mut answers = vec![None; requests];
    for row in rows {
        let number: i64 = row.try_get(0).map_err(|_| Failure::Unknown(unexpected()))?;
        let RawJson(json) = row.try_get(1).map_err(|_| Failure::Unknown(unexpected()))?;
        let place = usize::try_from(number - 1).ok().and_then(|place| answers.get_mut(place));
        *place.ok_or_else(|| Failure::Unknown(unexpected()))? = Some(json.to_vec());
    }
    answers.into_iter().collect::<Option<_>>().ok_or_else(|| Failure::Unknown(unexpected()))
}

fn texts(parameters: &[Value], values: Values<'_>) -> Result<Vec<Option<String>>, GraphqlError> {
    let bound = bind(parameters, values, Earlier::default())?;
    Ok(bound.into_iter().map(|Text(text)| text.map(Cow::into_owned)).collect())
}
