//! A mail server, spoken to by SMTP: a connection for each letter, encrypted unless the server is on this machine.

use std::num::NonZeroU32;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::{Letter, Sender};
use crate::{Again, Error};

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// From its first byte (port 465).
    Implicit,
    /// After `STARTTLS` (port 587), without which nothing is sent.
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

/// How a mail server is reached.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// User and password, where it asks for them.
    pub credentials: Option<(String, SecretString)>,
    /// How long each step may take: connecting, a command's answer.
    pub step_timeout: Duration,
    /// How long a letter may take altogether.
    pub timeout: Duration,
    /// How often a letter is tried; `None` is until its deadline.
    pub tries: Option<NonZeroU32>,
}

/// A mail server. Cloning is cheap.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
    timeout: Duration,
    tries: Option<NonZeroU32>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Smtp").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl Smtp {
    /// Gets ready; connects to nobody yet.
    pub fn new(options: SmtpOptions, sender: Sender) -> Result<Self, Error> {
        let parameters = || {
            TlsParameters::new(options.host.clone()).map_err(|error| Error::ConfigureMail(error.to_string()))
        };
        let tls = match options.security {
            Security::Implicit => Tls::Wrapper(parameters()?),
            Security::StartTls => Tls::Required(parameters()?),
            Security::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(options.host)
            .port(options.port)
            .tls(tls)
            .timeout(Some(options.step_timeout));
        if let Some((user, password)) = options.credentials {
            builder = builder.credentials(Credentials::new(user, password.expose_secret().to_owned()));
        }
        let (timeout, tries) = (options.timeout, options.tries);
        Ok(Self { transport: builder.build(), sender, timeout, tries })
    }

    pub(super) fn tries(&self) -> Option<NonZeroU32> {
        self.tries
    }

    pub(super) async fn send(&self, letter: &Letter) -> Result<(), Error> {
        let message = self.sender.compose(letter)?;
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => {
                let reason = format!("the mail server took longer than {} s", self.timeout.as_secs());
                Err(Error::SendLetter { code: "smtp-silent", reason, again: Again::Later })
            }
        }
    }
}

/// What the server's answer means. Its text may quote the address, so the code alone is told.
fn explain(error: &lettre::transport::smtp::Error) -> Error {
    let Some(code) = error.status() else {
        let (code, reason) = match () {
            () if error.is_timeout() => ("smtp-silent", "the mail server did not answer in time"),
            () if error.is_tls() => ("smtp-tls", "the connection to the mail server could not be encrypted"),
            () if error.is_client() => {
                ("smtp-unfit", "the mail server does not offer what the settings ask for")
            }
            () => ("smtp-unreachable", "the mail server could not be reached, or broke off"),
        };
        return Error::SendLetter { code, reason: reason.to_owned(), again: Again::Later };
    };
    let code = u16::from(code);
    // 550 to 554 are about this letter; other refusals (a password, a quota) are the operator's to mend.
    let (name, again) = if (550..=554).contains(&code) {
        ("smtp-letter-refused", Again::Never)
    } else {
        ("smtp-refused", Again::Later)
    };
    Error::SendLetter { code: name, reason: format!("the mail server answered {code}"), again }
}
