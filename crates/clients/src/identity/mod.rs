//! Who a person is, as another service says it: Google through OpenID Connect, GitHub through OAuth 2.
//!
//! Every sign-in has a state, a proof key (RFC 7636) and, with OpenID Connect, a nonce of its own; whoever calls
//! keeps them until the browser is back. What the services' tokens could do besides is not used, and they are not kept.

mod github;
mod openid;

pub use github::{GitHub, GitHubOptions};
pub use openid::{OpenId, OpenIdOptions};

use secrecy::SecretString;

use crate::Error;

/// A service that people may sign in with. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Provider {
    /// One that speaks OpenID Connect.
    OpenId(OpenId),
    /// GitHub, which does not.
    GitHub(GitHub),
}

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What comes back with it.
    pub state: SecretString,
    /// What the id token must name.
    pub nonce: SecretString,
    /// What proves that the code is ours.
    pub verifier: SecretString,
}

/// What the browser brings back, and what was kept of the beginning.
#[derive(Clone, Debug)]
pub struct Returned {
    /// The code for tokens.
    pub code: String,
    /// [`Begun::nonce`].
    pub nonce: SecretString,
    /// [`Begun::verifier`].
    pub verifier: SecretString,
}

/// Who somebody is at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What they are known by there, for ever.
    pub subject: String,
    /// Their address, where the service tells one.
    pub email: Option<String>,
    /// Whether the service has seen that the address is theirs.
    pub email_verified: bool,
    /// Their name.
    pub name: Option<String>,
    /// Their language, as a tag such as `en-GB`.
    pub locale: Option<String>,
}

impl Provider {
    /// The name that it has in addresses and in `auth.providers`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OpenId(openid) => openid.name(),
            Self::GitHub(_) => "github",
        }
    }

    /// Begins a sign-in that ends at `redirect_uri`.
    pub async fn begin(&self, redirect_uri: &str) -> Result<Begun, Error> {
        match self {
            Self::OpenId(openid) => openid.begin(redirect_uri).await,
            Self::GitHub(github) => github.begin(redirect_uri),
        }
    }

    /// Ends it: exchanges the code, and reads who it is.
    pub async fn finish(&self, redirect_uri: &str, returned: Returned) -> Result<Identity, Error> {
        match self {
            Self::OpenId(openid) => openid.finish(redirect_uri, returned).await,
            Self::GitHub(github) => github.finish(redirect_uri, returned).await,
        }
    }

    /// Who an id token is about that an app has got by itself, with the nonce that it asked for, if any; `None` for a
    /// service that has no such tokens.
    pub async fn read_id_token(&self, token: &str, nonce: Option<&str>) -> Option<Result<Identity, Error>> {
        match self {
            Self::OpenId(openid) => Some(openid.read_id_token(token, nonce).await),
            Self::GitHub(_) => None,
        }
    }
}
