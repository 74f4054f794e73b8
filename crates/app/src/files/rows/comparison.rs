//! The book as it is compared with the store.

use base::ids::FileId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::Role;
use super::files::Affected;
use super::Rows;
use crate::files::compare::{Book, Line, Unlisted};
use crate::files::error::FilesError;
use crate::files::store::ObjectKey;

/// Lines, or files, that are read in one go.
const PAGE: usize = 1000;

const LINES: &str = "query lines($after: String!, $limit: Int!) {
  stored_objects(where: { key: { _gt: $after } }, order_by: [{ key: asc }], limit: $limit) {
    key size role isCurrent fileId
  }
}";

const LINE: &str = "query line($key: String!) {
  stored_objects(where: { key: { _eq: $key } }) { key size role isCurrent fileId }
}";

const UNLISTED: &str = "query unlisted($after: uuid!, $limit: Int!) {
  files(
    where: {
      isUploaded: { _eq: true }
      id: { _gt: $after }
      _not: { objects: { role: { _eq: \"content\" }, isCurrent: { _eq: true } } }
    }
    order_by: [{ id: asc }]
    limit: $limit
  ) { id name }
}";

/// It is written down as nobody's first, so that whatever breaks off, housekeeping removes it.
const GIVE_UP: &str = "mutation giveUp($key: String!, $size: bigint!) {
  insert_stored_objects(
    objects: [{ key: $key, size: $size }]
    on_conflict: { constraint: stored_objects_pkey, update_columns: [] }
  ) { affected_rows }
}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineRow {
    key: String,
    size: u64,
    role: Role,
    is_current: bool,
    file_id: Option<FileId>,
}

impl From<LineRow> for Line {
    fn from(row: LineRow) -> Self {
        Self {
            key: row.key,
            size: row.size,
            is_content: row.role == Role::Content,
            shown_by: row.file_id.filter(|_| row.is_current),
        }
    }
}

impl Rows {
    async fn lines_of(&self, document: &str, variables: Value) -> Result<Vec<Line>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            stored_objects: Vec<LineRow>,
        }
        let data: Data = self.as_service(document, variables).await?;
        Ok(data.stored_objects.into_iter().map(Line::from).collect())
    }

    /// Writes an object down as nobody's. False where the book knows it by now.
    pub(in crate::files) async fn give_up(&self, key: &ObjectKey, size: u64) -> Result<bool, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            insert_stored_objects: Affected,
        }
        let data: Data = self.as_service(GIVE_UP, json!({ "key": key, "size": size })).await?;
        Ok(data.insert_stored_objects.affected_rows > 0)
    }
}

impl Book for Rows {
    type Error = FilesError;

    async fn lines(&self, after: &str) -> Result<Vec<Line>, FilesError> {
        self.lines_of(LINES, json!({ "after": after, "limit": PAGE })).await
    }

    async fn line(&self, key: &str) -> Result<Option<Line>, FilesError> {
        Ok(self.lines_of(LINE, json!({ "key": key })).await?.pop())
    }

    async fn unlisted(&self, after: FileId) -> Result<Vec<Unlisted>, FilesError> {
        #[derive(Deserialize)]
        struct Row {
            id: FileId,
            name: Option<String>,
        }
        #[derive(Deserialize)]
        struct Data {
            files: Vec<Row>,
        }
        let data: Data = self.as_service(UNLISTED, json!({ "after": after, "limit": PAGE })).await?;
        let unlisted = |row: Row| Unlisted { id: row.id, name: row.name.unwrap_or_default() };
        Ok(data.files.into_iter().map(unlisted).collect())
    }
}
