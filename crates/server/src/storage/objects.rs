//! What is in the store, one by one in the order of keys, a page of it in mind.

use std::collections::VecDeque;

use app::files::{Listed, Store};

/// All objects of a store.
pub(super) struct Objects<'a> {
    store: &'a Store,
    page: VecDeque<Listed>,
    after: Option<String>,
}

impl<'a> Objects<'a> {
    /// Those of `store`.
    pub(super) fn of(store: &'a Store) -> Self {
        Self { store, page: VecDeque::new(), after: None }
    }

    /// The next one, which stays the next one until it is taken.
    pub(super) async fn peek(&mut self) -> anyhow::Result<Option<&Listed>> {
        if self.page.is_empty() {
            self.page = self.store.list(self.after.as_deref()).await?.into();
            if let Some(last) = self.page.back() {
                self.after = Some(last.key.clone());
            }
        }
        Ok(self.page.front())
    }

    /// Takes the one that was peeked at.
    pub(super) fn take(&mut self) -> Option<Listed> {
        self.page.pop_front()
    }
}
