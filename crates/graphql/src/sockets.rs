//! How many sockets there are, and whose: what is over the bounds is not let in. A place ends with its socket.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The sockets of an endpoint. Cloning is cheap, and clones are the same.
#[derive(Clone)]
pub(crate) struct Sockets(Arc<Counts>);

struct Counts {
    most: usize,
    most_per_user: usize,
    all: AtomicUsize,
    by_user: Mutex<HashMap<String, usize>>,
}

/// A place for one socket.
pub(crate) struct Place {
    sockets: Sockets,
    user: Option<String>,
}

impl Sockets {
    pub(crate) fn new(most: usize, most_per_user: usize) -> Self {
        Self(Arc::new(Counts { most, most_per_user, all: AtomicUsize::new(0), by_user: Mutex::default() }))
    }

    /// A place for a socket of which nothing is known yet; `None` when there is no room.
    pub(crate) fn enter(&self) -> Option<Place> {
        let before = self.0.all.fetch_add(1, Ordering::Relaxed);
        let place = Place { sockets: self.clone(), user: None };
        metrics::gauge!("graphql_sockets").increment(1.0);
        // Dropping the place counts it out again.
        (before < self.0.most).then_some(place)
    }
}

impl Place {
    /// Notes whose socket it is; `false` when they have too many already.
    pub(crate) fn belongs_to(&mut self, user: Option<&str>) -> bool {
        let Some(user) = user else { return true };
        let counts = &self.sockets.0;
        let mut by_user = counts.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_user.entry(user.to_owned()).or_insert(0);
        if *count >= counts.most_per_user {
            return false;
        }
        *count += 1;
        self.user = Some(user.to_owned());
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let counts = &self.sockets.0;
        counts.all.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("graphql_sockets").decrement(1.0);
        let Some(user) = self.user.take() else { return };
        let mut by_user = counts.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_user.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                by_user.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let sockets = Sockets::new(3, 2);
        let mut places: Vec<_> = (0..3).filter_map(|_| sockets.enter()).collect();
        assert!(sockets.enter().is_none());
        assert!(places[0].belongs_to(Some("ann")) && places[1].belongs_to(Some("ann")));
        assert!(!places[2].belongs_to(Some("ann")) && places[2].belongs_to(Some("bob")));
        drop(places);
        assert!(sockets.0.by_user.lock().unwrap().is_empty());
        assert_eq!(sockets.0.all.load(Ordering::Relaxed), 0);
    }
}
