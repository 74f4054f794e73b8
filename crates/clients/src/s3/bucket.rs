//! The bucket itself: what it takes to call it, and the one way that every call goes.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::ObjectCannedAcl;
use base::clock::Clock;

use super::fault::{Fault, Kind};
use super::keys::KeyRing;
use super::meters::Operation;
use super::presign::Signer;
use super::{Keys, Settings, meters, sdk, wire};
use crate::Error;

/// An object that is not there: keys are tried by asking for it.
const NOBODYS: &str = "uploads/keys-are-tried";

/// A bucket. Cloning it is cheap, and clones share connections and keys.
#[derive(Clone)]
pub struct Bucket(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) client: Client,
    /// Signs addresses for clients, who may know the store by another name.
    pub(super) public: Client,
    /// The client that signed last.
    pub(super) signer: ArcSwapOption<Signer>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) habits: Habits,
}

/// What this store was seen not to do. It is asked once, and not again while the program runs.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// The bucket takes no ACL: its owner owns all objects.
    refuses_acl: AtomicBool,
    /// The store does not know `If-None-Match` for a PUT.
    ignores_conditions: AtomicBool,
}

/// What goes along with an object that not every store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// The ACL of the settings.
    has_acl: bool,
    /// `If-None-Match`.
    has_condition: bool,
}

impl Manner {
    /// The same for a call that makes no object: there is nothing to be compared.
    pub(super) fn unconditional(self) -> Self {
        Self { has_condition: false, ..self }
    }

    /// With less, where `fault` may come from what is left out.
    pub(super) fn without(self, fault: &Fault) -> Option<Self> {
        match fault.kind() {
            Kind::AclRefused if self.has_acl => Some(Self { has_acl: false, ..self }),
            Kind::NotImplemented if self.has_condition => Some(self.unconditional()),
            _ => None,
        }
    }

    /// The ACL that is sent.
    pub(super) fn acl(self, settings: &Settings) -> Option<ObjectCannedAcl> {
        settings.object_acl.as_deref().filter(|_| self.has_acl).map(ObjectCannedAcl::from)
    }

    /// `If-None-Match`, as it is sent.
    pub(super) fn condition(self) -> Option<String> {
        self.has_condition.then(|| "*".to_owned())
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Bucket").field(&self.0.settings.bucket).finish()
    }
}

impl Bucket {
    /// Gets ready to call a bucket; calls nobody yet.
    pub fn open(settings: Settings, keys: Keys) -> Result<Self, Error> {
        Self::open_with(settings, keys, Clock::system())
    }

    /// The same by another clock, which says when keys expire.
    pub fn open_with(settings: Settings, keys: Keys, clock: Clock) -> Result<Self, Error> {
        settings.check()?;
        meters::describe();
        let keys = Arc::new(KeyRing::new(keys, &settings.region, clock));
        let endpoint = settings.endpoint.as_deref();
        let http = wire::client();
        let client = sdk::client(&settings, &keys, &http, endpoint);
        let public = sdk::client(&settings, &keys, &http, settings.public_endpoint.as_deref().or(endpoint));
        Ok(Self(Arc::new(Inner {
            settings,
            client,
            public,
            signer: ArcSwapOption::empty(),
            keys,
            habits: Habits::default(),
        })))
    }

    /// Signs with other keys from now on; calls that are under way go on with the old ones. Keys that cannot be had, or
    /// that the store refuses, are an error, and the old ones stay.
    pub async fn replace_keys(&self, keys: Keys) -> Result<(), Error> {
        let (prepared, credentials) = self.0.keys.prepare(keys).await.map_err(|error| Fault::keys(&error))?;
        self.try_keys(credentials).await?;
        self.0.keys.replace(prepared);
        Ok(())
    }

    /// Whether the store knows these keys. What they may do is another matter, and so is a store that is not there.
    async fn try_keys(&self, credentials: Credentials) -> Result<(), Fault> {
        let client =
            Client::from_conf(self.0.client.config().to_builder().credentials_provider(credentials).build());
        // Not HEAD: its answer would not say why.
        let asked =
            client.get_object().bucket(&self.0.settings.bucket).key(NOBODYS).range("bytes=0-0").send();
        match Box::pin(asked).await.map_err(|error| Fault::read(&error)) {
            Err(fault) if matches!(fault.kind(), Kind::KeysUnknown | Kind::KeysExpired | Kind::Signature) => {
                fault.log(Operation::Get, &self.0.settings);
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    /// Gets the keys, so that a start can say what is missing. The bucket itself is not asked.
    pub async fn check_keys(&self) -> Result<(), Error> {
        self.0.keys.current().await.map(drop).map_err(|error| Fault::keys(&error).into())
    }

    /// Where the bucket is, and how it is spoken to.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Calls the store by `send`, once more if it has refused keys that were replaced since, and tells the metrics
    /// and the log what came of it.
    pub(super) async fn call<T, E, F>(
        &self,
        operation: Operation,
        send: impl Fn(Client) -> F + Send,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let began = Instant::now();
        let era = self.0.keys.era();
        let read = |error: SdkError<E, HttpResponse>| Fault::read(&error).needing(operation.right());
        let mut result = Box::pin(send(self.0.client.clone())).await.map_err(read);
        if let Err(fault) = &result
            && fault.may_be_old_keys()
            && self.0.keys.renew(era).await
        {
            result = Box::pin(send(self.0.client.clone())).await.map_err(read);
        }
        let outcome = result.as_ref().map_or_else(Fault::code, |_| "ok");
        meters::call(operation, outcome, began.elapsed());
        if let Err(fault) = &result {
            fault.log(operation, &self.0.settings);
        }
        result
    }

    /// How objects are put, by what is known of the store.
    pub(super) fn manner(&self) -> Manner {
        let Inner { settings, habits, .. } = &*self.0;
        Manner {
            has_acl: settings.object_acl.is_some() && !habits.refuses_acl.load(Ordering::Relaxed),
            has_condition: !habits.ignores_conditions.load(Ordering::Relaxed),
        }
    }

    /// Remembers what a call did not get through with, and got through without.
    pub(super) fn learn(&self, first: Manner, last: Manner) {
        let habits = &self.0.habits;
        if first.has_acl && !last.has_acl && !habits.refuses_acl.swap(true, Ordering::Relaxed) {
            tracing::warn!("the bucket takes no ACLs: objects are put without (AWS_S3_OBJECT_ACL)");
        }
        if first.has_condition
            && !last.has_condition
            && !habits.ignores_conditions.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("the store does not know If-None-Match: objects are put without");
        }
    }
}
