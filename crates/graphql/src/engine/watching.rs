//! Watching a subscription across changes of the API: each new one plans it anew, and what has not changed is not
//! told again. A subscription that the new API refuses ends with its error.

use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use super::{Caller, Engine};
use crate::live::Place;
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
    said: Option<Said>,
    /// The state that was told last.
    told: Option<Bytes>,
    /// Where it stands, if it is a stream.
    place: Place,
}

/// What a plan of the subscription says.
enum Said {
    /// States, of which the same need not be told twice.
    States(States),
    /// Batches of rows, or one answer: each is told.
    Answers(States),
}

/// The states of a subscription; a query or mutation answers once.
pub(super) fn watch(engine: Engine, caller: Caller, session: Session, request: GraphqlRequest) -> States {
    let generation = engine.inner.shared.generation.subscribe();
    let (said, told, place) = (None, None, Place::default());
    let watching = Watching { engine, caller, session, request, generation, said, told, place };
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
            if self.said.is_none() {
                match self.begin() {
                    Ok(said) => self.said = Some(said),
                    Err(error) => return Some(Err(error)),
                }
            }
            let (is_state, answers) = match self.said.as_mut()? {
                Said::States(states) => (true, states),
                Said::Answers(answers) => (false, answers),
            };
            let answer = tokio::select! {
                biased;
                Ok(()) = self.generation.changed() => {
                    self.said = None;
                    continue;
                }
                answer = answers.next() => answer?,
            };
            match answer {
                Ok(data) if is_state && self.told.as_ref() == Some(&data) => {}
                Ok(data) => {
                    self.told = is_state.then(|| data.clone());
                    return Some(Ok(data));
                }
                Err(error) if error.code == "unexpected" && self.is_outdated().await => self.said = None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn begin(&mut self) -> Result<Said, GraphqlError> {
        self.generation.mark_unchanged();
        let (prepared, limited) = self.engine.prepare(self.caller, &self.session, &self.request)?;
        let live = &self.engine.inner.live;
        let (session, request) = (self.session.clone(), self.request.clone());
        Ok(match prepared.statements {
            Statements::Live(_) => Said::States(live.watch(prepared, limited, &session, &request)),
            Statements::Stream(_) => {
                Said::Answers(live.stream(prepared, limited, self.place.clone(), &session, request))
            }
            _ => {
                // What answers once must not run again with the next API.
                self.generation = watch::channel(0).1;
                let (engine, caller) = (self.engine.clone(), self.caller);
                let run = async move { engine.execute_for(caller, &session, &request).await };
                Said::Answers(stream::once(run).boxed())
            }
        })
    }

    /// Whether the API that an error came from is replaced, now or soon.
    async fn is_outdated(&mut self) -> bool {
        self.engine.inner.shared.doubt.notify_one();
        matches!(tokio::time::timeout(DOUBT, self.generation.changed()).await, Ok(Ok(())))
    }
}
