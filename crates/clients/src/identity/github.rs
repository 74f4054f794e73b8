//! GitHub, which speaks OAuth 2 and tells who somebody is by its API. Source: "Authorizing OAuth apps" and the REST
//! API's `/user` and `/user/emails`.

use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Begun, Identity, Returned};
use crate::Error;
use crate::http::{Http, HttpOptions};

/// How GitHub is reached, and what we are to it.
#[derive(Clone, Debug)]
pub struct GitHubOptions {
    /// What we are to it.
    pub client_id: String,
    /// And how it knows us.
    pub client_secret: SecretString,
    /// What is asked for; `user:email` is needed for addresses.
    pub scopes: Vec<String>,
    /// Where the browser goes.
    pub authorization_url: String,
    /// Where codes are exchanged.
    pub token_url: String,
    /// Where the person is; their addresses are below it, at `/emails`.
    pub profile_url: String,
    /// Limits of each call.
    pub http: HttpOptions,
}

/// GitHub. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct GitHub(Arc<Inner>);

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

#[derive(Debug)]
struct Inner {
    client: Client,
    scopes: Vec<String>,
    profile_url: String,
    http: Http,
}

#[derive(Deserialize)]
struct Profile {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    #[serde(rename = "email")]
    address: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    /// Gets ready; connects to nobody yet.
    pub fn new(options: GitHubOptions) -> Result<Self, Error> {
        let client = BasicClient::new(ClientId::new(options.client_id))
            .set_client_secret(ClientSecret::new(options.client_secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::new(options.authorization_url).map_err(unusable)?)
            .set_token_uri(TokenUrl::new(options.token_url).map_err(unusable)?);
        let http = Http::new("github", options.http)?;
        let profile_url = options.profile_url;
        Ok(Self(Arc::new(Inner { client, scopes: options.scopes, profile_url, http })))
    }

    pub(super) fn begin(&self, redirect_uri: &str) -> Result<Begun, Error> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(unusable)?;
        let client = self.0.client.clone().set_redirect_uri(redirect);
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(self.0.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun {
            url: url.to_string(),
            state: state.into_secret().into(),
            // An id token would name it; there is none.
            nonce: String::new().into(),
            verifier: verifier.into_secret().into(),
        })
    }

    pub(super) async fn finish(&self, redirect_uri: &str, returned: Returned) -> Result<Identity, Error> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(unusable)?;
        let client = self.0.client.clone().set_redirect_uri(redirect);
        let tokens = client
            .exchange_code(AuthorizationCode::new(returned.code))
            .set_pkce_verifier(PkceCodeVerifier::new(returned.verifier.expose_secret().to_owned()))
            .request_async(&self.0.http)
            .await
            .map_err(|error| Error::ExchangeCode(error.to_string()))?;
        let token = tokens.access_token().secret();
        let profile: Profile = self.ask(&self.0.profile_url, token).await?;
        let emails: Vec<Email> = self.ask(&format!("{}/emails", self.0.profile_url), token).await?;
        let email = emails.into_iter().find(|email| email.primary);
        Ok(Identity {
            subject: profile.id.to_string(),
            email_verified: email.as_ref().is_some_and(|email| email.verified),
            email: email.map(|email| email.address),
            name: profile.name.or(Some(profile.login)),
            locale: None,
        })
    }

    async fn ask<T: DeserializeOwned>(&self, url: &str, token: &str) -> Result<T, Error> {
        let request = http::Request::get(url)
            .header(ACCEPT, "application/vnd.github+json")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Vec::new())
            .map_err(|error| Error::ReadProfile(error.to_string()))?;
        let answer =
            self.0.http.send(request).await.map_err(|error| Error::ReadProfile(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(Error::ReadProfile(format!("status {}", answer.status().as_u16())));
        }
        // What it says is the person's own, and no log's.
        serde_json::from_slice(answer.body()).map_err(|error| {
            Error::ReadProfile(format!("not the JSON that was expected: {:?}", error.classify()))
        })
    }
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::ConfigureProvider(error.to_string())
}
