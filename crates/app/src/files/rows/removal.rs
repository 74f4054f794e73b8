//! What goes out of the store, as the book (`stored_objects`) has it: given up, claimed by whoever removes it, and struck
//! out when it is gone for good. Nothing is removed that is somebody's.

use base::ids::FileId;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{Rows, timestamp};
use crate::files::error::FilesError;
use crate::files::store::ObjectKey;

const OBJECTS: &str = "query objects($id: uuid!) {
  stored_objects(where: { fileId: { _eq: $id } }) { key uploadId }
}";

const GARBAGE: &str = "query garbage($now: timestamptz!, $again: timestamptz!, $limit: Int!) {
  stored_objects(
    where: {
      fileId: { _is_null: true }
      _and: [
        { _or: [{ expectedUntil: { _is_null: true } }, { expectedUntil: { _lt: $now } }] }
        { _or: [{ triedAt: { _is_null: true } }, { triedAt: { _lt: $again } }] }
      ]
    }
    order_by: [{ triedAt: asc_nulls_first }]
    limit: $limit
  ) { key uploadId }
}";

const STALE: &str = "query stale($now: timestamptz!, $limit: Int!) {
  stored_objects(
    where: { isCurrent: { _eq: false }, fileId: { _is_null: false }, expectedUntil: { _lt: $now } }
    limit: $limit
  ) { key fileId file { isUploaded upload { key } } }
}";

/// What a file shows by now stays. What was on its way may still arrive, until its time is over; it counts for nobody, for
/// nobody had it.
const LET_GO: &str = "mutation letGo($id: uuid!, $keys: [String!]!, $until: timestamptz!) {
  turn: updateFile(pk_columns: { id: $id }, _set: { id: $id }) { id }
  sooner: update_stored_objects(
    where: { key: { _in: $keys }, isCurrent: { _eq: false }, expectedUntil: { _gt: $until } }
    _set: { expectedUntil: $until }
  ) { affected_rows }
  update_stored_objects(
    where: { key: { _in: $keys }, isCurrent: { _eq: false } }, _set: { fileId: null, size: 0, triedAt: null }
  ) { affected_rows }
}";

/// Whoever claims an object removes it, and nobody else for a while.
const CLAIM: &str = "mutation claim($keys: [String!]!, $now: timestamptz!, $again: timestamptz!) {
  update_stored_objects(
    where: {
      key: { _in: $keys }, fileId: { _is_null: true }
      _or: [{ triedAt: { _is_null: true } }, { triedAt: { _lt: $again } }]
    }
    _set: { triedAt: $now }
  ) { returning { key uploadId } }
}";

const STRIKE_OUT: &str = "mutation strikeOut($key: String!, $now: timestamptz!) {
  delete_stored_objects(
    where: {
      key: { _eq: $key }, fileId: { _is_null: true }
      _or: [{ expectedUntil: { _is_null: true } }, { expectedUntil: { _lt: $now } }]
    }
  ) { affected_rows }
}";

const NOT_REMOVED: &str = "mutation notRemoved($key: String!, $now: timestamptz!, $problem: String!) {
  update_stored_objects(
    where: { key: { _eq: $key } }, _inc: { tries: 1 }, _set: { triedAt: $now, problem: $problem }
  ) { affected_rows }
}";

/// An object that is nobody's any more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Garbage {
    /// Where it is.
    pub(in crate::files) key: ObjectKey,
    /// The store's name of an upload in parts, where one was under way.
    pub(in crate::files) upload_id: Option<String>,
}

/// An object that was expected and did not come in time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::files) struct Stale {
    /// Where it would be.
    pub(in crate::files) key: ObjectKey,
    /// Of which file it would be.
    pub(in crate::files) file_id: FileId,
    file: StaleFile,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StaleFile {
    is_uploaded: Option<bool>,
    upload: Option<Awaited>,
}

#[derive(Debug, Deserialize)]
struct Awaited {
    key: ObjectKey,
}

impl Stale {
    /// Whether the file shows another object, or waits for another: then the row stays.
    pub(in crate::files) fn has_another(&self) -> bool {
        let upload = self.file.upload.as_ref();
        self.file.is_uploaded == Some(true) || upload.is_some_and(|upload| upload.key != self.key)
    }
}

impl Rows {
    /// All objects of the file `id`, those under way included.
    pub(in crate::files) async fn objects(&self, id: FileId) -> Result<Vec<Garbage>, FilesError> {
        self.garbage_of(OBJECTS, json!({ "id": id })).await
    }

    /// Some of the objects that are nobody's, and were not tried to be removed since `again`.
    pub(in crate::files) async fn garbage(
        &self,
        now: i64,
        again: i64,
        at_most: usize,
    ) -> Result<Vec<Garbage>, FilesError> {
        let variables = json!({ "now": timestamp(now), "again": timestamp(again), "limit": at_most });
        self.garbage_of(GARBAGE, variables).await
    }

    async fn garbage_of(&self, document: &str, variables: Value) -> Result<Vec<Garbage>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            stored_objects: Vec<Garbage>,
        }
        let data: Data = self.as_service(document, variables).await?;
        Ok(data.stored_objects)
    }

    /// Some of the objects that were expected and did not come in time.
    pub(in crate::files) async fn stale(&self, now: i64, at_most: usize) -> Result<Vec<Stale>, FilesError> {
        #[derive(Deserialize)]
        struct Data {
            stored_objects: Vec<Stale>,
        }
        let data: Data = self.as_service(STALE, json!({ "now": timestamp(now), "limit": at_most })).await?;
        Ok(data.stored_objects)
    }

    /// Takes the objects at `keys` from the file `id`, unless they became what it shows. What may still arrive of them has
    /// come at `until` (unix seconds) at the latest.
    pub(in crate::files) async fn let_go(
        &self,
        id: FileId,
        keys: &[&ObjectKey],
        until: i64,
    ) -> Result<(), FilesError> {
        let variables = json!({ "id": id, "keys": keys, "until": timestamp(until) });
        self.as_service::<IgnoredAny>(LET_GO, variables).await?;
        Ok(())
    }

    /// Those of the objects at `keys` that are nobody's, and that nobody else has tried to remove since `again`: the caller
    /// removes them.
    pub(in crate::files) async fn claim(
        &self,
        keys: &[&ObjectKey],
        now: i64,
        again: i64,
    ) -> Result<Vec<Garbage>, FilesError> {
        #[derive(Deserialize)]
        struct Claimed {
            returning: Vec<Garbage>,
        }
        #[derive(Deserialize)]
        struct Data {
            update_stored_objects: Claimed,
        }
        let variables = json!({ "keys": keys, "now": timestamp(now), "again": timestamp(again) });
        let data: Data = self.as_service(CLAIM, variables).await?;
        Ok(data.update_stored_objects.returning)
    }

    /// Strikes out an object that is gone from the store, unless it may still arrive there.
    pub(in crate::files) async fn strike_out(&self, key: &ObjectKey, now: i64) -> Result<(), FilesError> {
        self.as_service::<IgnoredAny>(STRIKE_OUT, json!({ "key": key, "now": timestamp(now) })).await?;
        Ok(())
    }

    /// Notes that an object could not be removed, and why.
    pub(in crate::files) async fn not_removed(
        &self,
        key: &ObjectKey,
        now: i64,
        problem: &str,
    ) -> Result<(), FilesError> {
        let problem: String = problem.chars().take(500).collect();
        let variables = json!({ "key": key, "now": timestamp(now), "problem": problem });
        self.as_service::<IgnoredAny>(NOT_REMOVED, variables).await?;
        Ok(())
    }
}
