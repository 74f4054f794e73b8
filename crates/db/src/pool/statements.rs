//! The prepared statements of one connection: found by their SQL, prepared once however many ask at the same
//! time, and bounded in number. What falls out is closed at the server when its last user is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Statement};

use crate::error::Error;

/// A cache of prepared statements, least recently used out first.
pub(super) struct Statements {
    most: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_sql: HashMap<Arc<str>, Entry>,
    /// Counts look-ups; an entry carries the number of its last.
    uses: u64,
}

struct Entry {
    prepared: Arc<OnceCell<Statement>>,
    last_use: u64,
}

impl Statements {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), known: Mutex::default() }
    }

    /// The statement for `sql`, prepared on `client` if it is not yet.
    pub(super) async fn get(&self, client: &Client, sql: &str) -> Result<Statement, Error> {
        let cell = self.cell(sql);
        let prepared = cell.get_or_try_init(|| client.prepare(sql)).await;
        prepared.cloned().map_err(|source| {
            self.forget(sql);
            Error::Prepare(source)
        })
    }

    /// Drops the statement for `sql`, so that the next use prepares it anew.
    pub(super) fn forget(&self, sql: &str) {
        self.lock().by_sql.remove(sql);
    }

    /// How many statements are kept.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().by_sql.len()
    }

    fn cell(&self, sql: &str) -> Arc<OnceCell<Statement>> {
        let mut known = self.lock();
        known.uses += 1;
        let now = known.uses;
        if let Some(entry) = known.by_sql.get_mut(sql) {
            entry.last_use = now;
            return Arc::clone(&entry.prepared);
        }
        let fresh = Arc::new(OnceCell::new());
        known.by_sql.insert(sql.into(), Entry { prepared: Arc::clone(&fresh), last_use: now });
        if known.by_sql.len() > self.most {
            known.evict_oldest();
        }
        fresh
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    // Looks at every entry; it happens only beside a preparation, which costs a hundred times that.
    fn evict_oldest(&mut self) {
        let oldest =
            self.by_sql.iter().min_by_key(|(_, entry)| entry.last_use).map(|(sql, _)| Arc::clone(sql));
        if let Some(sql) = oldest {
            self.by_sql.remove(&sql);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let statements = Statements::new(2);
        let first = statements.cell("select 1");
        statements.cell("select 2");
        statements.cell("select 1");
        statements.cell("select 3");

        assert_eq!(statements.len(), 2);
        assert!(Arc::ptr_eq(&first, &statements.cell("select 1")));
        assert!(!statements.lock().by_sql.contains_key("select 2"));
    }
}
