//! A mail server, spoken to by SMTP: a connection for each letter, encrypted unless the server is on this machine.
//!
//! Until the letter's whole text is sent, every failure leaves it unsent. After that a missing answer leaves open
//! whether the server has it (RFC 5321, section 4.2.5), and it is told as such: whoever repeats it may send it twice.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{Letter, Sender};
use crate::{Again, Error};

/// How long the server may take to say goodbye. What it says changes nothing.
const FAREWELL: Duration = Duration::from_secs(2);

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
    /// How long each step may take before the letter's text: connecting, a command's answer.
    pub step_timeout: Duration,
    /// How long a letter may take altogether. The answer to its text has all that the steps have left of it: RFC 5321,
    /// section 4.5.3.2.6, asks for ten minutes, because a letter that is not waited for is sent twice.
    pub timeout: Duration,
    /// How often a letter is tried; `None` is until its deadline.
    pub tries: Option<NonZeroU32>,
}

/// A mail server. Cloning is cheap.
#[derive(Clone)]
pub struct Smtp(Arc<Inner>);

struct Inner {
    host: String,
    port: u16,
    security: Security,
    /// Absent where nothing is encrypted.
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    sender: Sender,
    step_timeout: Duration,
    timeout: Duration,
    tries: Option<NonZeroU32>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Smtp").field("sender", &self.0.sender).finish_non_exhaustive()
    }
}

impl Smtp {
    /// Gets ready; connects to nobody yet.
    pub fn new(options: SmtpOptions, sender: Sender) -> Result<Self, Error> {
        let SmtpOptions { host, port, security, credentials, step_timeout, timeout, tries } = options;
        let tls = match security {
            Security::Implicit | Security::StartTls => {
                let parameters = TlsParameters::new(host.clone());
                Some(parameters.map_err(|error| Error::ConfigureMail(error.to_string()))?)
            }
            Security::None => None,
        };
        let credentials =
            credentials.map(|(user, password)| Credentials::new(user, password.expose_secret().to_owned()));
        let inner = Inner { host, port, security, tls, credentials, sender, step_timeout, timeout, tries };
        Ok(Self(Arc::new(inner)))
    }

    pub(super) fn tries(&self) -> Option<NonZeroU32> {
        self.0.tries
    }

    pub(super) async fn send(&self, letter: &Letter, before: impl Future<Output = ()>) -> Result<(), Error> {
        let message = self.0.sender.compose(letter)?;
        let end = Instant::now() + self.0.timeout.min(letter.useful_for);
        let mut connection = self.connect(end).await?;
        let text = message.formatted();
        let result = match self.announce(&mut connection, message.envelope(), &text, end).await {
            Ok(()) => {
                before.await;
                hand_over(&mut connection, &text, end).await
            }
            Err(error) => Err(error),
        };
        let _ = tokio::time::timeout(FAREWELL, connection.abort()).await;
        result
    }

    /// Connects, encrypts and signs in.
    async fn connect(&self, end: Instant) -> Result<AsyncSmtpConnection, Error> {
        let Inner { host, port, security, tls, credentials, step_timeout, .. } = &*self.0;
        let name = ClientId::default();
        let at_once = tls.clone().filter(|_| *security == Security::Implicit);
        let connecting = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(*step_timeout),
            &name,
            at_once,
            None,
        );
        let mut connection = self.step(end, connecting).await?;
        if let Some(tls) = tls.clone().filter(|_| *security == Security::StartTls) {
            self.step(end, connection.starttls(tls, &name)).await?;
        }
        if let Some(credentials) = credentials {
            self.step(end, connection.auth(DEFAULT_MECHANISMS, credentials)).await?;
        }
        Ok(connection)
    }

    /// Says whose letter to whom comes, until the server asks for its text.
    async fn announce(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        text: &[u8],
        end: Instant,
    ) -> Result<(), Error> {
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        let is_foreign = addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii());
        let needed = [
            (is_foreign, Extension::SmtpUtfEight, MailParameter::SmtpUtfEight),
            (!text.is_ascii(), Extension::EightBitMime, MailParameter::Body(MailBodyParameter::EightBitMime)),
        ];
        let mut parameters = Vec::new();
        for (_, extension, parameter) in needed.into_iter().filter(|(is_needed, ..)| *is_needed) {
            if !connection.server_info().supports_feature(extension) {
                return Err(unfit());
            }
            parameters.push(parameter);
        }
        self.step(end, connection.command(Mail::new(envelope.from().cloned(), parameters))).await?;
        for reader in envelope.to() {
            self.step(end, connection.command(Rcpt::new(reader.clone(), Vec::new()))).await?;
        }
        self.step(end, connection.command(Data)).await?;
        Ok(())
    }

    /// A step before the letter's text.
    async fn step<T>(
        &self,
        end: Instant,
        step: impl Future<Output = Result<T, SmtpError>>,
    ) -> Result<T, Error> {
        let end = end.min(Instant::now() + self.0.step_timeout);
        match tokio::time::timeout_at(end, step).await {
            Ok(result) => result.map_err(|error| explain(&error)),
            Err(_) => Err(silent()),
        }
    }
}

/// Sends the letter's text, and waits for the server to take it.
async fn hand_over(connection: &mut AsyncSmtpConnection, text: &[u8], end: Instant) -> Result<(), Error> {
    // The last part is nothing. It is asked for when the text is written, before the dot that makes it a letter.
    let is_written = AtomicBool::new(false);
    let last = std::iter::once_with(|| {
        is_written.store(true, Ordering::Relaxed);
        [].as_slice()
    });
    let sending = connection.message_iter(std::iter::once(text).chain(last));
    let result = tokio::time::timeout_at(end, sending).await;
    let may_have_it = is_written.load(Ordering::Relaxed);
    match result {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if may_have_it && error.status().is_none() => {
            Err(doubtful("the mail server broke off after the letter"))
        }
        Ok(Err(error)) => Err(explain(&error)),
        Err(_) if may_have_it => Err(doubtful("the mail server did not answer to the letter in time")),
        Err(_) => Err(silent()),
    }
}

/// What the server's answer means. Its text may quote the address, so the code alone is told.
fn explain(error: &SmtpError) -> Error {
    let Some(code) = error.status() else {
        return match () {
            () if error.is_timeout() => silent(),
            () if error.is_tls() => {
                later("smtp-tls", "the connection to the mail server could not be encrypted")
            }
            () if error.is_client() => unfit(),
            () => later("smtp-unreachable", "the mail server could not be reached, or broke off"),
        };
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

fn silent() -> Error {
    later("smtp-silent", "the mail server did not answer in time")
}

fn unfit() -> Error {
    later("smtp-unfit", "the mail server does not offer what the settings ask for")
}

fn later(code: &'static str, reason: &str) -> Error {
    Error::SendLetter { code, reason: reason.to_owned(), again: Again::Later }
}

fn doubtful(what: &str) -> Error {
    let reason = format!("{what}; whether it was taken is not known");
    Error::SendLetter { code: "smtp-doubtful", reason, again: Again::Once }
}
