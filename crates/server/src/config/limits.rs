//! The settings of what holds abuse off: how often one network may ask, under Nhost Auth's names, and the list of
//! passwords that thieves know.

use std::time::Duration;

use app::auth::{Rate, RateLimits};
use clap::Args;
use clients::http::is_safe_address;
use clients::pwned::{ADDRESS, HTTP, PwnedPasswords};

use super::Exit;

/// How much is too much.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of sign-in")]
pub(crate) struct LimitsConfig {
    /// Whether there are limits. In development, requests from this machine that came through no proxy are free
    #[arg(long, env = "AUTH_RATE_LIMIT_ENABLE", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set)]
    pub(crate) auth_rate_limit_enable: bool,
    /// How many requests one network has at once
    #[arg(long, env = "AUTH_RATE_LIMIT_GLOBAL_BURST", value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) auth_rate_limit_global_burst: u32,
    /// After which time it has as many again
    #[arg(long, env = "AUTH_RATE_LIMIT_GLOBAL_INTERVAL", value_name = "TIME", default_value = "1m",
          value_parser = span)]
    pub(crate) auth_rate_limit_global_interval: Duration,
    /// How many of them may show a password, a code or a ticket
    #[arg(long, env = "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) auth_rate_limit_brute_force_burst: u32,
    /// After which time as many may again
    #[arg(long, env = "AUTH_RATE_LIMIT_BRUTE_FORCE_INTERVAL", value_name = "TIME", default_value = "5m",
          value_parser = span)]
    pub(crate) auth_rate_limit_brute_force_interval: Duration,
    /// How many may make an account
    #[arg(long, env = "AUTH_RATE_LIMIT_SIGNUPS_BURST", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) auth_rate_limit_signups_burst: u32,
    /// After which time as many may again
    #[arg(long, env = "AUTH_RATE_LIMIT_SIGNUPS_INTERVAL", value_name = "TIME", default_value = "5m",
          value_parser = span)]
    pub(crate) auth_rate_limit_signups_interval: Duration,
    /// How many may send a letter
    #[arg(long, env = "AUTH_RATE_LIMIT_EMAIL_BURST", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) auth_rate_limit_email_burst: u32,
    /// After which time as many may again
    #[arg(long, env = "AUTH_RATE_LIMIT_EMAIL_INTERVAL", value_name = "TIME", default_value = "1h",
          value_parser = span)]
    pub(crate) auth_rate_limit_email_interval: Duration,
    /// Whether letters are counted for all networks together
    #[arg(long, env = "AUTH_RATE_LIMIT_EMAIL_IS_GLOBAL", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_rate_limit_email_is_global: bool,
    /// How often the password of one account may be tried, from wherever
    #[arg(long, env = "BRAIN_RATE_LIMIT_ACCOUNT_BURST", value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate_limit_account_burst: u32,
    /// After which time as often again
    #[arg(long, env = "BRAIN_RATE_LIMIT_ACCOUNT_INTERVAL", value_name = "TIME", default_value = "1h",
          value_parser = span)]
    pub(crate) rate_limit_account_interval: Duration,
    /// Whether new passwords are looked for in Have I Been Pwned's list (five digits of a hash leave the server)
    #[arg(long, env = "AUTH_PASSWORD_HIBP_ENABLED", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_password_hibp_enabled: bool,
    /// Where that list, or a copy of it, is
    #[arg(long, env = "BRAIN_HIBP_URL", value_name = "URL", default_value = ADDRESS)]
    pub(crate) hibp_url: String,
}

impl LimitsConfig {
    /// Refuses a list to which digits of passwords would go in the open.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        if is_safe_address(&self.hibp_url) {
            return Ok(());
        }
        Err(Exit::wrong("BRAIN_HIBP_URL", "is no https:// address, and none of this machine's"))
    }

    /// The limits as the sign-in service takes them.
    pub(crate) fn rate_limits(&self, is_production: bool) -> RateLimits {
        let rate = |burst, interval| Rate { burst, interval };
        RateLimits {
            enabled: self.auth_rate_limit_enable,
            local_is_free: !is_production,
            global: rate(self.auth_rate_limit_global_burst, self.auth_rate_limit_global_interval),
            brute_force: rate(
                self.auth_rate_limit_brute_force_burst,
                self.auth_rate_limit_brute_force_interval,
            ),
            signups: rate(self.auth_rate_limit_signups_burst, self.auth_rate_limit_signups_interval),
            email: rate(self.auth_rate_limit_email_burst, self.auth_rate_limit_email_interval),
            email_is_global: self.auth_rate_limit_email_is_global,
            account: rate(self.rate_limit_account_burst, self.rate_limit_account_interval),
        }
    }

    /// The list of passwords that thieves know, where it is asked.
    pub(crate) fn breached_passwords(&self) -> Result<Option<PwnedPasswords>, clients::Error> {
        self.auth_password_hibp_enabled.then(|| PwnedPasswords::new(&self.hibp_url, HTTP)).transpose()
    }
}

/// A span of time as Nhost writes it: `90s`, `5m`, `1h30m`.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "is not a span of time such as 30s, 5m or 1h30m".to_owned();
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (seconds, after) = match (after.strip_prefix("ms"), after.split_at_checked(1)) {
            (Some(after), _) => (Duration::from_millis(number), after),
            (_, Some(("s", after))) => (Duration::from_secs(number), after),
            (_, Some(("m", after))) => (Duration::from_secs(number.saturating_mul(60)), after),
            (_, Some(("h", after))) => (Duration::from_secs(number.saturating_mul(3600)), after),
            _ => return Err(wrong()),
        };
        total = total.saturating_add(seconds);
        rest = after;
    }
    if total.is_zero() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    #[test]
    fn digits_of_passwords_leave_the_machine_encrypted() {
        let refusal = |url: &str| {
            let all = ["brainmessenger", "--hibp-url", url];
            let checked = CommandLine::try_parse_from(all).unwrap().config.limits.check();
            checked.err().map(|exit| exit.message().to_owned()).unwrap_or_default()
        };
        assert!(refusal("http://hibp.example").starts_with("BRAIN_HIBP_URL: "));
        assert!(refusal("hibp.example").starts_with("BRAIN_HIBP_URL: "));
        assert_eq!([refusal(ADDRESS), refusal("http://127.0.0.1:8080")], ["", ""]);
    }

    #[test]
    fn spans_are_read_as_nhost_writes_them() {
        let seconds = |text: &str| span(text).map(|span| span.as_secs_f64());
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("1h30m"), Ok(5400.0));
        assert_eq!(seconds("1500ms"), Ok(1.5));
        for bad in ["", "5", "m", "5d", "0s", "-5m", "5m ", "5ü", "99999999999999999999s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
