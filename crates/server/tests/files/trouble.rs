//! What may happen to what the service asks its database.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::oneshot;

/// What happens to a document on its way.
#[derive(Clone, Copy)]
pub(super) enum Trouble {
    /// It does not arrive.
    Lost,
    /// Its answer does not arrive.
    Unanswered,
    /// Nobody waits for its answer, and it arrives after so long.
    Late(Duration),
    /// It arrives after so long.
    Slow(Duration),
}

/// A project of which some documents fail as if the database were away.
#[derive(Clone)]
pub(super) struct FailingProject {
    project: Arc<dyn Project>,
    failing: Arc<Mutex<Vec<(&'static str, Trouble)>>>,
    held: Arc<Mutex<Option<Held>>>,
}

/// A document that waits before it is executed.
struct Held {
    words: &'static str,
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

impl FailingProject {
    pub(super) fn of(project: Arc<dyn Project>) -> Self {
        Self { project, failing: Arc::default(), held: Arc::default() }
    }

    /// Makes every document that contains `words` fail, and no other.
    pub(super) fn fail(&self, words: &'static str) {
        self.trouble(&[(words, Trouble::Lost)]);
    }

    /// Makes the next document that contains `words` wait: when it is there, and what lets it go on.
    pub(super) fn hold(&self, words: &'static str) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, is_there), (go_on, released)) = (oneshot::channel(), oneshot::channel());
        *self.held.lock().unwrap() = Some(Held { words, reached, released });
        (is_there, go_on)
    }

    /// Troubles the documents that contain these words, and no others.
    pub(super) fn trouble(&self, troubles: &[(&'static str, Trouble)]) {
        *self.failing.lock().unwrap() = troubles.to_vec();
    }

    pub(super) fn recover(&self) {
        self.trouble(&[]);
    }
}

impl Project for FailingProject {
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>> {
        let failing = self.failing.lock().unwrap();
        let trouble =
            failing.iter().find(|(words, _)| request.query.contains(words)).map(|(_, trouble)| *trouble);
        drop(failing);
        let held = self.held.lock().unwrap().take_if(|held| request.query.contains(held.words));
        let lost = || Err(GraphqlError::new("unavailable", "$", "no connection"));
        Box::pin(async move {
            if let Some(Held { reached, released, .. }) = held {
                let _ = reached.send(());
                let _ = released.await;
            }
            match trouble {
                None => self.project.execute(session, request).await,
                Some(Trouble::Lost) => lost(),
                Some(Trouble::Unanswered) => {
                    let _ = self.project.execute(session, request).await;
                    lost()
                }
                Some(Trouble::Slow(span)) => {
                    tokio::time::sleep(span).await;
                    self.project.execute(session, request).await
                }
                Some(Trouble::Late(span)) => {
                    let (project, session) = (Arc::clone(&self.project), session.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(span).await;
                        let _ = project.execute(&session, request).await;
                    });
                    lost()
                }
            }
        })
    }

    fn watch(
        &self,
        session: &Session,
        request: GraphqlRequest,
    ) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        self.project.watch(session, request)
    }
}
