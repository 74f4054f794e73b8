//! Hashes and verifies passwords: argon2id with OWASP's parameters, as PHC strings.
//!
//! A hash takes tens of milliseconds and 19 MiB. So few run at once, each on a thread of its own, few may
//! wait, and none waits long: other requests never notice, and a flood is told to come back.
//! What a hash is of, and any hash, never reaches a log.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::Error as HashError;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::error::AuthError;
use super::observe::HASH_SECONDS;

/// How many requests may wait for a hash, for each that is being hashed.
const WAITING_PER_SLOT: usize = 64;

/// How long a request may wait for its turn.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Hashes passwords, few at once.
pub(super) struct Passwords {
    /// Who may be here at all: those who wait and those whose turn it is.
    places: Arc<Semaphore>,
    /// Whose turn it is.
    slots: Arc<Semaphore>,
    /// What the password of an unknown person is compared with, so that it takes as long as any other.
    nobodys_hash: Arc<str>,
}

impl Passwords {
    /// Leaves one core to everything else, where there are several.
    pub(super) async fn start() -> Result<Self, AuthError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_slots(cores.saturating_sub(1).max(1)).await
    }

    async fn with_slots(slots: usize) -> Result<Self, AuthError> {
        let mut passwords = Self {
            places: Arc::new(Semaphore::new(slots * (1 + WAITING_PER_SLOT))),
            slots: Arc::new(Semaphore::new(slots)),
            nobodys_hash: Arc::from(""),
        };
        let unguessable = SecretString::from(uuid::Uuid::new_v4().to_string());
        passwords.nobodys_hash = passwords.hash(unguessable).await?.into();
        Ok(passwords)
    }

    /// The PHC string to store for `password`.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, AuthError> {
        let hashed = self
            .in_turn(move || Argon2::default().hash_password(password.expose_secret().as_bytes()))
            .await?
            .map_err(|error| AuthError::Hash(error.to_string()))?;
        Ok(hashed.to_string())
    }

    /// Whether `password` is the one that `stored` was made of. `None` is a person who has no password, or
    /// does not exist: it takes as long, and is never right.
    pub(super) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<bool, AuthError> {
        let exists = stored.is_some();
        let stored = stored.map_or_else(|| Arc::clone(&self.nobodys_hash), Arc::from);
        let verdict = self
            .in_turn(move || Argon2::default().verify_password(password.expose_secret().as_bytes(), &*stored))
            .await?;
        match verdict {
            Ok(()) => Ok(exists),
            Err(HashError::PasswordInvalid) => Ok(false),
            // A hash in another form, bcrypt's for instance, belongs to an account moved here from elsewhere.
            Err(error) => Err(AuthError::Hash(format!("a stored hash is not argon2's: {error}"))),
        }
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| AuthError::TooManyPasswords)?;
        let slot = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.slots).acquire_owned())
            .await
            .map_err(|_| AuthError::TooManyPasswords)?
            .map_err(|_| AuthError::TooManyPasswords)?;
        let hashing = tokio::task::spawn_blocking(move || {
            // The work goes on when the client has gone, so its place and turn must last as long.
            let _held = (place, slot);
            let started = Instant::now();
            (work(), started.elapsed())
        });
        let (result, took) = hashing.await.map_err(|error| AuthError::Hash(error.to_string()))?;
        metrics::histogram!(HASH_SECONDS).record(took.as_secs_f64());
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_owasps_parameters_and_a_salt_of_its_own() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        let first = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, passwords.hash(secret("correct horse")).await.unwrap());
        assert!(passwords.verify(secret("correct horse"), Some(first.clone())).await.unwrap());
        assert!(!passwords.verify(secret("correct horsf"), Some(first)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        assert!(!passwords.verify(secret("anything"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_of_another_kind_is_an_error_and_shows_nothing() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        let error = passwords.verify(secret("pw1"), Some("$5$saltsalt$abcdef".to_owned())).await.unwrap_err();
        assert!(!error.to_string().contains("saltsalt"), "{error}");
    }

    #[tokio::test]
    async fn a_flood_is_refused_at_once_and_the_rest_is_served() {
        let passwords = Arc::new(Passwords::with_slots(1).await.unwrap());
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::clone(&passwords);
        let first = tokio::spawn(async move { blocked.in_turn(move || gate.recv()).await });
        while passwords.slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..WAITING_PER_SLOT)
            .map(|_| {
                let passwords = Arc::clone(&passwords);
                tokio::spawn(async move { passwords.in_turn(|| ()).await })
            })
            .collect();
        while passwords.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.in_turn(|| ()).await, Err(AuthError::TooManyPasswords)));
        drop(release);
        assert!(first.await.unwrap().is_ok());
        for waiter in waiting {
            assert!(waiter.await.unwrap().is_ok());
        }
        assert_eq!(passwords.places.available_permits(), 1 + WAITING_PER_SLOT);
    }
}
