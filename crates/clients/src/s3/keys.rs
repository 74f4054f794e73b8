//! The keys that requests are signed with: those that the operator gave, or the machine's own, which are renewed
//! before they expire. They are replaced while calls are under way; a call goes on with the keys that it began with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use base::clock::Clock;
use secrecy::ExposeSecret;

use super::{Keys, Machine, machine, meters};

/// Keys are renewed so long before they expire: a call that begins with them has to end with them.
const EARLY_SECONDS: i64 = 300;

/// After a failure the machine is not asked again for so long: who comes meanwhile hears of the failure.
const PAUSE_SECONDS: i64 = 10;

/// How long the machine may take to tell its keys.
const PATIENCE: Duration = Duration::from_secs(10);

/// The keys as they are now.
#[derive(Debug)]
pub(super) struct KeyRing {
    source: ArcSwap<Source>,
    /// How often they were replaced or renewed.
    era: AtomicU64,
    region: String,
    clock: Clock,
}

/// Keys that are not used yet.
#[derive(Debug)]
pub(super) struct Prepared(Arc<Source>);

#[derive(Debug)]
enum Source {
    Given(Credentials),
    Machine(Box<MachineKeys>),
}

/// The machine's own keys, as far as they are known.
#[derive(Debug)]
struct MachineKeys {
    machine: Machine,
    kept: Mutex<Kept>,
    /// Held by the one who asks the machine.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// When the machine was asked last.
    asked_at: Option<i64>,
    /// Why it did not tell then.
    failure: Option<Failure>,
}

/// Why a machine does not tell its keys, for all who wait for them.
#[derive(Clone, Copy, Debug)]
enum Failure {
    NotLoaded,
    TimedOut,
    Invalid,
    Provider,
}

/// What is known without asking anybody.
enum Known {
    /// Keys to sign with, or the reason why there are none.
    Settled(Result<Credentials, CredentialsError>),
    /// Keys that are good for some time yet, and should be renewed.
    Ending(Credentials),
    Nothing,
}

impl KeyRing {
    pub(super) fn new(keys: Keys, region: &str, clock: Clock) -> Self {
        let source = Source::of(keys);
        meters::keys_expire(source.known().as_ref().and_then(ends_at));
        Self {
            source: ArcSwap::from_pointee(source),
            era: AtomicU64::new(0),
            region: region.to_owned(),
            clock,
        }
    }

    /// Other keys, as they are now: they have to be had before they take the place of keys that work.
    pub(super) async fn prepare(&self, keys: Keys) -> Result<(Prepared, Credentials), CredentialsError> {
        let source = Arc::new(Source::of(keys));
        let credentials = self.read(&source).await?;
        Ok((Prepared(source), credentials))
    }

    /// Puts other keys in the place of these.
    pub(super) fn replace(&self, prepared: Prepared) {
        meters::keys_expire(prepared.0.known().as_ref().and_then(ends_at));
        self.source.store(prepared.0);
        self.era.fetch_add(1, Ordering::AcqRel);
    }

    /// A number that is another one when the keys are.
    pub(super) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// The store refused keys of `era`: whether there are others now.
    pub(super) async fn renew(&self, era: u64) -> bool {
        if self.era() != era {
            return true;
        }
        let source = self.source.load_full();
        let Source::Machine(machine) = &*source else { return false };
        let _asking = machine.asking.lock().await;
        if self.era() != era {
            return true;
        }
        // A machine whose keys the store refuses is not asked at every call.
        if machine.kept().was_just_asked(self.clock.unix_seconds()) {
            return false;
        }
        let old = machine.kept().credentials.clone();
        let Ok(found) = self.ask(&source, machine).await else { return false };
        old.is_none_or(|old| !is_same(&old, &found))
    }

    /// The keys to sign with now.
    pub(super) async fn current(&self) -> Result<Credentials, CredentialsError> {
        self.read(&self.source.load_full()).await
    }

    /// How long the keys can be used from `now`; `None` where they do not end by time.
    pub(super) fn life(credentials: &Credentials, now: SystemTime) -> Option<Duration> {
        let expiry = credentials.expiry()?;
        Some(expiry.duration_since(now).unwrap_or_default())
    }

    async fn read(&self, source: &Arc<Source>) -> Result<Credentials, CredentialsError> {
        let machine = match &**source {
            Source::Given(credentials) => return Ok(credentials.clone()),
            Source::Machine(machine) => machine,
        };
        let now = self.clock.unix_seconds();
        let known = machine.kept().known(now);
        let (old, _asking) = match known {
            Known::Settled(keys) => return keys,
            // One renews them; the others go on.
            Known::Ending(old) => match machine.asking.try_lock() {
                Ok(asking) => (Some(old), asking),
                Err(_) => return Ok(old),
            },
            Known::Nothing => (None, machine.asking.lock().await),
        };
        // Whoever waited takes what the one before heard, be it a failure.
        match machine.kept().known(self.clock.unix_seconds()) {
            Known::Settled(keys) => return keys,
            Known::Ending(_) | Known::Nothing => {}
        }
        match (self.ask(source, machine).await, old) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(old)) => Ok(old),
            (Err(error), None) => Err(error),
        }
    }

    /// Asks the machine, and keeps what it says.
    async fn ask(&self, source: &Arc<Source>, asked: &MachineKeys) -> Result<Credentials, CredentialsError> {
        let answer = tokio::time::timeout(PATIENCE, machine::keys(&asked.machine, &self.region)).await;
        let found = answer.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(PATIENCE)));
        let mut kept = asked.kept();
        kept.asked_at = Some(self.clock.unix_seconds());
        kept.failure = found.as_ref().err().map(Failure::of);
        if let Ok(found) = &found {
            kept.credentials = Some(found.clone());
            // What is only being prepared is not in use.
            if Arc::ptr_eq(source, &self.source.load()) {
                meters::keys_expire(ends_at(found));
                self.era.fetch_add(1, Ordering::AcqRel);
            }
        }
        found
    }
}

impl MachineKeys {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn known(&self, now: i64) -> Known {
        let failure = self.failure.filter(|_| self.was_just_asked(now));
        let end = |keys: &Credentials| ends_at(keys).unwrap_or(i64::MAX);
        match (self.credentials.as_ref().filter(|keys| end(keys) > now), failure) {
            (Some(keys), _) if end(keys).saturating_sub(EARLY_SECONDS) > now => {
                Known::Settled(Ok(keys.clone()))
            }
            (Some(keys), Some(_)) => Known::Settled(Ok(keys.clone())),
            (Some(keys), None) => Known::Ending(keys.clone()),
            (None, Some(failure)) => Known::Settled(Err(failure.error())),
            (None, None) => Known::Nothing,
        }
    }

    fn was_just_asked(&self, now: i64) -> bool {
        self.asked_at.is_some_and(|at| (0..PAUSE_SECONDS).contains(&(now - at)))
    }
}

impl Failure {
    fn of(error: &CredentialsError) -> Self {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::NotLoaded,
            CredentialsError::ProviderTimedOut(_) => Self::TimedOut,
            CredentialsError::InvalidConfiguration(_) => Self::Invalid,
            _ => Self::Provider,
        }
    }

    fn error(self) -> CredentialsError {
        const WHY: &str = "the machine was asked just now";
        match self {
            Self::NotLoaded => CredentialsError::not_loaded(WHY),
            Self::TimedOut => CredentialsError::provider_timed_out(PATIENCE),
            Self::Invalid => CredentialsError::invalid_configuration(WHY),
            Self::Provider => CredentialsError::provider_error(WHY),
        }
    }
}

impl Source {
    fn of(keys: Keys) -> Self {
        match keys {
            Keys::Given { access_key_id, secret_access_key, session_token, expires } => {
                let token = session_token.map(|token| token.expose_secret().to_owned());
                let secret = secret_access_key.expose_secret();
                Self::Given(Credentials::new(access_key_id, secret, token, expires, "settings"))
            }
            Keys::Machine(machine) => {
                let (kept, asking) = (Mutex::default(), tokio::sync::Mutex::default());
                Self::Machine(Box::new(MachineKeys { machine, kept, asking }))
            }
        }
    }

    /// The keys, if nobody has to be asked for them.
    fn known(&self) -> Option<Credentials> {
        match self {
            Self::Given(credentials) => Some(credentials.clone()),
            Self::Machine(machine) => machine.kept().credentials.clone(),
        }
    }
}

impl ProvideCredentials for KeyRing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

fn ends_at(credentials: &Credentials) -> Option<i64> {
    let since = credentials.expiry()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

fn is_same(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id()
        && one.secret_access_key() == other.secret_access_key()
        && one.session_token() == other.session_token()
}
