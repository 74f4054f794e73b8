//! The keys that requests are signed with: those that the operator gave, or the machine's own, which are renewed
//! before they expire. They are replaced while calls are under way; a call goes on with the keys that it began with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use base::clock::Clock;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::{Keys, Machine, machine, meters};

/// Keys are renewed so long before they expire: a call that begins with them has to end with them.
const EARLY_SECONDS: i64 = 300;

/// After a failure the machine is not asked again for so long, unless there are no keys at all.
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
    Machine { machine: Box<Machine>, kept: Mutex<Kept> },
}

#[derive(Debug, Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// When the machine was asked last, and whether it failed then.
    asked_at: Option<i64>,
    has_failed: bool,
}

impl KeyRing {
    pub(super) fn new(keys: Keys, region: &str, clock: Clock) -> Self {
        let source = ArcSwap::from_pointee(Source::of(keys));
        Self { source, era: AtomicU64::new(0), region: region.to_owned(), clock }
    }

    /// Other keys, as they are now: they have to be had before they take the place of keys that work.
    pub(super) async fn prepare(&self, keys: Keys) -> Result<(Prepared, Credentials), CredentialsError> {
        let source = Arc::new(Source::of(keys));
        let credentials = self.read(&source).await?;
        Ok((Prepared(source), credentials))
    }

    /// Puts other keys in the place of these.
    pub(super) fn replace(&self, prepared: Prepared) {
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
        let Source::Machine { machine, kept } = &*source else { return false };
        let mut kept = kept.lock().await;
        if self.era() != era {
            return true;
        }
        // A machine whose keys the store refuses is not asked at every call.
        if kept.was_just_asked(self.clock.unix_seconds()) {
            return false;
        }
        let Ok(found) = self.fetch(machine, &mut kept).await else { return false };
        let is_new = kept.credentials.as_ref().is_none_or(|old| !is_same(old, &found));
        self.keep(&mut kept, found);
        is_new
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

    async fn read(&self, source: &Source) -> Result<Credentials, CredentialsError> {
        let (machine, kept) = match source {
            Source::Given(credentials) => return Ok(credentials.clone()),
            Source::Machine { machine, kept } => (machine, kept),
        };
        // Whoever comes meanwhile waits for the one who asks.
        let mut kept = kept.lock().await;
        let now = self.clock.unix_seconds();
        let old = kept.credentials.clone().filter(|old| ends_at(old).is_none_or(|end| end > now));
        let is_fresh =
            old.as_ref().is_some_and(|old| ends_at(old).is_none_or(|end| end - EARLY_SECONDS > now));
        let has_failed = kept.has_failed && kept.was_just_asked(now);
        match old {
            Some(old) if is_fresh || has_failed => Ok(old),
            old => match self.fetch(machine, &mut kept).await {
                Ok(found) => {
                    self.keep(&mut kept, found.clone());
                    Ok(found)
                }
                Err(error) => old.ok_or(error),
            },
        }
    }

    async fn fetch(&self, machine: &Machine, kept: &mut Kept) -> Result<Credentials, CredentialsError> {
        let asked = tokio::time::timeout(PATIENCE, machine::keys(machine, &self.region)).await;
        let found = asked.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(PATIENCE)));
        kept.asked_at = Some(self.clock.unix_seconds());
        kept.has_failed = found.is_err();
        found
    }

    fn keep(&self, kept: &mut Kept, found: Credentials) {
        meters::keys_expire(ends_at(&found));
        kept.credentials = Some(found);
        self.era.fetch_add(1, Ordering::AcqRel);
    }
}

impl Kept {
    fn was_just_asked(&self, now: i64) -> bool {
        self.asked_at.is_some_and(|at| (0..PAUSE_SECONDS).contains(&(now - at)))
    }
}

impl Source {
    fn of(keys: Keys) -> Self {
        match keys {
            Keys::Given { access_key_id, secret_access_key, session_token } => Self::Given(Credentials::new(
                access_key_id,
                secret_access_key.expose_secret(),
                session_token.map(|token| token.expose_secret().to_owned()),
                None,
                "settings",
            )),
            Keys::Machine(machine) => Self::Machine { machine: Box::new(machine), kept: Mutex::default() },
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
