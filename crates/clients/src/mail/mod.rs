//! Letters to people: composed here once, sent by one of the ways that are configured.

mod letter;
mod outbox;
mod smtp;

pub use letter::{Letter, Sender};
pub use outbox::Outbox;
pub use smtp::{Security, Smtp, SmtpOptions};

use crate::Error;

/// A way for letters. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Mailer {
    /// A mail server.
    Smtp(Smtp),
    /// A folder on this machine, for development.
    Outbox(Outbox),
}

impl Mailer {
    /// Hands a letter over. That it was taken does not mean that it arrives.
    pub async fn send(&self, letter: &Letter) -> Result<(), Error> {
        match self {
            Self::Smtp(smtp) => smtp.send(letter).await,
            Self::Outbox(outbox) => outbox.send(letter).await,
        }
    }

    /// Whether its letters leave this machine.
    pub fn reaches_people(&self) -> bool {
        !matches!(self, Self::Outbox(_))
    }
}
