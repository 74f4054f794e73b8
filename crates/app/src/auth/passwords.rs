//! Hashes and verifies passwords: argon2id with OWASP's parameters, as PHC strings. Hashes of bcrypt, which
//! accounts bring that were made by Nhost Auth, are verified too, to be replaced.
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

/// The most work that a stored bcrypt hash may ask for: two to this. Nhost Auth's ask for 10; each more
/// doubles the time, so that one odd row could hold a thread for hours.
const MAX_BCRYPT_COST: u32 = 14;

/// What comparing a password with a stored hash gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is another one, or there is none.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash is of a kind that is to be replaced.
    RightButOld,
}

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

    /// Compares `password` with the hash `stored`. `None` is a person who has no password, or does not exist:
    /// it takes as long, and is never right.
    pub(super) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Verdict, AuthError> {
        let exists = stored.is_some();
        let stored = stored.map_or_else(|| Arc::clone(&self.nobodys_hash), Arc::from);
        let verdict = self.in_turn(move || compare(password.expose_secret(), &stored)).await??;
        Ok(if exists { verdict } else { Verdict::Wrong })
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

/// Compares at once, on the thread that calls.
fn compare(password: &str, stored: &str) -> Result<Verdict, AuthError> {
    if let Some(hash) = bcrypt_hash(stored)? {
        let is_right = bcrypt::verify(password, hash)
            .map_err(|error| AuthError::Hash(format!("a stored hash is not bcrypt's: {error}")))?;
        return Ok(if is_right { Verdict::RightButOld } else { Verdict::Wrong });
    }
    match Argon2::default().verify_password(password.as_bytes(), stored) {
        Ok(()) => Ok(Verdict::Right),
        Err(HashError::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => {
            Err(AuthError::Hash(format!("a stored hash is neither argon2's nor bcrypt's: {error}")))
        }
    }
}

/// The stored hash, where it is one of bcrypt (`$2a$10$…`) and not too dear to verify.
fn bcrypt_hash(stored: &str) -> Result<Option<&str>, AuthError> {
    let marks = ["$2a$", "$2b$", "$2x$", "$2y$"];
    let Some(rest) = marks.iter().find_map(|mark| stored.strip_prefix(mark)) else {
        return Ok(None);
    };
    let cost = rest.split('$').next().and_then(|cost| cost.parse::<u32>().ok());
    if cost.is_none_or(|cost| cost > MAX_BCRYPT_COST) {
        return Err(AuthError::Hash("a stored bcrypt hash has no cost, or too high a one".to_owned()));
    }
    Ok(Some(stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "correct horse", with cost 4.
    const BCRYPT_HASH: &str = "$2b$04$0dAExdBnOkDUBMjM/XStMeWu/Y7B1/okVjLynbSTVe6bedoXC6vLu";

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_owasps_parameters_and_a_salt_of_its_own() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        let first = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, passwords.hash(secret("correct horse")).await.unwrap());
        let verdict = passwords.verify(secret("correct horse"), Some(first.clone())).await.unwrap();
        assert_eq!(verdict, Verdict::Right);
        assert_eq!(passwords.verify(secret("correct horsf"), Some(first)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        assert_eq!(passwords.verify(secret("anything"), None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_of_bcrypt_is_verified_and_is_old() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        for hash in [BCRYPT_HASH, &BCRYPT_HASH.replace("$2b$", "$2a$"), &BCRYPT_HASH.replace("$2b$", "$2y$")]
        {
            let right = passwords.verify(secret("correct horse"), Some(hash.to_owned())).await.unwrap();
            assert_eq!(right, Verdict::RightButOld, "{hash}");
            let wrong = passwords.verify(secret("correct horsf"), Some(hash.to_owned())).await.unwrap();
            assert_eq!(wrong, Verdict::Wrong, "{hash}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_bcrypt_that_would_take_hours_is_not_begun() {
        let passwords = Passwords::with_slots(1).await.unwrap();
        for cost in ["31", "15", "", "x"] {
            let hash = BCRYPT_HASH.replace("$04$", &format!("${cost}$"));
            assert!(passwords.verify(secret("correct horse"), Some(hash)).await.is_err(), "{cost}");
        }
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
