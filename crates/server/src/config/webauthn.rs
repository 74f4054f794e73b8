//! The settings of security keys and passkeys, under the names that Nhost Auth has for them.

use app::auth::{Elevation, RelyingParty};
use clap::Args;

use super::Exit;

/// Security keys.
#[derive(Debug, Args)]
#[command(next_help_heading = "Security keys (WebAuthn)")]
pub(crate) struct WebauthnConfig {
    /// Whether people may sign in with security keys; when it is not set: where the client's address has a host name
    #[arg(long, env = "AUTH_WEBAUTHN_ENABLED", value_name = "BOOL", action = clap::ArgAction::Set)]
    pub(crate) webauthn_enabled: Option<bool>,
    /// The host name that keys are made for; when it is not set: the client's. Changed, every key is lost
    #[arg(long, env = "AUTH_WEBAUTHN_RP_ID", value_name = "HOST")]
    pub(crate) webauthn_rp_id: Option<String>,
    /// What people see when they are asked for a key
    #[arg(long, env = "AUTH_WEBAUTHN_RP_NAME", value_name = "NAME", default_value = "BrainMessenger")]
    pub(crate) webauthn_rp_name: String,
    /// The addresses of pages that may ask for a key; when it is not set: the client's
    #[arg(long, env = "AUTH_WEBAUTHN_RP_ORIGINS", value_name = "URLS", value_delimiter = ',')]
    pub(crate) webauthn_rp_origins: Vec<String>,
    /// How long a person may take, in milliseconds
    #[arg(long, env = "AUTH_WEBAUTHN_ATTESTATION_TIMEOUT", value_name = "MILLISECONDS", default_value_t = 60_000,
          value_parser = clap::value_parser!(u32).range(10_000..=600_000))]
    pub(crate) webauthn_attestation_timeout: u32,
    /// Who must show a security key before they change a password, an address or their keys: nobody (disabled),
    /// whoever has a key (recommended), or everybody (required)
    #[arg(long, env = "AUTH_REQUIRE_ELEVATED_CLAIM", value_name = "WHO", default_value = "disabled",
          value_parser = ["disabled", "recommended", "required"])]
    pub(crate) require_elevated_claim: String,
}

impl WebauthnConfig {
    /// Who must show a key.
    pub(crate) fn elevation(&self) -> Elevation {
        match self.require_elevated_claim.as_str() {
            "required" => Elevation::Required,
            "recommended" => Elevation::Recommended,
            _ => Elevation::Disabled,
        }
    }

    /// Who we are to keys, where they are on. Their host cannot be a bare IP address: no browser makes a key for one.
    pub(crate) fn relying_party(&self, client_url: &str) -> Result<Option<RelyingParty>, Exit> {
        let client: Option<http::Uri> = client_url.parse().ok();
        let host = client.as_ref().and_then(http::Uri::host).unwrap_or_default();
        let is_name = !host.starts_with('[') && host.parse::<std::net::IpAddr>().is_err();
        let by_itself = self.webauthn_rp_id.is_some() || is_name;
        if !self.webauthn_enabled.unwrap_or(by_itself) {
            return Ok(None);
        }
        if !by_itself {
            let what = format!("is needed for AUTH_WEBAUTHN_ENABLED: {host} is no host name");
            return Err(Exit::wrong("AUTH_WEBAUTHN_RP_ID", &what));
        }
        let origins = if self.webauthn_rp_origins.is_empty() {
            vec![origin_of(client_url)]
        } else {
            self.webauthn_rp_origins.clone()
        };
        let party = RelyingParty {
            id: self.webauthn_rp_id.clone().unwrap_or_else(|| host.to_owned()),
            name: self.webauthn_rp_name.clone(),
            origins,
            timeout_ms: self.webauthn_attestation_timeout,
        };
        party.check().map_err(|error| Exit::wrong("AUTH_WEBAUTHN_RP_ORIGINS", &error.to_string()))?;
        Ok(Some(party))
    }
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    format!("{scheme}://{}", rest.split(['/', '?', '#']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    fn party(arguments: &str, client_url: &str) -> Result<Option<RelyingParty>, String> {
        let all = std::iter::once("brainmessenger").chain(arguments.split_whitespace());
        let config = CommandLine::try_parse_from(all).unwrap().config.webauthn;
        config.relying_party(client_url).map_err(|exit| exit.message().to_owned())
    }

    #[test]
    fn keys_are_on_where_browsers_can_make_them() {
        assert!(party("", "http://127.0.0.1:3000").unwrap().is_none());
        assert!(party("", "http://[::1]:3000").unwrap().is_none());
        assert!(party("--webauthn-enabled false", "https://chat.example.com").unwrap().is_none());
        let found = party("", "https://chat.example.com/app?x=1").unwrap().unwrap();
        assert_eq!(
            (found.id.as_str(), found.origins),
            ("chat.example.com", vec!["https://chat.example.com".to_owned()])
        );
        let wrong = party("--webauthn-enabled true", "http://127.0.0.1:3000").unwrap_err();
        assert!(wrong.starts_with("AUTH_WEBAUTHN_RP_ID: "), "{wrong}");
        let wrong = party("--webauthn-rp-id example.org", "https://chat.example.com").unwrap_err();
        assert!(wrong.starts_with("AUTH_WEBAUTHN_RP_ORIGINS: "), "{wrong}");
        let shared = party("--webauthn-rp-id example.com", "https://chat.example.com").unwrap().unwrap();
        assert_eq!(shared.id, "example.com");
    }
}
