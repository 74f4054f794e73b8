//! Why a call to somebody else's service failed, and whether another one may go better.

use std::time::Duration;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A client for calls over HTTP could not be made.
    #[error("getting ready for calls over HTTP: {0}")]
    ConfigureHttp(String),
    /// The settings of a service that people sign in with cannot be used.
    #[error("configuring a sign-in service: {0}")]
    ConfigureProvider(String),
    /// What such a service says about itself could not be read.
    #[error("reading what a sign-in service says about itself: {0}")]
    DiscoverProvider(String),
    /// The code that a browser brought back was not exchanged for tokens.
    #[error("exchanging a sign-in's code: {0}")]
    ExchangeCode(String),
    /// An id token is none of the service's for us, or not of this sign-in, or too old.
    #[error("verifying an id token: {0}")]
    VerifyIdToken(String),
    /// The person's profile could not be read.
    #[error("reading a profile: {0}")]
    ReadProfile(String),
    /// A letter could not be composed: an address or a header is not one that may stand in a letter.
    #[error("composing a letter: {0}")]
    ComposeLetter(String),
    /// The mail server's settings cannot be used.
    #[error("configuring the mail server: {0}")]
    ConfigureMail(String),
    /// A letter was not taken.
    #[error("sending a letter: {reason}")]
    SendLetter {
        /// What happened, as `docs/errors.md` has it.
        code: &'static str,
        /// The same as a sentence, without addresses or the letter's text.
        reason: String,
        /// Whether to try again.
        again: Again,
    },
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
    /// The settings of a store of objects cannot be used.
    #[error("configuring a store of objects: {0}")]
    ConfigureStore(String),
    /// The store has no object by this key.
    #[error("the store has no such object")]
    ObjectMissing,
    /// The object is in the archive: it has to be restored before it can be read.
    #[error("the object is in the store's archive")]
    ObjectArchived {
        /// Whether it is on its way back.
        restoring: bool,
    },
    /// There is another object by this key already, and it stays.
    #[error("the store has another object by this key")]
    ObjectExists,
    /// A call to a store of objects did not succeed.
    #[error("calling the store of objects: {reason}")]
    Store {
        /// What happened, as `docs/errors.md` has it.
        code: &'static str,
        /// The same as a sentence, without keys, addresses or the store's own words.
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
    /// Once, after a pause that the caller chooses: what came of this call is not known, and it may have done what
    /// it was for.
    Once,
    /// After a pause that the caller chooses.
    Later,
    /// Not before this long, the service says.
    After(Duration),
}

impl Error {
    /// Whether to try again.
    pub fn again(&self) -> Again {
        match self {
            Self::SendLetter { again, .. } | Self::Call { again, .. } | Self::Store { again, .. } => *again,
            Self::WriteLetter(_) | Self::DiscoverProvider(_) | Self::ReadProfile(_) => Again::Later,
            // Restoring takes hours.
            Self::ObjectArchived { .. } => Again::After(Duration::from_hours(1)),
            // A code is good once; whoever brought it begins anew.
            Self::ExchangeCode(_)
            | Self::VerifyIdToken(_)
            | Self::ConfigureProvider(_)
            | Self::ComposeLetter(_)
            | Self::ConfigureMail(_)
            | Self::ConfigureHttp(_)
            | Self::ConfigureStore(_)
            | Self::ObjectMissing
            | Self::ObjectExists => Again::Never,
        }
    }

    /// What the operator finds it by in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SendLetter { code, .. } | Self::Store { code, .. } => code,
            Self::ConfigureStore(_) => "s3-settings",
            Self::ObjectMissing => "s3-object-missing",
            Self::ObjectArchived { .. } => "s3-object-archived",
            Self::ObjectExists => "s3-object-exists",
            Self::WriteLetter(_) => "outbox-unwritable",
            Self::ComposeLetter(_) => "letter-malformed",
            Self::ConfigureMail(_) => "mail-settings",
            Self::ConfigureHttp(_) => "http-settings",
            Self::Call { .. } => "service-call",
            Self::ConfigureProvider(_) => "provider-settings",
            Self::DiscoverProvider(_) => "provider-unavailable",
            Self::ExchangeCode(_) => "provider-code-refused",
            Self::VerifyIdToken(_) => "provider-id-token",
            Self::ReadProfile(_) => "provider-profile",
        }
    }
}
