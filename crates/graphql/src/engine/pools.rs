//! Connections for roles whose statements have a time limit of their own. The server itself holds the limit, so
//! that a statement that was cut off has done nothing and its connection serves the next; a limit is a setting of
//! a connection, hence a small pool for each.

use std::collections::{BTreeMap, BTreeSet};

use db::Pool;

use crate::access::as_duration;
use crate::error::EngineError;

/// How many different limits there may be: each costs connections.
const MAX_LIMITS: usize = 8;

/// Connections and transactions of a pool.
const LANES: usize = 2;
const EXCLUSIVE: usize = 4;

/// The pools by their limit in seconds. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Pools {
    usual: Pool,
    limited: BTreeMap<u64, Pool>,
}

impl Pools {
    /// No limits but that of `usual`.
    pub(super) fn new(usual: &Pool) -> Self {
        Self { usual: usual.clone(), limited: BTreeMap::new() }
    }

    /// Pools for these limits; those that are there stay.
    pub(super) async fn with(&self, limits: &BTreeSet<u64>) -> Result<Self, EngineError> {
        let narrower = |seconds: &u64| as_duration(*seconds) < self.usual.statement_timeout();
        let limits: Vec<u64> = limits.iter().copied().filter(narrower).collect();
        if limits.len() > MAX_LIMITS {
            return Err(EngineError::TimeLimits(MAX_LIMITS));
        }
        let mut limited = BTreeMap::new();
        for seconds in limits {
            let pool = match self.limited.get(&seconds) {
                Some(known) => known.clone(),
                None => {
                    self.usual.with_statement_timeout(as_duration(seconds.max(1)), LANES, EXCLUSIVE).await?
                }
            };
            limited.insert(seconds, pool);
        }
        Ok(Self { usual: self.usual.clone(), limited })
    }

    /// The pool for a limit, where it is not the usual one.
    pub(super) fn limited(&self, seconds: impl FnOnce() -> Option<u64>) -> Option<Pool> {
        if self.limited.is_empty() {
            return None;
        }
        self.limited.get(&seconds()?).cloned()
    }
}
