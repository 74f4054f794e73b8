//! How often callers ask: requests in the last minute, for each rule and each caller that it tells apart.
//!
//! The window slides: a minute is the present one and the part of the last one that it still covers. What is
//! kept is bounded, and what is a minute old is swept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::project::GraphqlError;
use base::session::Session;

use crate::metadata::{RateRule, UniqueParams};

/// How many callers are counted at once. When there are more, those who ask least are forgotten.
const MAX_CALLERS: usize = 100_000;

/// The requests that were counted. It outlives the metadata that rules them.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<Vec<String>, Counted>>);

#[derive(Clone, Copy)]
struct Counted {
    minute: i64,
    now: u32,
    before: u32,
}

impl Rates {
    /// Counts `requests` of a caller at `seconds` since 1970, and refuses the one too many. `address` is the
    /// caller's, where it is known.
    pub(crate) fn count(
        &self,
        rule: &RateRule,
        session: &Session,
        address: Option<std::net::IpAddr>,
        requests: u32,
        seconds: i64,
    ) -> Result<(), GraphqlError> {
        let key = key(rule, session, address);
        let (minute, second) = (seconds.div_euclid(60), seconds.rem_euclid(60));
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_CALLERS && !callers.contains_key(&key) {
            callers.retain(|_, counted| counted.minute >= minute - 1);
            if callers.len() >= MAX_CALLERS {
                let least = callers.values().map(|counted| counted.now).min().unwrap_or(0);
                callers.retain(|_, counted| counted.now > least);
            }
        }
        let counted = callers.entry(key).or_insert(Counted { minute, now: 0, before: 0 });
        if counted.minute != minute {
            let before = if counted.minute == minute - 1 { counted.now } else { 0 };
            *counted = Counted { minute, now: 0, before };
        }
        let left_of_last = u64::from(counted.before) * u64::try_from(60 - second).unwrap_or(0) / 60;
        let in_window = left_of_last + u64::from(counted.now) + u64::from(requests);
        if in_window > u64::from(rule.max_reqs_per_min) {
            let message = format!("more than {} requests in a minute", rule.max_reqs_per_min);
            return Err(GraphqlError::new("rate-limit-exceeded", "$", message));
        }
        counted.now = counted.now.saturating_add(requests);
        Ok(())
    }
}

fn key(rule: &RateRule, session: &Session, address: Option<std::net::IpAddr>) -> Vec<String> {
    let mut key = vec![session.role().to_owned()];
    let mut add = |name: &str| {
        let value = if name.eq_ignore_ascii_case("ip") {
            address.map(|address| address.to_string())
        } else {
            session.variable(&name.to_ascii_lowercase()).map(str::to_owned)
        };
        key.push(value.unwrap_or_default());
    };
    match &rule.unique_params {
        None => {}
        Some(UniqueParams::One(name)) => add(name),
        Some(UniqueParams::Many(names)) => names.iter().for_each(|name| add(name)),
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(most: u32, unique: Option<&str>) -> RateRule {
        RateRule {
            max_reqs_per_min: most,
            unique_params: unique.map(|name| UniqueParams::One(name.to_owned())),
        }
    }

    fn user(id: &str) -> Session {
        Session::new("user", [("x-hasura-user-id".to_owned(), id.to_owned())], false)
    }

    #[test]
    fn the_window_slides() {
        let rates = Rates::default();
        let ask = |at| rates.count(&rule(6, None), &user("a"), None, 1, at).is_ok();
        assert_eq!((0..8).filter(|_| ask(30)).count(), 6);
        // Half a minute into the next one, half of the six still count.
        assert_eq!((0..8).filter(|_| ask(90)).count(), 3);
        assert_eq!((0..8).filter(|_| ask(600)).count(), 6);
    }

    #[test]
    fn callers_are_told_apart_as_the_rule_says() {
        let rates = Rates::default();
        let ask = |rule: &RateRule, who: &str| rates.count(rule, &user(who), None, 1, 0).is_ok();
        let each = rule(1, Some("X-Hasura-User-Id"));
        assert!(ask(&each, "a") && ask(&each, "b") && !ask(&each, "a"));
        let address = rule(1, Some("IP"));
        let from = |host: [u8; 4]| rates.count(&address, &user("c"), Some(host.into()), 1, 0).is_ok();
        assert!(from([10, 0, 0, 1]) && from([10, 0, 0, 2]) && !from([10, 0, 0, 1]));
    }
}
