//! What an account shows to Google: a refresh token, or a service account's key; and the file of either, in the
//! form that Google gives out.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use base::jws::{Algorithm, SigningKey};
use secrecy::SecretString;
use serde::Deserialize;

use super::{TOKEN_URL, TokenError};

/// A file of Google's has some 2.5 KB.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// What is shown to Google.
#[derive(Clone)]
pub enum Credentials {
    /// A person has allowed a client to act for them.
    RefreshToken {
        /// The client's name.
        client_id: String,
        /// The client's secret.
        client_secret: SecretString,
        /// What the person's consent gave.
        refresh_token: SecretString,
    },
    /// An account of a program.
    ServiceAccount {
        /// Its address.
        client_email: String,
        /// Its key, to sign with RS256.
        key: Arc<SigningKey>,
        /// The name of its key.
        key_id: Option<String>,
        /// Where it gets its tokens, which the assertion names as its audience.
        token_uri: String,
        /// The mailbox that it acts for.
        subject: Option<String>,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::RefreshToken { .. } => "RefreshToken",
            Self::ServiceAccount { .. } => "ServiceAccount",
        })
    }
}

/// A file of Google's, by its `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CredentialsFile {
    ServiceAccount {
        client_email: String,
        private_key: SecretString,
        private_key_id: Option<String>,
        token_uri: Option<String>,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: SecretString,
        refresh_token: SecretString,
    },
}

impl CredentialsFile {
    /// Reads the file.
    pub(super) async fn read(path: &Path) -> Result<Self, TokenError> {
        let text = tokio::fs::read(path).await.map_err(|error| unusable(path, &error))?;
        serde_json::from_slice(&text).map_err(|error| {
            // The sentence must not quote the file.
            let place = format!("line {}, column {}", error.line(), error.column());
            unusable(path, &format!("not a service account's or an authorised user's JSON ({place})"))
        })
    }

    /// What it holds; a service account acts for `subject`.
    pub(super) fn credentials(self, subject: Option<String>) -> Result<Credentials, TokenError> {
        use secrecy::ExposeSecret;
        match self {
            Self::AuthorizedUser { client_id, client_secret, refresh_token } => {
                Ok(Credentials::RefreshToken { client_id, client_secret, refresh_token })
            }
            Self::ServiceAccount { client_email, private_key, private_key_id, token_uri } => {
                let key = SigningKey::from_pem(Algorithm::Rs256, private_key.expose_secret().as_bytes())
                    .map_err(|_| TokenError::Credentials("`private_key` is no RSA key".to_owned()))?;
                let token_uri = token_uri.unwrap_or_else(|| TOKEN_URL.to_owned());
                if !crate::http::is_safe_address(&token_uri) {
                    return Err(TokenError::Credentials("`token_uri` is no https:// address".to_owned()));
                }
                Ok(Credentials::ServiceAccount {
                    client_email,
                    key: Arc::new(key),
                    key_id: private_key_id,
                    token_uri,
                    subject,
                })
            }
        }
    }
}

/// What changes when a file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    changed_at: Option<SystemTime>,
    length: u64,
    inode: u64,
    /// Who may read it.
    mode: u32,
}

impl Stamp {
    /// The stamp of the file as it is now.
    pub(super) async fn of(path: &Path) -> Result<Self, TokenError> {
        let about = tokio::fs::metadata(path).await.map_err(|error| unusable(path, &error))?;
        if about.len() > MAX_FILE_BYTES {
            return Err(unusable(path, &"larger than any of Google's"));
        }
        Ok(Self {
            changed_at: about.modified().ok(),
            length: about.len(),
            inode: about.ino(),
            mode: about.mode(),
        })
    }

    /// Tells the operator where others may read the key.
    pub(super) fn warn(&self, path: &Path) {
        if self.mode & 0o077 != 0 {
            let mode = format!("{:o}", self.mode & 0o777);
            tracing::warn!(path = %path.display(), mode, "a credentials file should be its owner's alone (chmod 600)");
        }
    }
}

fn unusable(path: &Path, why: &dyn fmt::Display) -> TokenError {
    TokenError::Credentials(format!("{}: {why}", path.display()))
}
