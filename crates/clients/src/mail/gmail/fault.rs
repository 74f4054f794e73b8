//! What can go wrong with a letter at Gmail, as the operator reads it: a code, a sentence, and whether and when the
//! letter is tried again. `docs/errors.md` has a row for each code.

use std::time::Duration;

use super::quota::Spent;
use crate::google::TokenError;
use crate::{Again, Error};

/// While the operator has to act, a letter is tried again so often: it may go before its deadline once they have.
const OPERATORS_PAUSE: Duration = Duration::from_mins(1);

/// Google's limits for a minute come back within one.
const RATE_PAUSE: Duration = Duration::from_secs(20);

/// How often a spent day is looked at again: it is the mailbox's last 24 hours, and Google does not say when they end.
const DAY_PAUSE: Duration = Duration::from_mins(15);

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Token(TokenError),
    Unauthorized,
    Forbidden,
    NotConfigured,
    MailboxMissing,
    RateLimited(Option<Duration>),
    DaySpent,
    OwnLimit(Spent),
    LetterRefused,
    Unavailable(u16),
    Unreachable,
    Silent,
    Broken,
    Unexpected(u16),
}

impl Fault {
    /// What the operator finds it by.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Token(TokenError::Credentials(_)) => "google-credentials",
            Self::Token(TokenError::Dead) => "google-grant-dead",
            Self::Token(TokenError::Clock) => "google-clock",
            Self::Token(TokenError::Refused(_)) => "google-client-refused",
            Self::Token(TokenError::Unavailable(_)) => "google-token-unavailable",
            Self::Unauthorized => "gmail-unauthorized",
            Self::Forbidden => "gmail-forbidden",
            Self::NotConfigured => "gmail-precondition",
            Self::MailboxMissing => "gmail-mailbox-missing",
            Self::RateLimited(_) => "gmail-rate-limited",
            Self::DaySpent => "gmail-day-spent",
            Self::OwnLimit(_) => "gmail-own-limit",
            Self::LetterRefused => "gmail-letter-refused",
            Self::Unavailable(_) => "gmail-unavailable",
            Self::Unreachable => "gmail-unreachable",
            Self::Silent => "gmail-silent",
            Self::Broken => "gmail-broken",
            Self::Unexpected(_) => "gmail-unexpected",
        }
    }

    /// What it means.
    fn sentence(&self) -> String {
        let fixed = match self {
            Self::Token(error) => return error.to_string(),
            Self::Unavailable(status) => return format!("Gmail has a failure of its own (status {status})"),
            Self::Unexpected(status) => {
                return format!("Gmail answered what nobody expects (status {status})");
            }
            Self::OwnLimit(Spent::Minute(_)) => "GMAIL_UNITS_PER_MINUTE is used up for this minute",
            Self::OwnLimit(Spent::Day(_)) => {
                "the mailbox's letters for today are used up: GMAIL_LETTERS_PER_DAY, or Google's own count"
            }
            Self::OwnLimit(Spent::Held(_)) => "Gmail is left alone for a while after its last refusal",
            Self::Unauthorized => "Gmail refuses a token that Google has just given",
            Self::Forbidden => {
                "Gmail forbids it: the scope gmail.send is missing, the Gmail API is off, or the domain's policy is against it"
            }
            Self::NotConfigured => {
                "Gmail has no mailbox for the account: a service account needs GMAIL_SENDER and delegation"
            }
            Self::MailboxMissing => "Gmail does not know the mailbox, or GMAIL_BASE_URL is wrong",
            Self::RateLimited(_) => "Gmail wants fewer letters a minute from this mailbox",
            Self::DaySpent => "the mailbox has sent as many letters today as it may",
            Self::LetterRefused => "Gmail refuses this letter: its reader's address or its form",
            Self::Unreachable => "Gmail cannot be reached",
            Self::Silent => "Gmail did not answer in time; whether the letter was sent is not known",
            Self::Broken => "Gmail broke off; whether the letter was sent is not known",
        };
        fixed.to_owned()
    }

    /// Whether and when the letter is tried again.
    pub(super) fn again(&self) -> Again {
        match self {
            Self::Token(error) if error.may_pass() => Again::Later,
            Self::Token(_)
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotConfigured
            | Self::MailboxMissing
            | Self::Unexpected(_) => Again::After(OPERATORS_PAUSE),
            Self::RateLimited(pause) => Again::After(pause.unwrap_or(RATE_PAUSE)),
            Self::DaySpent => Again::After(DAY_PAUSE),
            Self::OwnLimit(Spent::Minute(pause) | Spent::Day(pause) | Spent::Held(pause)) => {
                Again::After(*pause)
            }
            Self::LetterRefused => Again::Never,
            Self::Unavailable(_) | Self::Unreachable => Again::Later,
            Self::Silent | Self::Broken => Again::Once,
        }
    }

    /// How long the mailbox is left alone: what stopped this letter would stop the others, too.
    pub(super) fn hold(&self) -> Option<Duration> {
        match (self, self.again()) {
            (Self::OwnLimit(_), _) => None,
            (_, Again::After(pause)) => Some(pause),
            _ => None,
        }
    }

    /// One of each, for the test that holds the documentation.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let pause = Duration::from_secs(1);
        vec![
            Self::Token(TokenError::Credentials(String::new())),
            Self::Token(TokenError::Dead),
            Self::Token(TokenError::Clock),
            Self::Token(TokenError::Refused(String::new())),
            Self::Token(TokenError::Unavailable(String::new())),
            Self::Unauthorized,
            Self::Forbidden,
            Self::NotConfigured,
            Self::MailboxMissing,
            Self::RateLimited(None),
            Self::DaySpent,
            Self::OwnLimit(Spent::Minute(pause)),
            Self::LetterRefused,
            Self::Unavailable(503),
            Self::Unreachable,
            Self::Silent,
            Self::Broken,
            Self::Unexpected(302),
        ]
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::SendLetter { code: fault.code(), reason: fault.sentence(), again: fault.again() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_stands_in_the_list_of_errors() {
        let list = include_str!("../../../../../docs/errors.md");
        for fault in Fault::all() {
            let row = format!("| `{}` |", fault.code());
            let mut rows = list.lines().filter(|line| line.starts_with(&row));
            let row = rows.next().unwrap_or_else(|| panic!("{} has no row in docs/errors.md", fault.code()));
            assert!(rows.next().is_none(), "{} stands twice in docs/errors.md", fault.code());
            let again = row.split('|').nth(3).unwrap().trim();
            let expected = match fault.again() {
                Again::Never => "never",
                Again::Once => "once",
                Again::Later => "2 s, 4 s, 8 s …",
                Again::After(_) => again,
            };
            assert_eq!(again, expected, "{}", fault.code());
        }
        let codes: Vec<&str> = Fault::all().iter().map(Fault::code).collect();
        for line in list.lines().filter(|line| line.starts_with("| `g")) {
            assert!(codes.iter().any(|code| line.starts_with(&format!("| `{code}` |"))), "{line}");
        }
    }
}
