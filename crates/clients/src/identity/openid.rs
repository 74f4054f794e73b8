//! A service that speaks OpenID Connect: found by its issuer's address, its keys kept for an hour, and longer while they
//! cannot be read anew.
//!
//! An id token counts if its signature, issuer, audience, times and nonce are right (OpenID Connect Core 1.0,
//! section 3.1.3.7).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Begun, Identity, Returned};
use crate::Error;
use crate::http::{Http, HttpOptions};
use base::clock::Clock;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};

/// What the service says about itself is read again after so many seconds; and after so many where a token names a key
/// that it did not have.
const KEEP_SECONDS: i64 = 3600;
const KEEP_AT_LEAST_SECONDS: i64 = 60;

/// While it is read again, what was known goes on being used, but no longer than this: a key may have been withdrawn.
const KEEP_AT_MOST_SECONDS: i64 = 24 * 3600;

/// For so many seconds after a failure nobody asks again.
const PAUSE_SECONDS: i64 = 5;

/// The clocks of two machines differ by no more.
const SKEW_SECONDS: i64 = 60;

/// The algorithms that an id token may be signed with: none with a shared key, which is no signature of the service's.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 2] =
    [CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, CoreJwsSigningAlgorithm::EcdsaP256Sha256];

/// How a service is reached, and what we are to it.
#[derive(Clone, Debug)]
pub struct OpenIdOptions {
    /// The name that it has in addresses and in `auth.providers`.
    pub name: &'static str,
    /// Its issuer's address, `https://accounts.google.com`.
    pub issuer: String,
    /// What we are to it.
    pub client_id: String,
    /// And how it knows us.
    pub client_secret: SecretString,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// Limits of each call.
    pub http: HttpOptions,
}

/// A service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct OpenId(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: OpenIdOptions,
    issuer: IssuerUrl,
    http: Http,
    clock: Clock,
    kept: Mutex<Kept>,
    /// Held by the one who reads.
    reading: tokio::sync::Mutex<()>,
}

/// What is kept of the service.
#[derive(Debug, Default)]
struct Kept {
    known: Option<Arc<Known>>,
    /// The last failure, and until when it stands.
    failed: Option<(String, i64)>,
}

/// What the service says about itself, its keys among it.
#[derive(Debug)]
struct Known {
    metadata: CoreProviderMetadata,
    /// In seconds since 1970.
    read_at: i64,
}

impl OpenId {
    /// Gets ready; connects to nobody yet.
    pub fn new(options: OpenIdOptions, clock: Clock) -> Result<Self, Error> {
        let issuer = IssuerUrl::new(options.issuer.clone())
            .map_err(|error| Error::ConfigureProvider(error.to_string()))?;
        let http = Http::new(options.name, options.http)?;
        let (kept, reading) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Self(Arc::new(Inner { options, issuer, http, clock, kept, reading })))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.options.name
    }

    pub(super) async fn begin(&self, redirect_uri: &str) -> Result<Begun, Error> {
        let known = self.known(KEEP_SECONDS).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&known).set_redirect_uri(redirect(redirect_uri)?);
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.0.options.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun {
            url: url.to_string(),
            state: state.into_secret().into(),
            nonce: nonce.secret().clone().into(),
            verifier: verifier.into_secret().into(),
        })
    }

    pub(super) async fn finish(&self, redirect_uri: &str, returned: Returned) -> Result<Identity, Error> {
        let known = self.known(KEEP_SECONDS).await?;
        let client = self.client(&known).set_redirect_uri(redirect(redirect_uri)?);
        let tokens = client
            .exchange_code(AuthorizationCode::new(returned.code))
            .map_err(|error| Error::DiscoverProvider(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(returned.verifier.expose_secret().to_owned()))
            .request_async(&self.0.http)
            .await
            .map_err(|error| Error::ExchangeCode(error.to_string()))?;
        let token =
            tokens.id_token().ok_or_else(|| Error::VerifyIdToken("the answer has none".to_owned()))?;
        let nonce = Nonce::new(returned.nonce.expose_secret().to_owned());
        self.verify(token, |shown: Option<&Nonce>| match shown {
            Some(shown) if shown.secret() == nonce.secret() => Ok(()),
            _ => Err("the nonce is another".to_owned()),
        })
        .await
    }

    pub(super) async fn read_id_token(&self, text: &str, nonce: Option<&str>) -> Result<Identity, Error> {
        let token: CoreIdToken =
            text.parse().map_err(|_| Error::VerifyIdToken("it is no id token".to_owned()))?;
        self.verify(&token, |shown: Option<&Nonce>| {
            if shown.map(|shown| shown.secret().as_str()) == nonce {
                Ok(())
            } else {
                Err("the nonce is another".to_owned())
            }
        })
        .await
    }

    /// Checks an id token. One that names a key that is not known has the keys read again: they change.
    async fn verify(
        &self,
        token: &CoreIdToken,
        nonce: impl Fn(Option<&Nonce>) -> Result<(), String>,
    ) -> Result<Identity, Error> {
        let known = self.known(KEEP_SECONDS).await?;
        match token.claims(&self.verifier(&known), &nonce) {
            Ok(claims) => Ok(identity(claims)),
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let known = self.known(KEEP_AT_LEAST_SECONDS).await?;
                let claims = token.claims(&self.verifier(&known), &nonce);
                claims.map(identity).map_err(|error| Error::VerifyIdToken(error.to_string()))
            }
            Err(error) => Err(Error::VerifyIdToken(error.to_string())),
        }
    }

    fn verifier(&self, known: &Known) -> CoreIdTokenVerifier<'static> {
        let now = self.0.clock.unix_seconds();
        let options = &self.0.options;
        CoreIdTokenVerifier::new_public_client(
            ClientId::new(options.client_id.clone()),
            self.0.issuer.clone(),
            known.metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || chrono::DateTime::from_timestamp(now, 0).unwrap_or_default())
        .set_issue_time_verifier_fn(move |issued| {
            let is_past = issued.timestamp() <= now + SKEW_SECONDS;
            if is_past { Ok(()) } else { Err("it is of the future".to_owned()) }
        })
    }

    /// What the service says about itself, at most `seconds` old where that can be had at once.
    async fn known(&self, seconds: i64) -> Result<Arc<Known>, Error> {
        if let Some(known) = self.younger_than(seconds) {
            return Ok(known);
        }
        // Whoever wants no other than this waits for it; for others what was known is good enough meanwhile.
        if seconds == KEEP_SECONDS
            && let Some(known) = self.younger_than(KEEP_AT_MOST_SECONDS)
        {
            let reader = self.clone();
            tokio::spawn(async move {
                if let Ok(_reading) = reader.0.reading.try_lock()
                    && let Err(error) = reader.read(seconds).await
                {
                    tracing::warn!(provider = reader.name(), %error, "a sign-in service is not read anew; what was known stays");
                }
            });
            return Ok(known);
        }
        let _reading = self.0.reading.lock().await;
        self.read(seconds).await
    }

    fn younger_than(&self, seconds: i64) -> Option<Arc<Known>> {
        let now = self.0.clock.unix_seconds();
        self.kept().known.clone().filter(|known| now - known.read_at < seconds)
    }

    /// Reads what the service says about itself, unless somebody has just done so or just failed. One at a time.
    async fn read(&self, seconds: i64) -> Result<Arc<Known>, Error> {
        if let Some(known) = self.younger_than(seconds) {
            return Ok(known);
        }
        let now = self.0.clock.unix_seconds();
        let failed = self.kept().failed.clone();
        if let Some((reason, _)) = failed.filter(|(_, until)| now < *until) {
            return Err(Error::DiscoverProvider(reason));
        }
        let read = CoreProviderMetadata::discover_async(self.0.issuer.clone(), &self.0.http).await;
        match read {
            Ok(metadata) => {
                let known = Arc::new(Known { metadata, read_at: now });
                *self.kept() = Kept { known: Some(Arc::clone(&known)), failed: None };
                Ok(known)
            }
            Err(error) => {
                let reason = error.to_string();
                // From now on, and not from when it was asked: it may have kept us waiting.
                let until = self.0.clock.unix_seconds() + PAUSE_SECONDS;
                self.kept().failed = Some((reason.clone(), until));
                Err(Error::DiscoverProvider(reason))
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, known: &Known) -> Client {
        let options = &self.0.options;
        CoreClient::from_provider_metadata(
            known.metadata.clone(),
            ClientId::new(options.client_id.clone()),
            Some(ClientSecret::new(options.client_secret.expose_secret().to_owned())),
        )
    }
}

/// A client of which the discovery told some addresses.
type Client = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

fn redirect(uri: &str) -> Result<RedirectUrl, Error> {
    RedirectUrl::new(uri.to_owned()).map_err(|error| Error::ConfigureProvider(error.to_string()))
}

fn identity(claims: &CoreIdTokenClaims) -> Identity {
    Identity {
        subject: claims.subject().to_string(),
        email: claims.email().map(|email| email.to_string()),
        email_verified: claims.email_verified().unwrap_or(false),
        name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
        locale: claims.locale().map(ToString::to_string),
    }
}
