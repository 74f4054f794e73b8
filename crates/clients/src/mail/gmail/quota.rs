//! How much of a mailbox is used: units in the last minute, letters today, and until when Google wants to be left alone.
//!
//! Google counts by itself; this keeps the server from finding out by refusals. The day's letters are those of all
//! servers with the mailbox, as whoever keeps that number tells ([`Quota::learn`]); the minute's units are in memory:
//! such servers must share them out.

use std::collections::VecDeque;
use std::time::Duration;

/// What a letter costs of a mailbox's units (Gmail API, "Usage limits").
pub(super) const UNITS_PER_LETTER: u32 = 100;

const MINUTE_SECONDS: i64 = 60;
const DAY_SECONDS: i64 = 24 * 3600;

const UNITS_USED: &str = "gmail_units_used";
const UNITS_LEFT: &str = "gmail_units_left";
const LETTERS_TODAY: &str = "gmail_letters_today";
const LETTERS_LEFT: &str = "gmail_letters_left_today";

/// Why a letter must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The units of this minute are used.
    Minute(Duration),
    /// The letters of today are sent.
    Day(Duration),
    /// Google asked to be left alone.
    Held(Duration),
}

/// A mailbox's use.
#[derive(Debug)]
pub(super) struct Quota {
    units_per_minute: u32,
    letters_per_day: u32,
    /// When the letters of the last minute were sent, in seconds since 1970.
    recent: VecDeque<i64>,
    day: i64,
    today: u32,
    held_until: i64,
    /// Until when Google's own count of the day is taken for full.
    day_ended_until: i64,
}

impl Quota {
    pub(super) fn new(units_per_minute: u32, letters_per_day: u32) -> Self {
        metrics::describe_gauge!(
            UNITS_USED,
            "Units of the Gmail mailbox that the last minute's letters used."
        );
        metrics::describe_gauge!(UNITS_LEFT, "Units of the Gmail mailbox that are left in this minute.");
        metrics::describe_gauge!(
            LETTERS_TODAY,
            "Letters sent through Gmail since midnight (UTC), by all servers."
        );
        metrics::describe_gauge!(LETTERS_LEFT, "Letters that may still be sent through Gmail today.");
        let recent = VecDeque::new();
        Self {
            units_per_minute,
            letters_per_day,
            recent,
            day: 0,
            today: 0,
            held_until: 0,
            day_ended_until: 0,
        }
    }

    /// Takes a letter's share, or says how long to wait.
    pub(super) fn take(&mut self, now: i64) -> Result<(), Spent> {
        self.turn(now);
        self.check(now)?;
        self.recent.push_back(now);
        self.today += 1;
        self.tell(now);
        Ok(())
    }

    /// Learns how many letters were sent on the day of `at`: before the start, or by others.
    pub(super) fn learn(&mut self, letters: u32, at: i64, now: i64) {
        self.turn(now);
        // What is under way here is in this number already, and not yet in the other.
        if at.div_euclid(DAY_SECONDS) == self.day {
            self.today = self.today.max(letters);
        }
        self.tell(now);
    }

    /// Why no letter has a share, and how long.
    pub(super) fn spent(&mut self, now: i64) -> Option<Spent> {
        self.turn(now);
        self.check(now).err()
    }

    /// The longest wait first: what is over today need not be waited for.
    fn check(&self, now: i64) -> Result<(), Spent> {
        if now < self.day_ended_until {
            return Err(Spent::Day(seconds(self.day_ended_until - now)));
        }
        if self.today >= self.letters_per_day {
            return Err(Spent::Day(seconds((self.day + 1) * DAY_SECONDS - now)));
        }
        if now < self.held_until {
            return Err(Spent::Held(seconds(self.held_until - now)));
        }
        if let Some(oldest) = self.recent.front()
            && self.units_used() + UNITS_PER_LETTER > self.units_per_minute
        {
            return Err(Spent::Minute(seconds(oldest + MINUTE_SECONDS + 1 - now)));
        }
        Ok(())
    }

    /// Gives back the day's share of a letter that was not sent, which was taken at `taken`. The minute's units stay
    /// spent: Google may have counted the call, and they come back by themselves.
    pub(super) fn give_back(&mut self, taken: i64, now: i64) {
        self.turn(now);
        if taken.div_euclid(DAY_SECONDS) == self.day {
            self.today = self.today.saturating_sub(1);
        }
        self.tell(now);
    }

    /// Nothing is sent for so long.
    pub(super) fn hold(&mut self, now: i64, pause: Duration) {
        self.held_until = self.held_until.max(now + at_most_a_day(pause));
    }

    /// Google takes no more today, and is asked again after so long.
    pub(super) fn end_day(&mut self, now: i64, pause: Duration) {
        self.day_ended_until = self.day_ended_until.max(now + at_most_a_day(pause));
    }

    /// Ends a wait: whoever mended the credentials should not have to. How many letters the day has had is learned
    /// again with the next one.
    pub(super) fn release(&mut self) {
        (self.held_until, self.day_ended_until, self.today) = (0, 0, 0);
    }

    /// Shows where it stands.
    pub(super) fn tell(&mut self, now: i64) {
        self.turn(now);
        let used = self.units_used();
        metrics::gauge!(UNITS_USED).set(f64::from(used));
        metrics::gauge!(UNITS_LEFT).set(f64::from(self.units_per_minute.saturating_sub(used)));
        metrics::gauge!(LETTERS_TODAY).set(f64::from(self.today));
        metrics::gauge!(LETTERS_LEFT).set(f64::from(self.letters_per_day.saturating_sub(self.today)));
    }

    fn units_used(&self) -> u32 {
        u32::try_from(self.recent.len()).unwrap_or(u32::MAX).saturating_mul(UNITS_PER_LETTER)
    }

    /// Forgets the minutes and days that are over.
    fn turn(&mut self, now: i64) {
        while self.recent.front().is_some_and(|sent| now - sent > MINUTE_SECONDS) {
            self.recent.pop_front();
        }
        let day = now.div_euclid(DAY_SECONDS);
        if day != self.day {
            (self.day, self.today) = (day, 0);
        }
    }
}

fn at_most_a_day(pause: Duration) -> i64 {
    i64::try_from(pause.as_secs()).unwrap_or(DAY_SECONDS).min(DAY_SECONDS)
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 20_000 * DAY_SECONDS + DAY_SECONDS / 2;

    #[test]
    fn a_minute_has_so_many_units() {
        let mut quota = Quota::new(250, 100);
        assert_eq!([quota.take(NOON), quota.take(NOON + 10)], [Ok(()), Ok(())]);
        assert_eq!(quota.take(NOON + 30), Err(Spent::Minute(Duration::from_secs(31))));
        assert_eq!(quota.take(NOON + 61), Ok(()));
        assert_eq!(quota.take(NOON + 61), Err(Spent::Minute(Duration::from_secs(10))));
    }

    #[test]
    fn a_day_has_so_many_letters() {
        let mut quota = Quota::new(6000, 2);
        assert_eq!([quota.take(NOON), quota.take(NOON)], [Ok(()), Ok(())]);
        assert_eq!(quota.take(NOON + 1), Err(Spent::Day(Duration::from_secs(12 * 3600 - 1))));
        quota.give_back(NOON, NOON + 1);
        assert_eq!(quota.take(NOON + 1), Ok(()));
        // What yesterday had is not given back today.
        let midnight = NOON + DAY_SECONDS / 2;
        assert_eq!([quota.take(midnight), quota.take(midnight)], [Ok(()), Ok(())]);
        quota.give_back(NOON + 1, midnight);
        assert_eq!(quota.take(midnight), Err(Spent::Day(Duration::from_hours(24))));
        quota.release();
        assert_eq!(quota.take(midnight), Ok(()));
    }

    #[test]
    fn what_others_sent_today_counts() {
        let mut quota = Quota::new(6000, 3);
        assert_eq!([quota.take(NOON), quota.take(NOON)], [Ok(()), Ok(())]);
        quota.learn(3, NOON - DAY_SECONDS, NOON);
        quota.learn(1, NOON, NOON);
        assert_eq!(quota.spent(NOON), None);
        quota.learn(3, NOON, NOON);
        assert_eq!(quota.take(NOON), Err(Spent::Day(Duration::from_hours(12))));
        assert_eq!(quota.take(NOON + DAY_SECONDS / 2), Ok(()));
    }

    #[test]
    fn googles_own_count_ends_the_day_too() {
        let mut quota = Quota::new(6000, 100);
        quota.end_day(NOON, Duration::from_mins(15));
        assert_eq!(quota.take(NOON + 1), Err(Spent::Day(Duration::from_secs(899))));
        assert_eq!(quota.take(NOON + 900), Ok(()));
        // A wait beside it is no reason to wait for what goes another way.
        quota.hold(NOON + 900, Duration::from_secs(30));
        quota.end_day(NOON + 900, Duration::from_mins(15));
        assert_eq!(quota.spent(NOON + 900), Some(Spent::Day(Duration::from_mins(15))));
        quota.release();
        assert_eq!(quota.take(NOON + 901), Ok(()));
    }

    #[test]
    fn a_wait_holds_until_it_is_over_or_lifted() {
        let mut quota = Quota::new(6000, 100);
        quota.hold(NOON, Duration::from_secs(30));
        quota.hold(NOON, Duration::from_secs(3));
        assert_eq!(quota.take(NOON + 29), Err(Spent::Held(Duration::from_secs(1))));
        assert_eq!(quota.take(NOON + 30), Ok(()));
        quota.hold(NOON + 30, Duration::from_secs(30));
        quota.release();
        assert_eq!(quota.take(NOON + 31), Ok(()));
    }
}
