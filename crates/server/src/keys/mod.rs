//! The keys of an installation: the administrator's secret, the keys of access tokens, and the one under which codes
//! are kept. Given by variables, or made at the first start and kept in the data folder.

mod command;
mod kept;
mod list;
mod watch;

use anyhow::Context;
use base::clock::Clock;
use base::jwt::JwtKeys;
use secrecy::SecretString;

use crate::config::Config;

pub(crate) use command::{KeysCommand, run};
pub(crate) use watch::{KeysRead, watch};

/// The file of the data folder that holds the keys of access tokens.
const JWT_FILE: &str = "jwt_secret";

/// The keys that others know, too.
pub(crate) struct Keys {
    pub(crate) clock: Clock,
    pub(crate) admin_secret: SecretString,
    pub(crate) jwt: JwtKeys,
    /// What `jwt` was read from, if it may change there.
    pub(crate) jwt_file: Option<KeysRead>,
    /// Under which codes in letters are kept.
    pub(crate) codes: SecretString,
}

impl Keys {
    /// Reads what is given, and makes what is not.
    pub(crate) fn read(config: &Config) -> anyhow::Result<Self> {
        let data_dir = &config.server.data_dir;
        let clock = Clock::system();
        let admin_secret = match &config.keys.nhost_admin_secret {
            Some(secret) => secret.clone(),
            None => kept::secret(data_dir, "admin_secret")?,
        };
        let (secret, jwt_file) = if let Some(secret) = &config.keys.nhost_jwt_secret {
            (secret.clone(), None)
        } else {
            let text = kept::secret(data_dir, JWT_FILE)?;
            (text.clone(), Some(KeysRead { path: data_dir.join(JWT_FILE), text }))
        };
        let jwt = JwtKeys::parse(&secret, clock.clone()).with_context(|| match &jwt_file {
            Some(read) => read.path.display().to_string(),
            None => "NHOST_JWT_SECRET".to_owned(),
        })?;
        anyhow::ensure!(
            jwt.can_sign(),
            "NHOST_JWT_SECRET: no key of it signs, and sign-in needs one; `jwk_url` and public keys verify only"
        );
        let codes = kept::secret(data_dir, "code_key")?;
        Ok(Self { clock, admin_secret, jwt, jwt_file, codes })
    }
}
