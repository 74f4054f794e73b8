//! Where the bucket is, how objects are kept in it, and who asks.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;

use crate::Error;
use crate::http::is_safe_address;

/// Which bucket, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bucket's name.
    pub bucket: String,
    /// The region that it is in, such as `eu-central-1`.
    pub region: String,
    /// The store's address, where it is not Amazon's own: `https://host[:port]`.
    pub endpoint: Option<String>,
    /// The address that clients reach the store by, where it is another one: it stands in signed addresses.
    pub public_endpoint: Option<String>,
    /// Whether the bucket's name stands in the path, as most stores but Amazon's want it.
    pub path_style: bool,
    /// The canned ACL that is sent with an object; `None` sends none, as buckets made since 2023 want it.
    pub object_acl: Option<String>,
    /// How the store encrypts objects.
    pub encryption: Encryption,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long the store may take to begin its answer, and between two pieces of it.
    pub read_timeout: Duration,
    /// How often a call is tried in all, where trying again helps.
    pub attempts: u32,
}

impl Settings {
    /// Refuses addresses that keys must not go to.
    pub(super) fn check(&self) -> Result<(), Error> {
        for address in [&self.endpoint, &self.public_endpoint].into_iter().flatten() {
            if !is_safe_address(address) {
                return Err(Error::ConfigureStore(
                    "the store's address is no https:// address, and none of this machine's".to_owned(),
                ));
            }
        }
        Ok(())
    }
}

/// With whose key the store encrypts objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// As the store does by itself: some that are not Amazon's refuse to be asked.
    Unasked,
    /// With the store's own (SSE-S3, `AES256`).
    Store,
    /// With one of KMS (SSE-KMS): its id or ARN, or AWS's own for S3 where it is `None`.
    Kms(Option<String>),
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Keys that the operator gave.
    Given {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: SecretString,
        /// What goes with temporary keys.
        session_token: Option<SecretString>,
        /// When temporary keys expire, if that was told.
        expires: Option<SystemTime>,
    },
    /// The machine's own. They are renewed by themselves.
    Machine(Machine),
}

/// Where a machine's own keys are looked for, in this order; then at the container that the server runs in (as its
/// `AWS_CONTAINER_…` variables say), then at the instance.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// A role that a file's token is exchanged for.
    pub web_identity: Option<WebIdentity>,
    /// The profile in the two files below; `default` where it is `None`.
    pub profile: Option<String>,
    /// The file of keys, in the form of `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// The file of settings, in the form of `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// Where an instance tells its role's keys, if not at its usual address.
    pub instance_endpoint: Option<String>,
}

/// A role and the token that it is given for.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// The file that has the token.
    pub token_file: PathBuf,
    /// The role's ARN.
    pub role_arn: String,
    /// What the session is called in the account's records.
    pub session_name: String,
}
