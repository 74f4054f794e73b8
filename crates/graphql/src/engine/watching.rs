//! Watching a subscription across changes of the API: each new one plans it anew, and what has not changed is not
//! told again. A subscription that the new API refuses ends with its error.

use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use super::{Caller, Engine};
use crate::sql::Statements;

/// How long a reading that failed waits for a new API that would explain it.
const DOUBT: Duration = Duration::from_secs(8);

type States = BoxStream<'static, Result<Bytes, GraphqlError>>;

struct Watching {
    engine: Engine,
    caller: Caller,
    session: Session,
    request: GraphqlRequest,
    generation: watch::Receiver<u64>,
    states: Option<States>,
    told: Option<Bytes>,
}

/// The states of a subscription; a query or mutation answers once.
pub(super) fn watch(engine: Engine, caller: Caller, session: Session, request: GraphqlRequest) -> States {
    let generation = engine.inner.shared.generation.subscribe();
    let watching = Watching { engine, caller, session, request, generation, states: None, told: None };
    stream::unfold(Some(watching), |watching| async move {
        let mut watching = watching?;
        match watching.next().await? {
            Ok(data) => Some((Ok(data), Some(watching))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

impl Watching {
    /// The next thing to tell; `None` when there is nothing more.
    async fn next(&mut self) -> Option<Result<Bytes, GraphqlError>> {
        loop {
            if self.states.is_none() {
                match self.begin() {
                    Ok(states) => self.states = Some(states),
                    Err(error) => return Some(Err(error)),
                }
            }
            let states = self.states.as_mut()?;
            let state = tokio::select! {
                biased;
                Ok(()) = self.generation.changed() => {
                    self.states = None;
                    continue;
                }
                state = states.next() => state?,
            };
            match state {
                Ok(data) if self.told.as_ref() == Some(&data) => {}
                Ok(data) => {
                    self.told = Some(data.clone());
                    return Some(Ok(data));
                }
                Err(error) if error.code == "unexpected" && self.is_outdated().await => self.states = None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn begin(&mut self) -> Result<States, GraphqlError> {
        self.generation.mark_unchanged();
        let (prepared, limited) = self.engine.prepare(self.caller, &self.session, &self.request)?;
        if matches!(prepared.statements, Statements::Live(_)) {
            return Ok(self.engine.inner.live.watch(prepared, limited, &self.session, &self.request));
        }
        let (engine, caller) = (self.engine.clone(), self.caller);
        let (session, request) = (self.session.clone(), self.request.clone());
        // What answers once must not run again with the next API.
        self.generation = watch::channel(0).1;
        Ok(stream::once(async move { engine.execute_for(caller, &session, &request).await }).boxed())
    }

    /// Whether the API that an error came from is replaced, now or soon.
    async fn is_outdated(&mut self) -> bool {
        self.engine.inner.shared.doubt.notify_one();
        matches!(tokio::time::timeout(DOUBT, self.generation.changed()).await, Ok(Ok(())))
    }
}
