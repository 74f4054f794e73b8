//! The keys that requests are signed with: those that the operator gave, or the machine's own, which are renewed
//! before they expire. They are replaced while calls are under way; a call goes on with the keys that it began with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, Region, SharedCredentialsProvider};
use base::clock::Clock;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::{Keys, meters};

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

#[derive(Debug)]
enum Source {
    Given(Credentials),
    Machine { chain: SharedCredentialsProvider, kept: Mutex<Kept> },
}

#[derive(Debug, Default)]
struct Kept {
    credentials: Option<Credentials>,
    failed_at: Option<i64>,
}

impl KeyRing {
    pub(super) fn new(keys: Keys, region: &str, clock: Clock) -> Self {
        let source = ArcSwap::from_pointee(Source::of(keys, region));
        Self { source, era: AtomicU64::new(0), region: region.to_owned(), clock }
    }

    /// Puts other keys in the place of these.
    pub(super) async fn replace(&self, keys: Keys) -> Result<(), CredentialsError> {
        let source = Arc::new(Source::of(keys, &self.region));
        // Keys that cannot be had must not take the place of keys that work.
        self.read(&source).await?;
        self.source.store(source);
        self.era.fetch_add(1, Ordering::AcqRel);
        Ok(())
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
        let Source::Machine { chain, kept } = &*source else { return false };
        let mut kept = kept.lock().await;
        if self.era() != era {
            return true;
        }
        let Ok(found) = self.fetch(chain, &mut kept).await else { return false };
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
        let (chain, kept) = match source {
            Source::Given(credentials) => return Ok(credentials.clone()),
            Source::Machine { chain, kept } => (chain, kept),
        };
        // Whoever comes meanwhile waits for the one who asks.
        let mut kept = kept.lock().await;
        let now = self.clock.unix_seconds();
        let old = kept.credentials.clone().filter(|old| ends_at(old).is_none_or(|end| end > now));
        let is_fresh =
            old.as_ref().is_some_and(|old| ends_at(old).is_none_or(|end| end - EARLY_SECONDS > now));
        let has_failed = kept.failed_at.is_some_and(|at| (0..PAUSE_SECONDS).contains(&(now - at)));
        match old {
            Some(old) if is_fresh || has_failed => Ok(old),
            old => match self.fetch(chain, &mut kept).await {
                Ok(found) => {
                    self.keep(&mut kept, found.clone());
                    Ok(found)
                }
                Err(error) => old.ok_or(error),
            },
        }
    }

    async fn fetch(
        &self,
        chain: &SharedCredentialsProvider,
        kept: &mut Kept,
    ) -> Result<Credentials, CredentialsError> {
        let asked = tokio::time::timeout(PATIENCE, chain.provide_credentials()).await;
        let found = asked.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(PATIENCE)));
        kept.failed_at = found.is_err().then(|| self.clock.unix_seconds());
        found
    }

    fn keep(&self, kept: &mut Kept, found: Credentials) {
        meters::keys_expire(ends_at(&found));
        kept.credentials = Some(found);
        self.era.fetch_add(1, Ordering::AcqRel);
    }
}

impl Source {
    fn of(keys: Keys, region: &str) -> Self {
        match keys {
            Keys::Given { access_key_id, secret_access_key, session_token } => Self::Given(Credentials::new(
                access_key_id,
                secret_access_key.expose_secret(),
                session_token.map(|token| token.expose_secret().to_owned()),
                None,
                "settings",
            )),
            Keys::Machine => Self::Machine { chain: machine(region), kept: Mutex::default() },
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

/// Where a machine's own keys are looked for: a profile's file, then an instance's role.
fn machine(region: &str) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region().with_region(Some(Region::new(region.to_owned())));
    let profile = ProfileFileCredentialsProvider::builder().configure(&config).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).build();
    let chain = CredentialsProviderChain::first_try("Profile", profile).or_else("Instance", instance);
    SharedCredentialsProvider::new(chain)
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
