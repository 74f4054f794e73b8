//! Who waits for which rows. An interest is a table, and where it can be told by one column, that column's
//! value; a change of a row finds those who wait for it in a few look-ups, however many there are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::decode::{Cell, RowChange};

/// The number of no table (PostgreSQL's `InvalidOid`), which stands for all that are published.
pub const ANY_RELATION: u32 = 0;

/// A wish to hear of changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interest {
    /// PostgreSQL's number of the table, or [`ANY_RELATION`].
    pub relation: u32,
    /// A column of the table's replica identity and the one value, as PostgreSQL writes it, that matters.
    pub key: Option<(String, String)>,
}

/// What a wake says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wake {
    /// The transactions that changed something of interest since the last wake, as PostgreSQL's `xid8`.
    ///
    /// The log tells of a commit a moment before other sessions see it: who reads because of a wake must make sure
    /// that all of these are visible to what was read, or read again. One alone would not do: transactions do not
    /// end in the order of their numbers.
    pub transactions: Vec<u64>,
    /// How often everybody has been woken because what happened is not known.
    pub round: u64,
}

/// How many transactions a wake names. One that was followed by so many others has been visible for long.
const MAX_TRANSACTIONS: usize = 1_024;

/// How many of the latest transactions a new registration hears of at once: they may have been announced before it
/// was there, and not be visible yet.
const RECENT: usize = 16;

/// Who waits for what. Cloning is cheap, and clones are the same.
#[derive(Clone, Default)]
pub struct Interests(Arc<Mutex<Index>>);

/// A registered wish. It ends when this is dropped.
pub struct Registration {
    interests: Interests,
    id: u64,
    wanted: Vec<Interest>,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Index {
    next_id: u64,
    round: u64,
    recent: VecDeque<u64>,
    all: HashMap<u64, Arc<Bell>>,
    relations: HashMap<u32, RelationIndex>,
}

/// What a registration has not yet been told.
#[derive(Default)]
struct Bell {
    wake: Mutex<Option<Wake>>,
    rung: Notify,
}

impl Bell {
    fn ring(&self, transaction: Option<u64>, round: u64) {
        let mut wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        let wake = wake.get_or_insert_default();
        wake.round = round;
        wake.transactions.extend(transaction);
        if wake.transactions.len() > MAX_TRANSACTIONS {
            wake.transactions.remove(0);
        }
        self.rung.notify_one();
    }

    fn take(&self) -> Option<Wake> {
        self.wake.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Default)]
struct RelationIndex {
    any: Vec<u64>,
    by_column: HashMap<String, HashMap<String, Vec<u64>>>,
}

impl Interests {
    /// Registers a wish for any of `wanted`. Its first wake comes at once, so that who waits for it and then reads
    /// misses nothing.
    pub fn register(&self, wanted: Vec<Interest>) -> Registration {
        let bell = Arc::new(Bell::default());
        let mut index = self.lock();
        let id = index.next_id;
        index.next_id += 1;
        bell.ring(None, index.round);
        index.recent.iter().for_each(|transaction| bell.ring(Some(*transaction), index.round));
        index.all.insert(id, bell.clone());
        for interest in &wanted {
            let relation = index.relations.entry(interest.relation).or_default();
            relation.slot(interest.key.as_ref()).push(id);
        }
        drop(index);
        metrics::gauge!("changes_registrations").increment(1.0);
        Registration { interests: self.clone(), id, wanted, bell }
    }

    /// Wakes everybody: what happened is not known.
    pub fn wake_all(&self) {
        let mut index = self.lock();
        index.round += 1;
        index.all.values().for_each(|bell| bell.ring(None, index.round));
    }

    /// Wakes those who wait for any row of these tables.
    pub(crate) fn wake_relations(&self, relations: &[u32]) {
        let mut touched = Touched::default();
        for relation in relations {
            self.touch_relation(*relation, &mut touched);
        }
        let mut index = self.lock();
        index.round += 1;
        index.ring(&mut touched, None);
    }

    /// Notes those who wait for the row.
    pub(crate) fn touch(&self, change: &RowChange<'_>, touched: &mut Touched) {
        let index = self.lock();
        touched.0.extend(index.relations.get(&ANY_RELATION).iter().flat_map(|all| &all.any));
        let Some(relation) = index.relations.get(&change.relation) else { return };
        touched.0.extend(&relation.any);
        for (column, values) in &relation.by_column {
            for cell in change.values(column).into_iter().flatten() {
                match cell {
                    Cell::Text(text) => touched.0.extend(values.get(text).into_iter().flatten()),
                    Cell::Null => {}
                    // Only an update without an old row says nothing of its key: then it did not change.
                    Cell::Unknown => touched.0.extend(values.values().flatten()),
                }
            }
        }
    }

    /// Notes those who wait for any row of the table.
    pub(crate) fn touch_relation(&self, relation: u32, touched: &mut Touched) {
        let index = self.lock();
        touched.0.extend(index.relations.get(&ANY_RELATION).iter().flat_map(|all| &all.any));
        if let Some(relation) = index.relations.get(&relation) {
            touched.0.extend(&relation.any);
            touched.0.extend(relation.by_column.values().flat_map(HashMap::values).flatten());
        }
    }

    /// Wakes those who were noted, for a transaction.
    pub(crate) fn wake(&self, mut touched: Touched, transaction: u64) {
        let mut index = self.lock();
        if index.recent.len() == RECENT {
            index.recent.pop_front();
        }
        index.recent.push_back(transaction);
        index.ring(&mut touched, Some(transaction));
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unregister(&self, id: u64, wanted: &[Interest]) {
        let mut index = self.lock();
        index.all.remove(&id);
        for interest in wanted {
            let Some(relation) = index.relations.get_mut(&interest.relation) else { continue };
            relation.remove(id, interest.key.as_ref());
            if relation.any.is_empty() && relation.by_column.is_empty() {
                index.relations.remove(&interest.relation);
            }
        }
        metrics::gauge!("changes_registrations").decrement(1.0);
    }
}

impl Index {
    fn ring(&self, touched: &mut Touched, transaction: Option<u64>) {
        touched.0.sort_unstable();
        touched.0.dedup();
        for bell in touched.0.iter().filter_map(|id| self.all.get(id)) {
            bell.ring(transaction, self.round);
        }
        metrics::counter!("changes_wakes_total").increment(touched.0.len() as u64);
    }
}

/// Those whom a transaction's changes concern, so far.
#[derive(Default)]
pub(crate) struct Touched(Vec<u64>);

/// How many notes are kept before doubles are thrown out.
const TOUCHED_BOUND: usize = 65_536;

impl Touched {
    /// Keeps a transaction of any size within bounds.
    pub(crate) fn compact(&mut self) {
        if self.0.len() > TOUCHED_BOUND {
            self.0.sort_unstable();
            self.0.dedup();
        }
    }
}

impl RelationIndex {
    fn slot(&mut self, key: Option<&(String, String)>) -> &mut Vec<u64> {
        match key {
            None => &mut self.any,
            Some((column, value)) => {
                self.by_column.entry(column.clone()).or_default().entry(value.clone()).or_default()
            }
        }
    }

    fn remove(&mut self, id: u64, key: Option<&(String, String)>) {
        let forget = |ids: &mut Vec<u64>| {
            if let Some(at) = ids.iter().position(|other| *other == id) {
                ids.swap_remove(at);
            }
        };
        let Some((column, value)) = key else { return forget(&mut self.any) };
        let Some(values) = self.by_column.get_mut(column) else { return };
        if let Some(ids) = values.get_mut(value) {
            forget(ids);
            if ids.is_empty() {
                values.remove(value);
            }
        }
        if values.is_empty() {
            self.by_column.remove(column);
        }
    }
}

impl Registration {
    /// Waits for the next wake; wakes that came since the last one count as one.
    pub async fn woken(&mut self) -> Wake {
        loop {
            match self.bell.take() {
                Some(wake) => return wake,
                None => self.bell.rung.notified().await,
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.interests.unregister(self.id, &self.wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(relation: u32, key: Option<(&str, &str)>) -> Interest {
        Interest { relation, key: key.map(|(column, value)| (column.to_owned(), value.to_owned())) }
    }

    fn is_woken(registration: &mut Registration) -> bool {
        registration.bell.take().is_some()
    }

    #[tokio::test]
    async fn a_table_wakes_its_own_and_everything_ends_with_the_registration() {
        let interests = Interests::default();
        let mut any = interests.register(vec![interest(1, None)]);
        let mut keyed = interests.register(vec![interest(1, Some(("chat_id", "5"))), interest(2, None)]);
        assert!(is_woken(&mut any) && is_woken(&mut keyed));
        interests.wake_relations(&[2]);
        assert!(!is_woken(&mut any) && is_woken(&mut keyed));
        interests.wake_relations(&[1]);
        assert!(is_woken(&mut any) && is_woken(&mut keyed));
        interests.wake_all();
        assert_eq!(any.woken().await.transactions, Vec::<u64>::new());
        drop((any, keyed));
        let index = interests.lock();
        assert!(index.all.is_empty() && index.relations.is_empty());
    }

    fn commit(interests: &Interests, relation: u32, transaction: u64) {
        let mut touched = Touched::default();
        interests.touch_relation(relation, &mut touched);
        interests.wake(touched, transaction);
    }

    #[tokio::test]
    async fn a_wake_names_every_transaction_since_the_last() {
        let interests = Interests::default();
        let mut any = interests.register(vec![interest(1, None)]);
        any.woken().await;
        // A transaction that began early may end late.
        commit(&interests, 1, 20);
        commit(&interests, 2, 15);
        commit(&interests, 1, 10);
        assert_eq!(any.woken().await.transactions, [20, 10]);
        commit(&interests, 1, 11);
        assert_eq!(any.woken().await.transactions, [11]);
    }

    #[tokio::test]
    async fn who_comes_late_hears_of_what_was_announced_just_before() {
        let interests = Interests::default();
        (1..=100).for_each(|transaction| commit(&interests, 1, transaction));
        let mut late = interests.register(vec![interest(1, None)]);
        assert_eq!(late.woken().await.transactions, (85..=100).collect::<Vec<u64>>());
    }

    #[tokio::test]
    async fn what_nobody_takes_stays_within_bounds() {
        let interests = Interests::default();
        let mut slow = interests.register(vec![interest(1, None)]);
        (1..=5_000).for_each(|transaction| commit(&interests, 1, transaction));
        let wake = slow.woken().await;
        assert_eq!((wake.transactions.len(), wake.transactions.last()), (MAX_TRANSACTIONS, Some(&5_000)));
    }
}
