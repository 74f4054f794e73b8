//! The settings of the services that people may sign in with, under the names that Nhost Auth has for them.

use std::time::Duration;

use app::auth::Providers;
use base::clock::Clock;
use clap::Args;
use clients::http::{HttpOptions, is_safe_address};
use clients::identity::{GitHub, GitHubOptions, OpenId, OpenIdOptions, Provider};
use secrecy::SecretString;

use super::Exit;

/// Services to sign in with. Each must be told where browsers come back to: `AUTH_SERVER_URL` and then
/// `/signin/provider/google/callback`, or `…/github/callback`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in with other services")]
pub(crate) struct ProvidersConfig {
    /// Whether people may sign in with Google
    #[arg(long, env = "AUTH_PROVIDER_GOOGLE_ENABLED", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) google_enabled: bool,
    /// What this server is to Google
    #[arg(long, env = "AUTH_PROVIDER_GOOGLE_CLIENT_ID", value_name = "ID")]
    pub(crate) google_client_id: Option<String>,
    /// And how Google knows it
    #[arg(long, env = "AUTH_PROVIDER_GOOGLE_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) google_client_secret: Option<SecretString>,
    /// What Google is asked for
    #[arg(long, env = "AUTH_PROVIDER_GOOGLE_SCOPE", value_name = "SCOPES", value_delimiter = ',',
          default_values = ["email", "profile"])]
    pub(crate) google_scope: Vec<String>,
    /// Google's issuer, below which it tells about itself
    #[arg(
        long,
        env = "AUTH_PROVIDER_GOOGLE_ISSUER",
        value_name = "URL",
        default_value = "https://accounts.google.com"
    )]
    pub(crate) google_issuer: String,
    /// Whether people may sign in with GitHub
    #[arg(long, env = "AUTH_PROVIDER_GITHUB_ENABLED", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) github_enabled: bool,
    /// What this server is to GitHub
    #[arg(long, env = "AUTH_PROVIDER_GITHUB_CLIENT_ID", value_name = "ID")]
    pub(crate) github_client_id: Option<String>,
    /// And how GitHub knows it
    #[arg(long, env = "AUTH_PROVIDER_GITHUB_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) github_client_secret: Option<SecretString>,
    /// What GitHub is asked for
    #[arg(long, env = "AUTH_PROVIDER_GITHUB_SCOPE", value_name = "SCOPES", value_delimiter = ',',
          default_values = ["user:email"])]
    pub(crate) github_scope: Vec<String>,
    /// Where GitHub asks people
    #[arg(
        long,
        env = "AUTH_PROVIDER_GITHUB_AUTHORIZATION_URL",
        value_name = "URL",
        default_value = "https://github.com/login/oauth/authorize"
    )]
    pub(crate) github_authorization_url: String,
    /// Where GitHub exchanges codes
    #[arg(
        long,
        env = "AUTH_PROVIDER_GITHUB_TOKEN_URL",
        value_name = "URL",
        default_value = "https://github.com/login/oauth/access_token"
    )]
    pub(crate) github_token_url: String,
    /// Where GitHub tells who somebody is; their addresses are below it, at `/emails`
    #[arg(
        long,
        env = "AUTH_PROVIDER_GITHUB_USER_PROFILE_URL",
        value_name = "URL",
        default_value = "https://api.github.com/user"
    )]
    pub(crate) github_user_profile_url: String,
    /// How long a call to one of them may take, in seconds, while a person waits
    #[arg(long, env = "BRAIN_PROVIDER_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u16).range(1..=60))]
    pub(crate) provider_timeout: u16,
    /// How long a connection to one of them may take to come about, in seconds
    #[arg(long, env = "BRAIN_PROVIDER_CONNECT_TIMEOUT", value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=60))]
    pub(crate) provider_connect_timeout: u16,
}

impl ProvidersConfig {
    /// Refuses settings that are there in part.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        let needed = [
            (self.google_enabled, "AUTH_PROVIDER_GOOGLE_CLIENT_ID", self.google_client_id.is_some()),
            (self.google_enabled, "AUTH_PROVIDER_GOOGLE_CLIENT_SECRET", self.google_client_secret.is_some()),
            (self.github_enabled, "AUTH_PROVIDER_GITHUB_CLIENT_ID", self.github_client_id.is_some()),
            (self.github_enabled, "AUTH_PROVIDER_GITHUB_CLIENT_SECRET", self.github_client_secret.is_some()),
        ];
        if let Some((_, name, _)) = needed.iter().find(|(is_on, _, is_set)| *is_on && !is_set) {
            return Err(Exit::wrong(name, "is needed where the service is enabled"));
        }
        let urls = [
            ("AUTH_PROVIDER_GOOGLE_ISSUER", &self.google_issuer),
            ("AUTH_PROVIDER_GITHUB_AUTHORIZATION_URL", &self.github_authorization_url),
            ("AUTH_PROVIDER_GITHUB_TOKEN_URL", &self.github_token_url),
            ("AUTH_PROVIDER_GITHUB_USER_PROFILE_URL", &self.github_user_profile_url),
        ];
        match urls.iter().find(|(_, url)| !is_safe_address(url)) {
            Some((name, _)) => Err(Exit::wrong(name, "is no https:// address, and none of this machine's")),
            None => Ok(()),
        }
    }

    /// The services that are on.
    pub(crate) fn providers(&self, clock: &Clock) -> Result<Providers, clients::Error> {
        let mut providers = Vec::new();
        let http = HttpOptions {
            connect_timeout: Duration::from_secs(self.provider_connect_timeout.into()),
            timeout: Duration::from_secs(self.provider_timeout.into()),
            ..HttpOptions::default()
        };
        let google = self.google_client_id.clone().zip(self.google_client_secret.clone());
        if let Some((client_id, client_secret)) = google.filter(|_| self.google_enabled) {
            let options = OpenIdOptions {
                name: "google",
                issuer: self.google_issuer.clone(),
                client_id,
                client_secret,
                scopes: self.google_scope.clone(),
                http,
            };
            providers.push(Provider::OpenId(OpenId::new(options, clock.clone())?));
        }
        let github = self.github_client_id.clone().zip(self.github_client_secret.clone());
        if let Some((client_id, client_secret)) = github.filter(|_| self.github_enabled) {
            providers.push(Provider::GitHub(GitHub::new(GitHubOptions {
                client_id,
                client_secret,
                scopes: self.github_scope.clone(),
                authorization_url: self.github_authorization_url.clone(),
                token_url: self.github_token_url.clone(),
                profile_url: self.github_user_profile_url.clone(),
                http,
            })?));
        }
        Ok(Providers::new(providers))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    fn refusal(arguments: &str) -> String {
        let all = std::iter::once("brainmessenger").chain(arguments.split_whitespace());
        let config = CommandLine::try_parse_from(all).unwrap().config.providers;
        assert!(config.providers(&Clock::manual(0)).is_ok());
        config.check().err().map(|exit| exit.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn what_is_on_is_whole() {
        assert_eq!(refusal(""), "");
        let google = "--google-enabled true --google-client-id i";
        assert!(refusal(google).starts_with("AUTH_PROVIDER_GOOGLE_CLIENT_SECRET: "));
        assert_eq!(refusal(&format!("{google} --google-client-secret s")), "");
        assert!(refusal("--github-enabled true").starts_with("AUTH_PROVIDER_GITHUB_CLIENT_ID: "));
        assert!(refusal("--google-issuer http://a.b").starts_with("AUTH_PROVIDER_GOOGLE_ISSUER: "));
    }
}
