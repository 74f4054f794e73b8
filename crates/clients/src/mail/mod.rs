//! Letters to people: composed here once, sent by one of the ways that are configured.

mod gmail;
mod letter;
mod outbox;
mod smtp;

pub use gmail::{BASE_URL as GMAIL_BASE_URL, Gmail, GmailOptions};
pub use letter::{Letter, Sender};
pub use outbox::Outbox;
pub use smtp::{Security, Smtp, SmtpOptions};

use std::time::Duration;

use crate::Error;

/// A way for letters. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Mailer {
    /// A mailbox at Gmail, through its API.
    Gmail(Gmail),
    /// A mail server.
    Smtp(Smtp),
    /// A folder on this machine, for development.
    Outbox(Outbox),
}

impl Mailer {
    /// Hands a letter over. That it was taken does not mean that it arrives.
    pub async fn send(&self, letter: &Letter) -> Result<(), Error> {
        match self {
            Self::Gmail(gmail) => gmail.send(letter).await,
            Self::Smtp(smtp) => smtp.send(letter).await,
            Self::Outbox(outbox) => outbox.send(letter).await,
        }
    }

    /// How long it will take no letter, where that is known: letters need not be tried before.
    pub fn pause(&self) -> Option<Duration> {
        match self {
            Self::Gmail(gmail) => gmail.pause(),
            Self::Smtp(_) | Self::Outbox(_) => None,
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

    /// Reads its credentials anew, where they are in a file.
    pub async fn reload(&self) {
        match self {
            Self::Gmail(gmail) => gmail.reload().await,
            Self::Smtp(_) | Self::Outbox(_) => {}
        }
    }

    /// Whether its letters leave this machine.
    pub fn reaches_people(&self) -> bool {
        !matches!(self, Self::Outbox(_))
    }
}
