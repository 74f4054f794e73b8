//! What is nobody's is removed: objects whose file is gone or shows another one, uploads that were cut short, and
//! attachments to which nothing refers. Several servers may do this at the same time: each step can be done twice.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Files;
use super::error::FilesError;
use super::in_parts::LIFE_SECONDS;
use super::keep::AGAIN_SECONDS;
use super::meters;
use super::store::ObjectKey;

/// Rows that are looked at in one go.
const BATCH: usize = 100;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_mins(1);

/// The most goes of a step in one round; the next round goes on.
const BATCHES: usize = 100;

/// An upload without a line in the book that was touched this long ago was cut short.
const UNFINISHED_SECONDS: i64 = 60 * 60;

/// How often rows without a line in the book are looked for: that reads all rows of files, which have no index for it.
const SEARCH_SECONDS: i64 = 60 * 60;

/// For how long whoever finished an upload is left to begin to check it.
const CHECKING_SECONDS: i64 = 2 * 60;

/// For how long nothing must have referred to an attachment before it is removed.
const UNREFERENCED_SECONDS: i64 = 24 * 60 * 60;

/// Attachments that a round looks at.
const ATTACHMENTS: usize = 1000;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads that were cut short, forgotten.
    pub unfinished: usize,
    /// Objects that were removed.
    pub objects: usize,
    /// Uploads in parts that were checked.
    pub checked: usize,
    /// Attachments to which nothing referred, removed.
    pub unreferenced: usize,
    /// What was half written or in parts, and nobody's, removed.
    pub abandoned: usize,
}

impl Files {
    /// Removes what is nobody's, round after round, until `stop`.
    pub async fn keep_house(&self, stop: CancellationToken) {
        let keeping = async {
            loop {
                let (swept, _) = self.round().await;
                if swept != Swept::default() {
                    let Swept { unfinished, objects, checked, unreferenced, abandoned } = swept;
                    tracing::info!(
                        unfinished,
                        objects,
                        checked,
                        unreferenced,
                        abandoned,
                        "files were tidied up"
                    );
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = keeping => {}
            () = stop.cancelled() => {}
        }
    }

    /// One round. Each step is taken, whatever became of those before it; the first error is told at the end.
    pub async fn sweep(&self) -> Result<Swept, FilesError> {
        match self.round().await {
            (swept, None) => Ok(swept),
            (_, Some(error)) => Err(error),
        }
    }

    async fn round(&self) -> (Swept, Option<FilesError>) {
        let now = self.now();
        let mut failure = None;
        let mut done = |step: &'static str, result: Result<usize, FilesError>| {
            result.unwrap_or_else(|error| {
                tracing::warn!(step, error.code = error.code(), %error, "files are not tidied up");
                meters::count_not_tidied(step);
                failure.get_or_insert(error);
                0
            })
        };
        let mut swept =
            Swept { checked: done("check uploads", self.check_finished(now).await), ..Swept::default() };
        swept.unfinished = done("forget what did not come", self.forget_stale(now).await);
        swept.unfinished += done("forget what was cut short", self.forget_unfinished(now).await);
        swept.unreferenced = done("remove what is unreferenced", self.remove_unreferenced(now).await);
        swept.objects = done("remove objects", self.remove_garbage(now).await);
        // A server that dies between beginning an upload in parts and writing its name down leaves its folder.
        let abandoned = self.0.store.remove_abandoned(now - LIFE_SECONDS).await;
        swept.abandoned = done("remove what was abandoned", abandoned.map_err(FilesError::from));
        (swept, failure)
    }

    /// Checks uploads in parts whose parts had all come when a server died, or could not be checked.
    async fn check_finished(&self, now: i64) -> Result<usize, FilesError> {
        let mut checked = 0;
        for id in self.0.rows.unchecked(now - CHECKING_SECONDS, now, BATCH).await? {
            match self.check_upload(id).await {
                Ok(_) => checked += 1,
                Err(error) => tracing::warn!(file.id = %id, %error, "an upload in parts is not checked"),
            }
        }
        Ok(checked)
    }

    /// Forgets what was expected and did not come in time.
    async fn forget_stale(&self, now: i64) -> Result<usize, FilesError> {
        let rows = &self.0.rows;
        let mut forgotten = 0;
        for _ in 0..BATCHES {
            let stale = rows.stale(now, BATCH).await?;
            let mut settled = 0;
            for stale in &stale {
                if stale.has_another() {
                    rows.let_go(stale.file_id, &[&stale.key], now).await?;
                    settled += 1;
                } else if rows.forget(stale.file_id).await {
                    forgotten += 1;
                    settled += 1;
                }
            }
            if stale.len() < BATCH || settled == 0 {
                break;
            }
        }
        Ok(forgotten)
    }

    /// Forgets rows without a line in the book.
    async fn forget_unfinished(&self, now: i64) -> Result<usize, FilesError> {
        let rows = &self.0.rows;
        let mut forgotten = 0;
        if now.saturating_sub(self.0.searched_at.load(Ordering::Relaxed)) < SEARCH_SECONDS {
            return Ok(forgotten);
        }
        for _ in 0..BATCHES {
            let unfinished = rows.unfinished(now - UNFINISHED_SECONDS, BATCH).await?;
            let before = forgotten;
            for id in &unfinished {
                forgotten += usize::from(rows.forget(*id).await);
            }
            if unfinished.len() < BATCH || forgotten == before {
                self.0.searched_at.store(now, Ordering::Relaxed);
                break;
            }
        }
        Ok(forgotten)
    }

    async fn remove_unreferenced(&self, now: i64) -> Result<usize, FilesError> {
        let removed = self.0.rows.remove_unreferenced(now - UNREFERENCED_SECONDS, ATTACHMENTS).await?;
        for id in &removed {
            self.0.studio.forget(*id).await;
        }
        Ok(removed.len())
    }

    async fn remove_garbage(&self, now: i64) -> Result<usize, FilesError> {
        let mut removed = 0;
        for _ in 0..BATCHES {
            let garbage = self.0.rows.garbage(now, now - AGAIN_SECONDS, BATCH).await?;
            let keys: Vec<&ObjectKey> = garbage.iter().map(|object| &object.key).collect();
            let gone = self.remove_objects(&keys).await;
            removed += gone;
            // A store that does not answer is asked again in the next round.
            if garbage.len() < BATCH || gone == 0 {
                break;
            }
        }
        Ok(removed)
    }
}
