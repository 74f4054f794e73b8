//! The settings of sign-in, under the names that Nhost Auth has for them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use app::auth::{AddressRules, Options};
use clap::Args;
use ipnet::IpNet;
use secrecy::SecretString;

use super::Exit;

/// How people sign in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct AuthConfig {
    /// How long an access token lives, in seconds
    #[arg(long, env = "AUTH_ACCESS_TOKEN_EXPIRES_IN", value_name = "SECONDS", default_value_t = 900,
          value_parser = clap::value_parser!(u32).range(30..=86_400))]
    pub(crate) auth_access_token_expires_in: u32,
    /// How long a refresh token lives from its last use, in seconds
    #[arg(long, env = "AUTH_REFRESH_TOKEN_EXPIRES_IN", value_name = "SECONDS", default_value_t = 2_592_000,
          value_parser = clap::value_parser!(u32).range(60..))]
    pub(crate) auth_refresh_token_expires_in: u32,
    /// The shortest password of a new account, in bytes
    #[arg(long, env = "AUTH_PASSWORD_MIN_LENGTH", value_name = "BYTES", default_value_t = 9,
          value_parser = clap::value_parser!(u8).range(3..=50))]
    pub(crate) auth_password_min_length: u8,
    /// Whether only verified addresses may sign in; when it is not set: where there is a mail server
    #[arg(long, env = "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED", value_name = "BOOL",
          action = clap::ArgAction::Set)]
    pub(crate) auth_email_signin_email_verified_required: Option<bool>,
    /// The role of a request that asks for none
    #[arg(long, env = "AUTH_USER_DEFAULT_ROLE", value_name = "ROLE", default_value = "user")]
    pub(crate) auth_user_default_role: String,
    /// The roles of a new account
    #[arg(long, env = "AUTH_USER_DEFAULT_ALLOWED_ROLES", value_name = "ROLES", value_delimiter = ',',
          default_values = ["user", "me"])]
    pub(crate) auth_user_default_allowed_roles: Vec<String>,
    /// Nobody can make an account
    #[arg(long, env = "AUTH_DISABLE_SIGNUP", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_disable_signup: bool,
    /// New accounts are made disabled
    #[arg(long, env = "AUTH_DISABLE_NEW_USERS", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_disable_new_users: bool,
    /// The language of accounts that name none
    #[arg(long, env = "AUTH_LOCALE_DEFAULT", value_name = "LOCALE", default_value = "en")]
    pub(crate) auth_locale_default: String,
    /// The languages on offer
    #[arg(long, env = "AUTH_LOCALE_ALLOWED_LOCALES", value_name = "LOCALES", value_delimiter = ',',
          default_values = ["en", "ru"])]
    pub(crate) auth_locale_allowed_locales: Vec<String>,
    /// Whether a new account's picture comes from Gravatar, which then learns a hash of the address
    #[arg(long, env = "AUTH_GRAVATAR_ENABLED", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_gravatar_enabled: bool,
    /// Where the client is, to which links in letters lead in the end; when it is not set: `BRAIN_PUBLIC_URL`
    #[arg(long, env = "AUTH_CLIENT_URL", value_name = "URL")]
    pub(crate) auth_client_url: Option<String>,
    /// This server's address under which Auth answers; when it is not set: `/v1` below `BRAIN_PUBLIC_URL`
    #[arg(long, env = "AUTH_SERVER_URL", value_name = "URL")]
    pub(crate) auth_server_url: Option<String>,
    /// Where else links in letters may lead: addresses, in which `*` and `**` stand for anything
    #[arg(
        long,
        env = "AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS",
        value_name = "URLS",
        value_delimiter = ','
    )]
    pub(crate) auth_access_control_allowed_redirect_urls: Vec<String>,
    /// A person gets the same letter again only after so many seconds
    #[arg(long, env = "BRAIN_LETTER_PAUSE", value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) letter_pause: u32,
    /// Whether a changed password ends the person's other sessions
    #[arg(long, env = "BRAIN_PASSWORD_CHANGE_ENDS_SESSIONS", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set)]
    pub(crate) password_change_ends_sessions: bool,
    /// Whether a code in a letter signs in
    #[arg(long, env = "AUTH_OTP_EMAIL_ENABLED", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set)]
    pub(crate) auth_otp_email_enabled: bool,
    /// Whether a link in a letter signs in
    #[arg(long, env = "AUTH_EMAIL_PASSWORDLESS_ENABLED", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set)]
    pub(crate) auth_email_passwordless_enabled: bool,
    /// Whether people may have a second factor, and are asked for it
    #[arg(long, env = "AUTH_MFA_ENABLED", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set)]
    pub(crate) auth_mfa_enabled: bool,
    /// What an authenticator app calls this server
    #[arg(long, env = "AUTH_MFA_TOTP_ISSUER", value_name = "NAME", default_value = "BrainMessenger")]
    pub(crate) auth_mfa_totp_issuer: String,
    /// How many digits codes in letters have
    #[arg(long, env = "BRAIN_CODE_DIGITS", value_name = "6|8", default_value = "6", value_parser = ["6", "8"])]
    pub(crate) code_digits: String,
    /// Whether people may come in without saying who they are
    #[arg(long, env = "AUTH_ANONYMOUS_USERS_ENABLED", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_anonymous_users_enabled: bool,
    /// Whether a refresh token that is shown after its use ends its session
    #[arg(long, env = "BRAIN_REUSED_TOKEN_ENDS_SESSION", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) reused_token_ends_session: bool,
    /// Whether errors that tell about accounts all become `invalid-request`
    #[arg(long, env = "AUTH_CONCEAL_ERRORS", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_conceal_errors: bool,
    /// Claims of the project's own in access tokens: `{"org-id":"profile.org.id"}`, paths from GraphQL's `user`
    #[arg(long, env = "AUTH_JWT_CUSTOM_CLAIMS", value_name = "JSON", value_parser = claims)]
    pub(crate) auth_jwt_custom_claims: Option<CustomClaims>,
    /// The addresses that may have an account; where neither addresses nor domains are named, all may
    #[arg(long, env = "AUTH_ACCESS_CONTROL_ALLOWED_EMAILS", value_name = "ADDRESSES", value_delimiter = ',')]
    pub(crate) auth_access_control_allowed_emails: Vec<String>,
    /// The addresses that may not
    #[arg(long, env = "AUTH_ACCESS_CONTROL_BLOCKED_EMAILS", value_name = "ADDRESSES", value_delimiter = ',')]
    pub(crate) auth_access_control_blocked_emails: Vec<String>,
    /// The domains whose addresses may have an account
    #[arg(
        long,
        env = "AUTH_ACCESS_CONTROL_ALLOWED_EMAIL_DOMAINS",
        value_name = "DOMAINS",
        value_delimiter = ','
    )]
    pub(crate) auth_access_control_allowed_email_domains: Vec<String>,
    /// The domains whose addresses may not
    #[arg(
        long,
        env = "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS",
        value_name = "DOMAINS",
        value_delimiter = ','
    )]
    pub(crate) auth_access_control_blocked_email_domains: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is believed: addresses or networks such as 10.0.0.0/8
    #[arg(long, env = "BRAIN_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',',
          value_parser = network)]
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl AuthConfig {
    /// Refuses settings that contradict each other.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        let own = [("AUTH_CLIENT_URL", &self.auth_client_url), ("AUTH_SERVER_URL", &self.auth_server_url)];
        for (name, url) in own {
            if url.as_ref().is_some_and(|url| !is_web_address(url)) {
                return Err(Exit::wrong(name, "is not an address that begins with http:// or https://"));
            }
        }
        if !self.auth_locale_allowed_locales.contains(&self.auth_locale_default) {
            let what = format!("{:?} is not among AUTH_LOCALE_ALLOWED_LOCALES", self.auth_locale_default);
            return Err(Exit::wrong("AUTH_LOCALE_DEFAULT", &what));
        }
        Ok(())
    }

    /// Where the client is.
    pub(crate) fn client_url(&self, here: &str) -> String {
        self.auth_client_url.clone().unwrap_or_else(|| here.to_owned())
    }

    /// The settings as the sign-in service takes them.
    pub(crate) fn options(&self, here: &str, has_mail: bool, code_key: SecretString) -> Options {
        Options {
            access_token_expires_in: self.auth_access_token_expires_in,
            refresh_token_expires_in: self.auth_refresh_token_expires_in,
            password_min_length: usize::from(self.auth_password_min_length),
            email_verification_required: self.auth_email_signin_email_verified_required.unwrap_or(has_mail),
            default_role: self.auth_user_default_role.clone(),
            default_allowed_roles: self.auth_user_default_allowed_roles.clone(),
            disable_signup: self.auth_disable_signup,
            disable_new_users: self.auth_disable_new_users,
            default_locale: self.auth_locale_default.clone(),
            allowed_locales: self.auth_locale_allowed_locales.clone(),
            gravatar_enabled: self.auth_gravatar_enabled,
            client_url: self.client_url(here),
            server_url: self.auth_server_url.clone().unwrap_or_else(|| format!("{here}/v1")),
            allowed_redirect_urls: self.auth_access_control_allowed_redirect_urls.clone(),
            letter_pause_seconds: self.letter_pause,
            password_change_ends_sessions: self.password_change_ends_sessions,
            otp_email_enabled: self.auth_otp_email_enabled,
            email_passwordless_enabled: self.auth_email_passwordless_enabled,
            mfa_enabled: self.auth_mfa_enabled,
            mfa_issuer: self.auth_mfa_totp_issuer.clone(),
            code_digits: if self.code_digits == "8" { 8 } else { 6 },
            code_key,
            anonymous_users_enabled: self.auth_anonymous_users_enabled,
            reused_token_ends_session: self.reused_token_ends_session,
            conceal_errors: self.auth_conceal_errors,
            custom_claims: self.auth_jwt_custom_claims.clone().unwrap_or_default().0,
            address_rules: AddressRules::new(
                &self.auth_access_control_allowed_emails,
                &self.auth_access_control_blocked_emails,
                &self.auth_access_control_allowed_email_domains,
                &self.auth_access_control_blocked_email_domains,
            ),
            trusted_proxies: self.trusted_proxies.clone(),
            ..Options::default()
        }
    }
}

/// The claims by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct CustomClaims(BTreeMap<String, String>);

fn claims(text: &str) -> Result<CustomClaims, String> {
    let read = serde_json::from_str(text).map(CustomClaims);
    read.map_err(|_| "is not a JSON object of names and paths".to_owned())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse()).map_err(|_| "is not an address or a network".to_owned())
}

pub(super) fn is_web_address(text: &str) -> bool {
    let scheme = text.parse::<http::Uri>().ok().and_then(|uri| uri.scheme_str().map(str::to_owned));
    matches!(scheme.as_deref(), Some("http" | "https"))
}
