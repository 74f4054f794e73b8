//! After a crash: the rows of uploads that were cut short. Nobody can read them, but they hold their ids, so
//! that sending such a file again under the same id would be refused.

use time::OffsetDateTime;

use super::Files;
use super::error::FilesError;

/// Rows that are looked at in one go.
const BATCH: usize = 100;

impl Files {
    /// Forgets uploads that are not finished and were last touched before `unix_seconds`, bytes included, and
    /// says how many there were. Call it at start, with a time at which no other process was uploading.
    pub async fn forget_unfinished(&self, unix_seconds: i64) -> usize {
        match self.sweep(unix_seconds).await {
            Ok(forgotten) => forgotten,
            Err(error) => {
                tracing::warn!(%error, "uploads that were cut short could not be swept");
                0
            }
        }
    }

    async fn sweep(&self, unix_seconds: i64) -> Result<usize, FilesError> {
        let before = OffsetDateTime::from_unix_timestamp(unix_seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut forgotten = 0;
        loop {
            let unfinished = self.0.rows.unfinished(before, BATCH).await?;
            let mut deleted = 0;
            for id in &unfinished {
                if self.0.rows.forget(*id).await {
                    self.0.store.remove(*id).await?;
                    deleted += 1;
                }
            }
            forgotten += deleted;
            // Rows that cannot be deleted would come again for ever.
            if unfinished.len() < BATCH || deleted == 0 {
                return Ok(forgotten);
            }
        }
    }
}
