//! The settings of sign-in, under the names that Nhost Auth has for them.

use app::auth::Options;
use clap::Args;

use super::Exit;

/// How people sign in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[expect(clippy::struct_field_names, reason = "a field is named for its variable")]
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
    /// Whether only verified addresses may sign in; needs a way to send letters
    #[arg(long, env = "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_email_signin_email_verified_required: bool,
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
}

impl AuthConfig {
    /// Refuses settings that contradict each other.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        if self.auth_email_signin_email_verified_required {
            let what = "true needs a way to send letters, and there is none: addresses cannot be verified";
            return Err(Exit::wrong("AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED", what));
        }
        if !self.auth_locale_allowed_locales.contains(&self.auth_locale_default) {
            let what = format!("{:?} is not among AUTH_LOCALE_ALLOWED_LOCALES", self.auth_locale_default);
            return Err(Exit::wrong("AUTH_LOCALE_DEFAULT", &what));
        }
        Ok(())
    }

    /// The settings as the sign-in service takes them.
    pub(crate) fn options(&self) -> Options {
        Options {
            access_token_expires_in: self.auth_access_token_expires_in,
            refresh_token_expires_in: self.auth_refresh_token_expires_in,
            password_min_length: usize::from(self.auth_password_min_length),
            email_verification_required: self.auth_email_signin_email_verified_required,
            default_role: self.auth_user_default_role.clone(),
            default_allowed_roles: self.auth_user_default_allowed_roles.clone(),
            disable_signup: self.auth_disable_signup,
            disable_new_users: self.auth_disable_new_users,
            default_locale: self.auth_locale_default.clone(),
            allowed_locales: self.auth_locale_allowed_locales.clone(),
            gravatar_enabled: self.auth_gravatar_enabled,
        }
    }
}
