//! Letters to people: composed here once, sent by one of the ways that are configured.

mod gmail;
mod letter;
mod outbox;
mod smtp;

pub use gmail::{BASE_URL as GMAIL_BASE_URL, Gmail, GmailOptions};
pub use letter::{Letter, Sender};
pub use outbox::Outbox;
pub use smtp::{Security, Smtp, SmtpOptions};

use std::num::NonZeroU32;
use std::time::Duration;

use crate::Error;

/// A way for letters. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Way {
    /// A mailbox at Gmail, through its API.
    Gmail(Gmail),
    /// A mail server.
    Smtp(Smtp),
    /// A folder on this machine, for development.
    Outbox(Outbox),
}

/// For how long a way takes no letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// A moment: a limit of the minute, or a failure that the operator mends.
    Awhile(Duration),
    /// As many letters were sent as may be in a day.
    Today(Duration),
}

impl Way {
    /// Hands a letter over. That it was taken does not mean that it arrives.
    ///
    /// `before` is awaited when it may be taken from then on, and not at all where the letter's name keeps it from being
    /// there twice.
    pub async fn send(&self, letter: &Letter, before: impl Future<Output = ()>) -> Result<(), Error> {
        match self {
            Self::Gmail(gmail) => gmail.send(letter, before).await,
            Self::Smtp(smtp) => smtp.send(letter, before).await,
            Self::Outbox(outbox) => outbox.send(letter).await,
        }
    }

    /// How often a letter is tried, where its deadline alone does not decide.
    pub fn tries(&self) -> Option<NonZeroU32> {
        match self {
            Self::Gmail(gmail) => gmail.tries(),
            Self::Smtp(smtp) => smtp.tries(),
            Self::Outbox(_) => None,
        }
    }

    /// The mailbox whose letters are counted by the day, where it has such a limit.
    pub fn mailbox(&self) -> Option<String> {
        match self {
            Self::Gmail(gmail) => Some(gmail.mailbox()),
            Self::Smtp(_) | Self::Outbox(_) => None,
        }
    }

    /// Learns how many letters all who send from the mailbox had sent by `at`, in seconds since 1970, on that day (UTC).
    pub fn learn_sent(&self, letters: u32, at: i64) {
        match self {
            Self::Gmail(gmail) => gmail.learn_sent(letters, at),
            Self::Smtp(_) | Self::Outbox(_) => {}
        }
    }

    /// Its name in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gmail(_) => "gmail",
            Self::Smtp(_) => "smtp",
            Self::Outbox(_) => "outbox",
        }
    }

    fn closed(&self) -> Option<Closed> {
        match self {
            Self::Gmail(gmail) => gmail.closed(),
            Self::Smtp(_) | Self::Outbox(_) => None,
        }
    }

    async fn reload(&self) {
        match self {
            Self::Gmail(gmail) => gmail.reload().await,
            Self::Smtp(_) | Self::Outbox(_) => {}
        }
    }
}

/// The ways for letters: one, and perhaps another for the days when the first takes no more. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Mailer {
    first: Way,
    second: Option<Way>,
}

impl From<Way> for Mailer {
    fn from(first: Way) -> Self {
        Self { first, second: None }
    }
}

impl Mailer {
    /// The same, with a way for what the first takes no more today.
    #[must_use]
    pub fn with_second(self, second: Way) -> Self {
        Self { second: Some(second), ..self }
    }

    /// The way by which a letter goes now; `None` while it need not be tried.
    ///
    /// Limits of the minute and failures are waited out: most are over sooner than a letter that was sent twice is
    /// explained.
    pub fn open(&self) -> Option<&Way> {
        match self.first.closed() {
            None => Some(&self.first),
            Some(Closed::Today(_)) => self.second.as_ref().filter(|second| second.closed().is_none()),
            Some(Closed::Awhile(_)) => None,
        }
    }

    /// How long no way will take a letter, where that is known: letters need not be tried before.
    pub fn pause(&self) -> Option<Duration> {
        let (None, Some(Closed::Awhile(pause) | Closed::Today(pause))) = (self.open(), self.first.closed())
        else {
            return None;
        };
        Some(pause)
    }

    /// Reads credentials anew, where they are in a file.
    pub async fn reload(&self) {
        for way in std::iter::once(&self.first).chain(&self.second) {
            way.reload().await;
        }
    }
}
