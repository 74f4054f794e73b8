//! How an engine behaves.

use changes::FeedOptions;

use crate::access::LimitOptions;
use crate::schema::SchemaOptions;

/// How the engine behaves.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// What the API looks like, where Hasura leaves a choice.
    pub schema: SchemaOptions,
    /// How live queries are woken.
    pub feed: FeedOptions,
    /// What callers may use of it.
    pub limits: LimitOptions,
    /// Whether callers may use those documents only that the metadata's allow list has (`ENABLE_ALLOWLIST`).
    pub allow_list: bool,
}
