//! What is nobody's is removed: objects whose file is gone or shows another one, uploads that were cut short, and
//! attachments to which nothing refers. Several servers may do this at the same time: each step can be done twice.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Files;
use super::error::FilesError;
use super::in_parts::LIFE_SECONDS;

/// Rows that are looked at in one go.
const BATCH: usize = 100;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_mins(1);

/// How long an object that could not be removed is left alone.
const AGAIN_SECONDS: i64 = 10 * 60;

/// An upload without a line in the book that was touched this long ago was cut short.
const UNFINISHED_SECONDS: i64 = 60 * 60;

/// How often rows without a line in the book are looked for: that reads all rows of files, which have no index for it.
const SEARCH_SECONDS: i64 = 60 * 60;

/// For how long whoever finished an upload is left to check it.
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
                match self.sweep().await {
                    Ok(swept) if swept == Swept::default() => {}
                    Ok(Swept { unfinished, objects, checked, unreferenced, abandoned }) => {
                        tracing::info!(
                            unfinished,
                            objects,
                            checked,
                            unreferenced,
                            abandoned,
                            "files were tidied up"
                        );
                    }
                    Err(error) => {
                        tracing::warn!(error.code = error.code(), %error, "files are not tidied up");
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = keeping => {}
            () = stop.cancelled() => {}
        }
    }

    /// One round.
    pub async fn sweep(&self) -> Result<Swept, FilesError> {
        let now = self.now();
        let mut swept = Swept { checked: self.check_finished(now).await?, ..Swept::default() };
        swept.unfinished = self.forget_unfinished(now).await?;
        swept.unreferenced = self.remove_unreferenced(now).await?;
        swept.objects = self.remove_garbage(now).await?;
        // A server that dies between beginning an upload in parts and writing its name down leaves its folder.
        swept.abandoned = self.0.store.remove_abandoned(now - LIFE_SECONDS).await?;
        Ok(swept)
    }

    /// Checks uploads in parts whose parts had all come when a server died.
    async fn check_finished(&self, now: i64) -> Result<usize, FilesError> {
        let mut checked = 0;
        for id in self.0.rows.unchecked(now - CHECKING_SECONDS, BATCH).await? {
            match self.check_upload(id).await {
                Ok(_) => checked += 1,
                Err(error) => tracing::warn!(file.id = %id, %error, "an upload in parts is not checked"),
            }
        }
        Ok(checked)
    }

    async fn forget_unfinished(&self, now: i64) -> Result<usize, FilesError> {
        let rows = &self.0.rows;
        let mut forgotten = 0;
        for stale in rows.stale(now, BATCH).await? {
            if stale.is_uploaded() {
                rows.let_go(&[&stale.key]).await?;
            } else if rows.forget(stale.file_id).await {
                forgotten += 1;
            }
        }
        if now.saturating_sub(self.0.searched_at.load(Ordering::Relaxed)) < SEARCH_SECONDS {
            return Ok(forgotten);
        }
        for id in rows.unfinished(now - UNFINISHED_SECONDS, BATCH).await? {
            forgotten += usize::from(rows.forget(id).await);
        }
        self.0.searched_at.store(now, Ordering::Relaxed);
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
        loop {
            let garbage = self.0.rows.garbage(now, now - AGAIN_SECONDS, BATCH).await?;
            let mut gone = 0;
            for object in &garbage {
                gone += usize::from(self.remove_object(&object.key, object.upload_id.as_deref()).await);
            }
            removed += gone;
            // A store that does not answer is asked again in the next round.
            if garbage.len() < BATCH || gone == 0 {
                return Ok(removed);
            }
        }
    }
}
