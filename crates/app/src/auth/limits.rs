//! How often one network may ask, and how often one account's password may be tried: Nhost Auth's limits under its
//! names, and one of our own for guesses that come from many networks. Kept in memory, within a bound.
//!
//! A limit is a bucket that leaks evenly (GCRA), where Nhost counts in a sliding window.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::clock::Clock;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Auth;
use super::error::AuthError;
use super::network::Network;

/// The most keys that a limit keeps; those beyond share one.
const MAX_KEYS: usize = 100_000;

/// How often, at most, a limit that is full is swept.
const SWEEP_SECONDS: i64 = 10;

/// What is counted when a limit refuses.
const LIMITED: &str = "auth_limited_total";

/// How much within how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// After which time as many may come again.
    pub interval: Duration,
}

/// The limits, as the settings give them.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// `AUTH_RATE_LIMIT_ENABLE`. Off in Nhost Auth by itself, on at Nhost.
    pub enabled: bool,
    /// Whether requests from this machine that came through no proxy are free: they are a developer's or a
    /// test's. Not so in production.
    pub local_is_free: bool,
    /// `AUTH_RATE_LIMIT_GLOBAL_*`: all requests of a network.
    pub global: Rate,
    /// `AUTH_RATE_LIMIT_BRUTE_FORCE_*`: what shows a secret (`/signin…`, `…/verify`, `…/otp`).
    pub brute_force: Rate,
    /// `AUTH_RATE_LIMIT_SIGNUPS_*`: `/signup…` and what else makes accounts.
    pub signups: Rate,
    /// `AUTH_RATE_LIMIT_EMAIL_*`: what sends a letter.
    pub email: Rate,
    /// `AUTH_RATE_LIMIT_EMAIL_IS_GLOBAL`: whether letters are counted for all networks together.
    pub email_is_global: bool,
    /// `BRAIN_RATE_LIMIT_ACCOUNT_*`: tries at the password of one address, from wherever they come.
    pub account: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        let minutes = |burst, minutes: u64| Rate { burst, interval: Duration::from_secs(60 * minutes) };
        Self {
            enabled: true,
            local_is_free: true,
            global: minutes(100, 1),
            brute_force: minutes(10, 5),
            signups: minutes(10, 5),
            email: minutes(10, 60),
            email_is_global: false,
            account: minutes(50, 60),
        }
    }
}

/// The limits at work.
pub(super) struct Limits {
    rules: RateLimits,
    global: Limit,
    brute_force: Limit,
    signups: Limit,
    email: Limit,
    account: Limit,
}

impl Limits {
    pub(super) fn new(rules: RateLimits, clock: &Clock) -> Self {
        metrics::describe_counter!(
            LIMITED,
            "Requests to the sign-in service that a limit refused, by limit."
        );
        let limit = |name, rate| Limit::new(name, rate, clock.clone());
        Self {
            global: limit("global", rules.global),
            brute_force: limit("brute_force", rules.brute_force),
            signups: limit("signups", rules.signups),
            email: limit("email", rules.email),
            account: limit("account", rules.account),
            rules,
        }
    }

    /// Counts a request by its path.
    fn check_request(&self, path: &str, network: &Network) -> Result<(), AuthError> {
        if !self.holds(network) {
            return Ok(());
        }
        let key = network.as_str();
        self.global.check(key)?;
        if is_guess(path) {
            self.brute_force.check(key)?;
        }
        if makes_account(path) {
            self.signups.check(key)?;
        }
        if sends_letter(path) {
            self.email.check(if self.rules.email_is_global { "" } else { key })?;
        }
        Ok(())
    }

    /// Counts a try at the password of an address.
    pub(super) fn check_account(&self, email: &str, network: &Network) -> Result<(), AuthError> {
        if self.holds(network) { self.account.check(&email.to_ascii_lowercase()) } else { Ok(()) }
    }

    /// Forgets whoever has all their tries again.
    pub(super) fn sweep(&self) {
        for limit in [&self.global, &self.brute_force, &self.signups, &self.email, &self.account] {
            limit.limiter.retain_recent();
            limit.limiter.shrink_to_fit();
        }
    }

    fn holds(&self, network: &Network) -> bool {
        self.rules.enabled && !(self.rules.local_is_free && network.is_local())
    }
}

/// Nhost Auth's rule for what could be guessed.
fn is_guess(path: &str) -> bool {
    path.starts_with("/signin") || path.ends_with("/verify") || path.ends_with("/otp")
}

fn makes_account(path: &str) -> bool {
    path.starts_with("/signup") || path == "/signin/anonymous"
}

fn sends_letter(path: &str) -> bool {
    const PATHS: [&str; 7] = [
        "/signin/otp/email",
        "/signin/passwordless/email",
        "/user/password/reset",
        "/user/email/change",
        "/user/email/send-verification-email",
        "/user/deanonymize",
        "/mfa/email/send",
    ];
    PATHS.contains(&path)
}

/// Counts every request but those that tell about the service itself.
pub(super) async fn limited(
    State(auth): State<Auth>,
    network: Network,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if !matches!(path, "/healthz" | "/version" | "/.well-known/jwks.json")
        && let Err(error) = auth.0.limits.check_request(path, &network)
    {
        return error.into_response();
    }
    next.run(request).await
}

type Keyed = RateLimiter<String, HashMapStateStore<String>, Time, NoOpMiddleware<Duration>>;

/// One limit, for every key its own.
struct Limit {
    name: &'static str,
    limiter: Keyed,
    clock: Clock,
    swept_at: AtomicI64,
}

impl Limit {
    fn new(name: &'static str, rate: Rate, clock: Clock) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let period = (rate.interval / burst.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst);
        let limiter = RateLimiter::hashmap_with_clock(quota, Time(clock.clone()));
        Self { name, limiter, clock, swept_at: AtomicI64::new(0) }
    }

    fn check(&self, key: &str) -> Result<(), AuthError> {
        let key = if self.has_room() { key } else { "" };
        let Err(refused) = self.limiter.check_key(&key.to_owned()) else { return Ok(()) };
        metrics::counter!(LIMITED, "limit" => self.name).increment(1);
        let wait = refused.wait_time_from(Time(self.clock.clone()).now());
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        Err(AuthError::TooManyRequests(seconds))
    }

    /// Whether one more key may be kept. Sweeping a full limit is dear, so it is done once in a while.
    fn has_room(&self) -> bool {
        if self.limiter.len() < MAX_KEYS {
            return true;
        }
        let now = self.clock.unix_seconds();
        let before = self.swept_at.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(before) >= SWEEP_SECONDS;
        if is_due && self.swept_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.limiter.retain_recent();
        }
        self.limiter.len() < MAX_KEYS
    }
}

/// The injected clock, as the limiter takes one.
#[derive(Clone)]
struct Time(Clock);

impl GovernorClock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_burst_and_gets_it_back_evenly() {
        let clock = Clock::manual(1_000);
        let limit = Limit::new("x", Rate { burst: 3, interval: Duration::from_secs(30) }, clock.clone());
        for _ in 0..3 {
            assert!(limit.check("a").is_ok());
        }
        assert!(matches!(limit.check("a"), Err(AuthError::TooManyRequests(10 | 11))));
        assert!(limit.check("b").is_ok());
        clock.advance(10);
        assert!(limit.check("a").is_ok() && limit.check("a").is_err());
        clock.advance(3_600);
        limit.limiter.retain_recent();
        assert_eq!(limit.limiter.len(), 0);
    }

    #[test]
    fn a_flood_of_networks_takes_bounded_memory() {
        let clock = Clock::manual(1_000);
        let limit = Limit::new("x", Rate { burst: 2, interval: Duration::from_hours(1) }, clock.clone());
        for network in 0..MAX_KEYS + 10 {
            let _ = limit.check(&network.to_string());
        }
        assert!(limit.limiter.len() <= MAX_KEYS + 1);
        assert!(limit.check("another").is_err());
        clock.advance(7_200);
        assert!(limit.check("another").is_ok());
        assert!(limit.limiter.len() < 10);
    }

    #[test]
    fn paths_belong_to_nhosts_limits() {
        for path in ["/signin/email-password", "/signin/mfa/totp", "/verify", "/signin/passwordless/sms/otp"]
        {
            assert!(is_guess(path), "{path}");
        }
        assert!(!is_guess("/token") && !is_guess("/user") && !is_guess("/signup/email-password"));
        assert!(makes_account("/signup/email-password") && makes_account("/signin/anonymous"));
        assert!(sends_letter("/user/password/reset") && !sends_letter("/user/password"));
    }
}
