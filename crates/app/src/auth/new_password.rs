//! What a new password must be, wherever one is chosen: long enough, and where the settings ask for it none that thieves
//! know. A list of theirs that does not answer refuses nobody.

use data_encoding::HEXUPPER;
use secrecy::ExposeSecret;
use sha1::{Digest, Sha1};

use super::Auth;
use super::error::AuthError;
use super::fields::Password;

impl Auth {
    /// Refuses a password that may not be chosen.
    pub(super) async fn check_new_password(&self, password: &Password) -> Result<(), AuthError> {
        if password.len_bytes() < self.0.options.password_min_length {
            return Err(AuthError::PasswordTooShort);
        }
        let Some(list) = &self.0.options.breached_passwords else { return Ok(()) };
        let digest = Sha1::digest(password.clone().into_secret().expose_secret().as_bytes());
        match list.contain(&HEXUPPER.encode(&digest)).await {
            Ok(true) => Err(AuthError::BreachedPassword),
            Ok(false) => Ok(()),
            Err(error) => {
                tracing::warn!(error.code = error.code(), %error, "a password is taken without a look at the list of breached ones");
                Ok(())
            }
        }
    }

    /// The hash of a password that may be chosen.
    pub(super) async fn hash_new_password(&self, password: Option<Password>) -> Result<String, AuthError> {
        let password =
            password.ok_or_else(|| AuthError::InvalidRequest("a password is needed".to_owned()))?;
        self.check_new_password(&password).await?;
        self.0.passwords.hash(password.into_secret()).await
    }
}
