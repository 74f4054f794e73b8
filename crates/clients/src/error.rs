//! Why a call to somebody else's service failed, and whether another one may go better.

use std::time::Duration;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A letter could not be composed: an address or a header is not one that may stand in a letter.
    #[error("composing a letter: {0}")]
    ComposeLetter(String),
    /// The mail server's settings cannot be used.
    #[error("configuring the mail server: {0}")]
    ConfigureMail(String),
    /// A letter was not taken.
    #[error("sending a letter: {reason}")]
    SendLetter {
        /// What happened, without addresses or the letter's text.
        reason: String,
        /// Whether to try again.
        again: Again,
    },
    /// The client for HTTP cannot be made ready, or an address is none.
    #[error("configuring the HTTP client: {0}")]
    ConfigureWeb(String),
    /// A call to a service did not succeed.
    #[error("calling {service}: {reason}")]
    Call {
        /// Whom.
        service: &'static str,
        /// What happened, without addresses.
        reason: String,
        /// Whether to try again.
        again: Again,
    },
    /// A letter could not be put into the outbox folder.
    #[error("writing a letter into the outbox folder")]
    WriteLetter(#[source] std::io::Error),
}

/// Whether the same call may go better later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It will not.
    Never,
    /// After a pause that the caller chooses.
    Later,
    /// Not before this long, the service says.
    After(Duration),
}

impl Error {
    /// Whether to try again.
    pub fn again(&self) -> Again {
        match self {
            Self::SendLetter { again, .. } | Self::Call { again, .. } => *again,
            Self::WriteLetter(_) => Again::Later,
            Self::ComposeLetter(_) | Self::ConfigureMail(_) | Self::ConfigureWeb(_) => Again::Never,
        }
    }
}
