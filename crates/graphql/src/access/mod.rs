//! How much of the API callers may use: limits of their requests, the allow list, closed introspection.
//!
//! None of it holds for the administrator. It is looked at where a document is planned; a plan that is kept was
//! permitted.

mod allow_list;
mod extent;
mod rate;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use base::project::GraphqlError;
use base::session::ADMIN_ROLE;

use crate::metadata::{ApiLimits, Limit, Metadata};
use crate::plan::Document;
use allow_list::AllowList;
use extent::extent;

pub(crate) use rate::Rates;

/// Limits that hold for all roles but the administrator, beside those of the metadata; the narrower one counts.
#[derive(Clone, Debug, Default)]
pub struct LimitOptions {
    /// How deep an operation's fields may nest.
    pub depth: Option<usize>,
    /// How many fields with a selection of their own an operation may have.
    pub nodes: Option<usize>,
    /// How many requests a batch may hold.
    pub batch: Option<usize>,
    /// How many rows a list may have, also where the request asks for no limit.
    pub rows: Option<u64>,
    /// How long a statement may run, in seconds.
    pub seconds: Option<u64>,
}

/// What the metadata and the settings allow.
#[derive(Debug)]
pub(crate) struct Access {
    options: LimitOptions,
    limits: ApiLimits,
    allow_list: Option<AllowList>,
    closed: HashSet<String>,
}

impl Access {
    /// What `metadata` allows. The allow list counts only where it is switched on.
    pub(crate) fn new(metadata: &Metadata, options: &LimitOptions, allow_list: bool) -> Self {
        let limits =
            if metadata.api_limits.disabled { ApiLimits::default() } else { metadata.api_limits.clone() };
        Self {
            options: options.clone(),
            limits,
            allow_list: allow_list.then(|| AllowList::new(metadata)),
            closed: metadata.introspection.disabled_for_roles.iter().cloned().collect(),
        }
    }

    /// Whether a role may use a document. `text` is what `document` was parsed from.
    pub(crate) fn check(
        &self,
        role: &str,
        document: &Document,
        operation: Option<&str>,
    ) -> Result<(), GraphqlError> {
        if role == ADMIN_ROLE {
            return Ok(());
        }
        if self.allow_list.as_ref().is_some_and(|list| !list.allows(role, document)) {
            let message = "query is not in any of the allowlists";
            return Err(GraphqlError::new("validation-failed", "$", message));
        }
        let depth = narrower(self.options.depth, self.limits.depth_limit.as_ref(), role);
        let nodes = narrower(self.options.nodes, self.limits.node_limit.as_ref(), role);
        if depth.is_none() && nodes.is_none() {
            return Ok(());
        }
        let extent = extent(document, operation)?;
        let refuse = |code: &'static str, what: &str, has: usize, limit: usize| {
            let message = format!("the operation has {has} {what}, and role {role:?} may use {limit}");
            Err(GraphqlError::new(code, "$", message))
        };
        match (depth, nodes) {
            (Some(limit), _) if extent.depth > limit => {
                refuse("depth-limit-exceeded", "levels of fields", extent.depth, limit)
            }
            (_, Some(limit)) if extent.nodes > limit => {
                refuse("node-limit-exceeded", "nodes", extent.nodes, limit)
            }
            _ => Ok(()),
        }
    }

    /// How many requests a role may put into a batch.
    pub(crate) fn batch(&self, role: &str) -> Option<usize> {
        let limit = narrower(self.options.batch, self.limits.batch_limit.as_ref(), role);
        limit.filter(|_| role != ADMIN_ROLE)
    }

    /// How long a role's statements may run, in seconds.
    pub(crate) fn seconds(&self, role: &str) -> Option<u64> {
        let limit = narrower(self.options.seconds, self.limits.time_limit.as_ref(), role);
        limit.filter(|_| role != ADMIN_ROLE)
    }

    /// All the different limits of time.
    pub(crate) fn all_seconds(&self) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        let limit = self.limits.time_limit.as_ref();
        let own = limit.into_iter().flat_map(|limit| limit.per_role.values().copied().chain(limit.global));
        all.extend(own.map(|seconds| self.options.seconds.map_or(seconds, |most| most.min(seconds))));
        all.extend(self.options.seconds);
        all
    }

    /// How often a role may ask.
    pub(crate) fn rate(&self, role: &str) -> Option<crate::metadata::RateRule> {
        let limit = self.limits.rate_limit.as_ref().and_then(|limit| limit.of(role));
        limit.filter(|_| role != ADMIN_ROLE)
    }

    /// Whether a role may ask what there is.
    pub(crate) fn introspection(&self, role: &str) -> bool {
        role == ADMIN_ROLE || !self.closed.contains(role)
    }
}

/// The metadata with `rows` as the most that a permission gives.
pub(crate) fn with_row_limit(mut metadata: Metadata, rows: Option<u64>) -> Metadata {
    if let Some(most) = rows {
        for table in &mut metadata.tables {
            for select in &mut table.select_permissions {
                let limit = &mut select.permission.limit;
                *limit = Some(limit.map_or(most, |limit| limit.min(most)));
            }
        }
    }
    metadata
}

/// A time limit as it is shown.
pub(crate) fn as_duration(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn narrower<T: Ord + Clone>(option: Option<T>, limit: Option<&Limit<T>>, role: &str) -> Option<T> {
    match (option, limit.and_then(|limit| limit.of(role))) {
        (Some(option), Some(limit)) => Some(option.min(limit)),
        (option, limit) => option.or(limit),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metadata::Document as MetadataDocument;

    fn metadata(more: &serde_json::Value) -> Metadata {
        let mut json = json!({"version": 3, "sources": [{"name": "default"}]});
        for (key, value) in more.as_object().unwrap() {
            json[key] = value.clone();
        }
        MetadataDocument::new(json).unwrap().metadata().unwrap()
    }

    fn check(access: &Access, role: &str, query: &str) -> Result<(), String> {
        let document = Document::parse(query).unwrap();
        access.check(role, &document, None).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn the_narrower_limit_counts_and_the_administrator_has_none() {
        let limits = json!({"api_limits": {"depth_limit": {"global": 3, "per_role": {"deep": 9}},
            "time_limit": {"global": 60, "per_role": {"user": 2}}}});
        let options = LimitOptions { depth: Some(4), seconds: Some(30), ..LimitOptions::default() };
        let access = Access::new(&metadata(&limits), &options, false);
        let nested = |levels: usize| format!("{}id{}", "{ a ".repeat(levels - 1) + "{ ", " }".repeat(levels));
        assert_eq!(check(&access, "user", &nested(3)), Ok(()));
        assert_eq!(check(&access, "user", &nested(4)), Err("depth-limit-exceeded".to_owned()));
        assert_eq!(check(&access, "deep", &nested(4)), Ok(()));
        assert_eq!(check(&access, "deep", &nested(5)), Err("depth-limit-exceeded".to_owned()));
        assert_eq!(check(&access, "admin", &nested(9)), Ok(()));
        assert_eq!(
            (access.seconds("user"), access.seconds("x"), access.seconds("admin")),
            (Some(2), Some(30), None)
        );
        assert_eq!(access.all_seconds(), [2, 30].into());
        let off = json!({"api_limits": {"disabled": true, "depth_limit": {"global": 1}}});
        let access = Access::new(&metadata(&off), &LimitOptions::default(), false);
        assert_eq!(check(&access, "user", &nested(9)), Ok(()));
    }

    #[test]
    fn the_allow_list_compares_what_is_asked() {
        let lists = json!({"query_collections": [
            {"name": "all", "definition": {"queries": [{"name": "q", "query": "query q { a { b } }"}]}},
            {"name": "some", "definition": {"queries": [{"name": "r", "query": "{ c }"}, {"name": "s", "query": "{"}]}}],
            "allowlist": [{"collection": "all"},
                {"collection": "some", "scope": {"global": false, "roles": ["user"]}}]});
        let access = Access::new(&metadata(&lists), &LimitOptions::default(), true);
        let refused = Err("validation-failed".to_owned());
        assert_eq!(check(&access, "user", "query q {\n a { __typename b, }\n} # same"), Ok(()));
        assert_eq!(check(&access, "user", "query q { a { b c } }"), refused);
        assert_eq!(check(&access, "user", "query other { a { b } }"), refused);
        assert_eq!(check(&access, "user", "{ c }"), Ok(()));
        assert_eq!(check(&access, "public", "{ c }"), refused);
        assert_eq!(check(&access, "admin", "{ z }"), Ok(()));
        let off = Access::new(&metadata(&lists), &LimitOptions::default(), false);
        assert_eq!(check(&off, "user", "{ z }"), Ok(()));
    }
}
