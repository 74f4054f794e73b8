//! Access tokens of Google's services: fetched with a refresh token or a service account, kept until shortly
//! before their end, and renewed by one task while others wait.
//!
//! No secret leaves this module but in a request to Google. Source: Google's "OAuth 2.0 for Server to Server
//! Applications" and RFC 7523.

mod credentials;
mod grant;

use std::path::PathBuf;
use std::sync::Arc;

use base::clock::Clock;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

#[cfg(test)]
mod tests;

pub use credentials::Credentials;
use credentials::{CredentialsFile, Stamp};

use crate::http::Http;

/// Where Google gives out tokens, unless the credentials say otherwise.
pub const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// A token is renewed this many seconds before its end.
const EARLY_SECONDS: i64 = 300;

/// For so many seconds after a failure nobody asks again: while it may pass, and while the operator must act.
const PAUSE_SECONDS: i64 = 2;
const LONG_PAUSE_SECONDS: i64 = 60;

/// Where the credentials come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The settings.
    Given(Credentials),
    /// A file, which is read anew when it has changed.
    File {
        /// Google's JSON file: a service account, or an authorised user.
        path: PathBuf,
        /// The mailbox that a service account acts for.
        subject: Option<String>,
    },
}

/// Whose tokens, for what.
#[derive(Clone, Debug)]
pub struct TokenOptions {
    /// The credentials.
    pub source: Source,
    /// What the token is for, a URL of Google's.
    pub scope: &'static str,
    /// Where tokens are fetched, in the place of what the credentials name.
    pub token_url: Option<String>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file is missing, unreadable, or none of Google's.
    #[error("the credentials file cannot be used: {0}")]
    Credentials(String),
    /// The refresh token or the key is revoked, expired or was never good.
    #[error("Google no longer takes the refresh token or key")]
    Dead,
    /// Google finds the assertion's times wrong.
    #[error("Google finds this machine's clock wrong")]
    Clock,
    /// The client's name or secret is wrong, or the service account may not act for the mailbox.
    #[error("Google refuses the client or its delegation: {0}")]
    Refused(String),
    /// Google gave no answer, or said that it cannot.
    #[error("Google gives no token: {0}")]
    Unavailable(String),
}

impl TokenError {
    /// Whether the same request may go better without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// A token, which does not print.
#[derive(Clone, Debug)]
pub struct AccessToken {
    text: SecretString,
    /// In seconds since 1970.
    expires_at: i64,
}

impl AccessToken {
    /// The value of the header `Authorization`.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.text.expose_secret())
    }

    fn is(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}

/// The tokens of one account for one purpose. Cloning is cheap, and clones share the token.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    options: TokenOptions,
    clock: Clock,
    kept: Mutex<Kept>,
}

/// What is known so far.
#[derive(Debug, Default)]
struct Kept {
    token: Option<AccessToken>,
    file: Option<(Stamp, Credentials)>,
    /// The last failure, and until when it stands.
    failed: Option<(TokenError, i64)>,
}

impl Tokens {
    /// Gets ready; reads and asks nothing yet.
    pub fn new(http: Http, options: TokenOptions, clock: Clock) -> Self {
        Self(Arc::new(Inner { http, options, clock, kept: Mutex::default() }))
    }

    /// Reads the credentials, so that a wrong file is noticed at start.
    pub async fn check(&self) -> Result<(), TokenError> {
        let mut kept = self.0.kept.lock().await;
        self.credentials(&mut kept).await.map(|_| ())
    }

    /// A token that is good for some minutes.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        let mut kept = self.0.kept.lock().await;
        let credentials = self.credentials(&mut kept).await?;
        let now = self.0.clock.unix_seconds();
        let old = kept.token.clone();
        if let Some(token) = old.as_ref().filter(|token| token.expires_at - EARLY_SECONDS > now) {
            return Ok(token.clone());
        }
        let good = old.filter(|token| token.expires_at > now);
        if let Some((error, until)) = &kept.failed
            && now < *until
        {
            return good.filter(|_| error.may_pass()).ok_or_else(|| error.clone());
        }
        match self.fetch(&credentials, now).await {
            Ok(token) => {
                kept.failed = None;
                kept.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                let pause = if error.may_pass() { PAUSE_SECONDS } else { LONG_PAUSE_SECONDS };
                // From now on, and not from when it was asked: Google may have kept us waiting.
                kept.failed = Some((error.clone(), self.0.clock.unix_seconds() + pause));
                good.filter(|_| error.may_pass()).ok_or(error)
            }
        }
    }

    /// Forgets a token that a service refused, unless another has taken its place.
    pub async fn discard(&self, token: &AccessToken) {
        let mut kept = self.0.kept.lock().await;
        if kept.token.as_ref().is_some_and(|kept| kept.is(token)) {
            kept.token = None;
        }
    }

    /// Forgets everything: the credentials are read anew.
    pub async fn reload(&self) {
        *self.0.kept.lock().await = Kept::default();
    }

    /// The credentials; those of a file as they are now.
    async fn credentials(&self, kept: &mut Kept) -> Result<Credentials, TokenError> {
        let (path, subject) = match &self.0.options.source {
            Source::Given(credentials) => return Ok(credentials.clone()),
            Source::File { path, subject } => (path, subject),
        };
        let stamp = Stamp::of(path).await?;
        if let Some((known, credentials)) = &kept.file
            && *known == stamp
        {
            return Ok(credentials.clone());
        }
        stamp.warn(path);
        let credentials = CredentialsFile::read(path).await?.credentials(subject.clone())?;
        *kept = Kept { file: Some((stamp, credentials.clone())), ..Kept::default() };
        Ok(credentials)
    }

    async fn fetch(&self, credentials: &Credentials, now: i64) -> Result<AccessToken, TokenError> {
        let Inner { http, options, .. } = &*self.0;
        let request = grant::request(credentials, options, now)?;
        let answer = http.send(request).await.map_err(|error| TokenError::Unavailable(error.to_string()))?;
        grant::read(&answer, now)
    }
}
