//! What ends by time: who was writing, who was there, which chats were silent.
//!
//! The project's own functions end it, and the commit is what clients hear of. Here is only who calls them, every few
//! seconds; on several servers at once they pass over each other's rows.

use std::sync::Arc;
use std::time::Duration;

use base::project::{GraphqlError, GraphqlRequest, Project, fetch};
use base::session::Session;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

/// What ends, each with the call that ends it: one transaction each, so that none waits for another's rows.
const ENDINGS: [(&str, &str); 3] = [
    ("typing", "mutation { ended: sweep_typing { chatId } }"),
    ("presence", "mutation { ended: sweep_presence { id } }"),
    ("mutes", "mutation { ended: sweep_mutes { chatId } }"),
];

/// How long something may seem to last after its end.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a call may take. What it would have ended, the next one ends.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// What ended, by what it was.
const ENDED: &str = "endings_total";

/// Calls that failed, by what they would have ended.
const FAILED: &str = "endings_failed_total";

/// Ends what ends by time.
#[derive(Clone)]
pub struct Endings(Arc<dyn Project>);

#[derive(Deserialize)]
struct Answer {
    ended: Vec<IgnoredAny>,
}

impl Endings {
    /// The endings of a project's rows.
    pub fn new(project: Arc<dyn Project>) -> Self {
        metrics::describe_counter!(ENDED, "What ended by time: typing, presence (of a process), mutes.");
        metrics::describe_counter!(FAILED, "Calls that failed to end what ends by time, by what it is.");
        Self(project)
    }

    /// Ends what has ended until now, every few seconds, until `stop`.
    pub async fn keep(&self, stop: CancellationToken) {
        let keeping = async {
            let mut failing = false;
            loop {
                let result = self.sweep().await;
                match &result {
                    // Once, not at every try.
                    Err(error) if !failing => tracing::warn!(%error, "what ends by time is not ended"),
                    Ok(()) if failing => tracing::info!("what ends by time is ended again"),
                    _ => {}
                }
                failing = result.is_err();
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = keeping => {}
            () = stop.cancelled() => {}
        }
    }

    /// Ends what has ended, of each kind although another fails.
    ///
    /// # Errors
    ///
    /// The last failure.
    pub async fn sweep(&self) -> Result<(), GraphqlError> {
        let mut result = Ok(());
        for (what, call) in ENDINGS {
            match self.end(call).await {
                Ok(0) => {}
                Ok(ended) => metrics::counter!(ENDED, "what" => what).increment(ended),
                Err(error) => {
                    metrics::counter!(FAILED, "what" => what).increment(1);
                    result = Err(error);
                }
            }
        }
        result
    }

    async fn end(&self, call: &str) -> Result<u64, GraphqlError> {
        let admin = Session::admin();
        let asked = fetch::<Answer>(&*self.0, &admin, GraphqlRequest::new(call, ()));
        match tokio::time::timeout(LONGEST_CALL, asked).await {
            Ok(answer) => Ok(u64::try_from(answer?.ended.len()).unwrap_or(u64::MAX)),
            Err(_) => Err(GraphqlError::new("unavailable", "$", "no answer in time")),
        }
    }
}
