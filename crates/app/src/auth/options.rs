//! How the sign-in service behaves: the settings of Nhost Auth that exist here, under their own names.
//!
//! Nothing here reads the environment: the server fills this in, once, at start.

use std::collections::BTreeMap;

use clients::pwned::PwnedPasswords;
use ipnet::IpNet;
use secrecy::SecretString;
use uuid::Uuid;

use super::access::AddressRules;
use super::elevation::Elevation;
use super::limits::RateLimits;
use super::passkeys::RelyingParty;
use super::providers::Providers;

/// The settings. A field `x` is Nhost Auth's variable `AUTH_X`; the defaults are those of Nhost's platform,
/// except where a field says otherwise.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as its variable is")]
pub struct Options {
    /// `AUTH_ACCESS_TOKEN_EXPIRES_IN`: how long an access token lives, in seconds.
    pub access_token_expires_in: u32,
    /// `AUTH_REFRESH_TOKEN_EXPIRES_IN`: how long a refresh token lives from its last use, in seconds.
    pub refresh_token_expires_in: u32,
    /// `AUTH_PASSWORD_MIN_LENGTH`: the shortest password that a new account may have, in bytes. No password
    /// is shorter than 3 or longer than 50 characters, whatever stands here.
    pub password_min_length: usize,
    /// `AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED`: whether only verified addresses may sign in. The
    /// server sets it where letters reach people: without them nobody could ever sign in.
    pub email_verification_required: bool,
    /// `AUTH_USER_DEFAULT_ROLE`: the role of a request that asks for none.
    pub default_role: String,
    /// `AUTH_USER_DEFAULT_ALLOWED_ROLES`: the roles that a new account may act in. The default role is
    /// always one of them.
    pub default_allowed_roles: Vec<String>,
    /// `AUTH_DISABLE_SIGNUP`: nobody can make an account.
    pub disable_signup: bool,
    /// `AUTH_DISABLE_NEW_USERS`: new accounts are made disabled, until the administrator enables them.
    pub disable_new_users: bool,
    /// `AUTH_LOCALE_DEFAULT`: the language of accounts that name none, or one that is not offered.
    pub default_locale: String,
    /// `AUTH_LOCALE_ALLOWED_LOCALES`: the languages on offer, two letters each.
    pub allowed_locales: Vec<String>,
    /// `AUTH_GRAVATAR_ENABLED`: whether a new account's picture is the one Gravatar has for its address. On
    /// at Nhost; off here: it gives a hash of everybody's mail address to a third party.
    pub gravatar_enabled: bool,
    /// `AUTH_CLIENT_URL`: where the client is, to which links in letters lead in the end.
    pub client_url: String,
    /// `AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS`: where else they may lead.
    pub allowed_redirect_urls: Vec<String>,
    /// `AUTH_SERVER_URL`: this service's own address, to which links in letters lead first.
    pub server_url: String,
    /// `BRAIN_LETTER_PAUSE`: a person gets the same letter again only after so many seconds.
    pub letter_pause_seconds: u32,
    /// `BRAIN_PASSWORD_CHANGE_ENDS_SESSIONS`: whether a changed password ends the person's other sessions
    /// and personal access tokens. At Nhost they live on, a thief's as well.
    pub password_change_ends_sessions: bool,
    /// `AUTH_OTP_EMAIL_ENABLED`: whether a code in a letter signs in. Off at Nhost.
    pub otp_email_enabled: bool,
    /// `AUTH_EMAIL_PASSWORDLESS_ENABLED`: whether a link in a letter signs in. Off at Nhost.
    pub email_passwordless_enabled: bool,
    /// `AUTH_MFA_ENABLED`: whether people may have a second factor, and are asked for it. Off at Nhost.
    pub mfa_enabled: bool,
    /// `AUTH_MFA_TOTP_ISSUER`: what an authenticator app calls this server.
    pub mfa_issuer: String,
    /// `BRAIN_CODE_DIGITS`: how long codes in letters are, 6 or 8.
    pub code_digits: u8,
    /// The key under which codes are kept. By default a new one, so that codes end with the process.
    pub code_key: SecretString,
    /// `AUTH_ANONYMOUS_USERS_ENABLED`: whether people may come in without saying who they are.
    pub anonymous_users_enabled: bool,
    /// `BRAIN_REUSED_TOKEN_ENDS_SESSION`: whether a refresh token that is shown after its use ends its session: two
    /// have it, and one of them may be a thief. Or it is an old copy of the same program.
    pub reused_token_ends_session: bool,
    /// `AUTH_ACCESS_CONTROL_…`: which addresses may have an account.
    pub address_rules: AddressRules,
    /// `AUTH_CONCEAL_ERRORS`: errors that tell about accounts all become `invalid-request`.
    pub conceal_errors: bool,
    /// `AUTH_PASSWORD_HIBP_ENABLED`: the list of passwords that thieves know, where it is asked.
    pub breached_passwords: Option<PwnedPasswords>,
    /// `AUTH_JWT_CUSTOM_CLAIMS`: claims of the project's own, by name, as paths from the person's row.
    pub custom_claims: BTreeMap<String, String>,
    /// How often one network may ask, and one account be tried.
    pub rate_limits: RateLimits,
    /// `BRAIN_TRUSTED_PROXIES`: whose word counts about where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// `AUTH_PROVIDER_…`: the services that people may sign in with.
    pub providers: Providers,
    /// `AUTH_WEBAUTHN_…`: who we are to security keys; without it they are off.
    pub relying_party: Option<RelyingParty>,
    /// `AUTH_REQUIRE_ELEVATED_CLAIM`: who must show a security key before they change what guards their account.
    pub require_elevated_claim: Elevation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access_token_expires_in: 900,
            refresh_token_expires_in: 2_592_000,
            password_min_length: 9,
            email_verification_required: false,
            default_role: "user".to_owned(),
            default_allowed_roles: vec!["user".to_owned(), "me".to_owned()],
            disable_signup: false,
            disable_new_users: false,
            default_locale: "en".to_owned(),
            allowed_locales: vec!["en".to_owned(), "ru".to_owned()],
            gravatar_enabled: false,
            client_url: "http://localhost:3000".to_owned(),
            allowed_redirect_urls: Vec::new(),
            server_url: "http://localhost:3000/v1".to_owned(),
            letter_pause_seconds: 60,
            password_change_ends_sessions: true,
            otp_email_enabled: true,
            email_passwordless_enabled: true,
            mfa_enabled: true,
            mfa_issuer: "BrainMessenger".to_owned(),
            code_digits: 6,
            code_key: SecretString::from(format!("{}{}", Uuid::new_v4(), Uuid::new_v4())),
            anonymous_users_enabled: false,
            reused_token_ends_session: false,
            address_rules: AddressRules::default(),
            conceal_errors: false,
            breached_passwords: None,
            custom_claims: BTreeMap::new(),
            rate_limits: RateLimits::default(),
            trusted_proxies: Vec::new(),
            providers: Providers::default(),
            relying_party: None,
            require_elevated_claim: Elevation::Disabled,
        }
    }
}

impl Options {
    /// The same settings with the default role among the allowed ones, and each role once.
    pub(super) fn normalised(mut self) -> Self {
        self.default_allowed_roles.push(self.default_role.clone());
        self.default_allowed_roles.sort_unstable();
        self.default_allowed_roles.dedup();
        // Paths are put behind it as text.
        self.server_url.truncate(self.server_url.trim_end_matches('/').len());
        self
    }

    /// The language of an account that asks for `wanted`: an unknown one is no error, as at Nhost.
    pub(super) fn locale<'a>(&'a self, wanted: Option<&'a str>) -> &'a str {
        wanted
            .filter(|wanted| self.allowed_locales.iter().any(|allowed| allowed == wanted))
            .unwrap_or(&self.default_locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_role_is_always_allowed() {
        let options = Options { default_role: "author".to_owned(), ..Options::default() }.normalised();
        assert_eq!(options.default_allowed_roles, ["author", "me", "user"]);
        assert_eq!(Options::default().normalised().default_allowed_roles, ["me", "user"]);
    }

    #[test]
    fn a_language_not_on_offer_becomes_the_default_one() {
        let options = Options::default();
        assert_eq!(options.locale(Some("ru")), "ru");
        assert_eq!(options.locale(Some("xx")), "en");
        assert_eq!(options.locale(None), "en");
    }
}
