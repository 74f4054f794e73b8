//! Who may upload just now: so many at once, so many of one person, and so much of one person's on the disk on its way,
//! so that nobody keeps the others out. A turn lasts until what was received is stored or thrown away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::ids::UserId;
use base::session::Session;

use super::error::FilesError;
use super::limits::Limits;
use super::meters;
use super::store::StoreError;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Uploader {
    /// Whoever has the administrator's secret: bounded by what all may do, and not as a person.
    Administrator,
    /// This one.
    Person(UserId),
    /// All whom nobody knows, together.
    Nobody,
}

impl Uploader {
    /// Who calls.
    pub(super) fn of(caller: &Session) -> Self {
        if caller.is_admin() {
            return Self::Administrator;
        }
        caller.user_id().map_or(Self::Nobody, Self::Person)
    }
}

/// All turns that there are.
pub(super) struct Turns {
    most: usize,
    most_of_one: usize,
    most_bytes_of_one: u64,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    turns: usize,
    of: HashMap<Uploader, Share>,
}

/// What one uploader has of it.
#[derive(Default)]
struct Share {
    turns: usize,
    bytes: u64,
}

impl Turns {
    /// As many as `limits` allow.
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most: limits.concurrent_uploads,
            most_of_one: limits.uploads_per_person,
            most_bytes_of_one: limits.received_bytes_per_person,
            taken: Mutex::default(),
        })
    }

    /// A turn of `uploader`'s, where one is left.
    pub(super) fn take(self: &Arc<Self>, uploader: Uploader) -> Result<Arc<Turn>, FilesError> {
        let mut taken = self.lock();
        let own = taken.of.get(&uploader).map_or(0, |share| share.turns);
        let bound = if taken.turns >= self.most {
            Some("all")
        } else {
            (uploader != Uploader::Administrator && own >= self.most_of_one).then_some("person")
        };
        if let Some(bound) = bound {
            meters::count_turned_away(bound);
            return Err(FilesError::TooManyUploads);
        }
        taken.turns += 1;
        taken.of.entry(uploader).or_default().turns += 1;
        meters::set_uploads_under_way(taken.turns);
        Ok(Arc::new(Turn { turns: Arc::clone(self), uploader }))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to upload one request's files, until it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    uploader: Uploader,
}

impl Turn {
    /// Counts bytes that are on the disk on their way; those that are too many, too: they are to be given back.
    pub(super) fn take_room(&self, bytes: u64) -> Result<(), StoreError> {
        let mut taken = self.turns.lock();
        let share = taken.of.entry(self.uploader).or_default();
        share.bytes = share.bytes.saturating_add(bytes);
        let is_free = self.uploader == Uploader::Administrator;
        if is_free || share.bytes <= self.turns.most_bytes_of_one { Ok(()) } else { Err(StoreError::Crowded) }
    }

    /// They are gone from there.
    pub(super) fn give_back(&self, bytes: u64) {
        let mut taken = self.turns.lock();
        if let Some(share) = taken.of.get_mut(&self.uploader) {
            share.bytes = share.bytes.saturating_sub(bytes);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.lock();
        taken.turns = taken.turns.saturating_sub(1);
        meters::set_uploads_under_way(taken.turns);
        if let Some(share) = taken.of.get_mut(&self.uploader) {
            share.turns = share.turns.saturating_sub(1);
            if share.turns == 0 {
                taken.of.remove(&self.uploader);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn person(number: u128) -> Uploader {
        Uploader::Person(UserId(Uuid::from_u128(number)))
    }

    #[test]
    fn nobody_takes_all_turns() {
        let limits = Limits { concurrent_uploads: 5, uploads_per_person: 2, ..Limits::default() };
        let turns = Turns::new(&limits);
        let first = turns.take(person(1)).unwrap();
        let _second = turns.take(person(1)).unwrap();
        assert!(turns.take(person(1)).is_err());
        let _nobodys = [turns.take(Uploader::Nobody).unwrap(), turns.take(Uploader::Nobody).unwrap()];
        assert!(turns.take(Uploader::Nobody).is_err());
        let _other = turns.take(person(2)).unwrap();
        assert!(turns.take(person(3)).is_err() && turns.take(Uploader::Administrator).is_err());
        drop(first);
        let _again = turns.take(person(1)).unwrap();
        assert!(turns.take(person(1)).is_err());
    }

    #[test]
    fn nobody_takes_all_the_room() {
        let turns = Turns::new(&Limits { received_bytes_per_person: 10, ..Limits::default() });
        let (one, other) = (turns.take(person(1)).unwrap(), turns.take(person(1)).unwrap());
        one.take_room(6).unwrap();
        assert!(matches!(other.take_room(5), Err(StoreError::Crowded)));
        other.give_back(5);
        one.give_back(6);
        drop(one);
        other.take_room(10).unwrap();
        turns.take(person(2)).unwrap().take_room(10).unwrap();
        turns.take(Uploader::Administrator).unwrap().take_room(11).unwrap();
    }

    #[test]
    fn who_is_done_leaves_nothing() {
        let turns = Turns::new(&Limits::default());
        let turn = turns.take(person(1)).unwrap();
        turn.take_room(6).unwrap();
        drop(turn);
        assert!(turns.lock().of.is_empty() && turns.lock().turns == 0);
    }
}
