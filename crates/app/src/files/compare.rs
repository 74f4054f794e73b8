//! The book and the store side by side: objects that no line of the book names, and files whose object is not there.
//! Both are read in the order of keys, page by page, whatever their number.

use base::ids::FileId;

use super::Files;
use super::error::FilesError;
use super::rows::Line;
use super::store::{Listed, ObjectKey};

/// Lines of the book that are read in one go.
const BATCH: usize = 1000;

/// Follows every key: none begins with a sign after `~`.
const END: &str = "~";

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// An object in the store that nobody knows: its key.
    Orphan(String),
    /// A file that shows an object which is not there.
    Broken(FileId),
}

impl Files {
    /// Compares the book with the store, and tells each difference to `found` until that says that it is enough.
    ///
    /// What is put or removed meanwhile is not told: an object is an orphan only if the book does not know it after it
    /// was listed, and a file is broken only if its object is not there when it is asked for by its name.
    pub(super) async fn compare(&self, mut found: impl FnMut(Difference) -> bool) -> Result<(), FilesError> {
        let mut after = String::new();
        loop {
            let listed = self.0.store.list(Some(after.as_str()).filter(|after| !after.is_empty())).await;
            let listed = listed.map_err(FilesError::from)?;
            let to = listed.last().map_or(END, |last| last.key.as_str()).to_owned();
            let is_last = listed.is_empty();
            for difference in self.compare_page(listed, after, &to).await? {
                if !found(difference) {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
            after = to;
        }
    }

    /// Compares what was listed with the lines after `after` and up to `to`.
    async fn compare_page(
        &self,
        listed: Vec<Listed>,
        mut after: String,
        to: &str,
    ) -> Result<Vec<Difference>, FilesError> {
        let mut objects = listed.into_iter().map(|listed| listed.key).peekable();
        let mut differences = Vec::new();
        loop {
            let lines = self.0.rows.lines(&after, to, BATCH).await?;
            for line in &lines {
                while let Some(orphan) = objects.next_if(|key| *key < line.key) {
                    differences.push(Difference::Orphan(orphan));
                }
                if objects.next_if(|key| *key == line.key).is_none() && self.is_broken(line).await? {
                    differences.extend(line.file_id.map(Difference::Broken));
                }
            }
            match lines.last() {
                Some(last) => after.clone_from(&last.key),
                None => break,
            }
        }
        differences.extend(objects.map(Difference::Orphan));
        Ok(differences)
    }

    /// Whether the object of a line that was not listed is not there.
    async fn is_broken(&self, line: &Line) -> Result<bool, FilesError> {
        let (true, Ok(key)) = (line.is_current, ObjectKey::try_from(line.key.clone())) else {
            return Ok(false);
        };
        match self.0.store.size(&key).await {
            Err(super::StoreError::Missing) => Ok(true),
            Ok(_) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes objects that nobody knows, and says which are gone. What belongs to nobody's kind of key stays.
    pub(super) async fn remove_orphans(&self, keys: Vec<String>) -> Result<Vec<String>, FilesError> {
        let mut removed = Vec::with_capacity(keys.len());
        for key in keys {
            let Ok(object) = ObjectKey::try_from(key.clone()) else { continue };
            self.0.store.remove(&object).await?;
            removed.push(key);
        }
        Ok(removed)
    }
}
