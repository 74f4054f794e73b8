//! The endpoints, one a file. Each reads its request into checked types, runs a few statements, and answers with a value
//! or an error; none knows under which address it is served.

pub(super) mod anonymous;
pub(super) mod healthz;
pub(super) mod idtoken;
pub(super) mod jwks;
pub(super) mod mfa;
pub(super) mod pat;
pub(super) mod signin_email_password;
pub(super) mod signin_provider;
pub(super) mod signin_without_password;
pub(super) mod signout;
pub(super) mod signup_email_password;
pub(super) mod sms;
pub(super) mod token;
pub(super) mod token_verify;
pub(super) mod user;
pub(super) mod user_delete;
pub(super) mod user_email_change;
pub(super) mod user_email_verify;
pub(super) mod user_password;
pub(super) mod user_password_reset;
pub(super) mod verification_email;
pub(super) mod verify;
pub(super) mod version;
pub(super) mod webauthn_register;
pub(super) mod webauthn_signin;

pub use jwks::JWKS_MAX_AGE_SECONDS;
pub(super) use signup_email_password::{Roles, SignUpOptions};

/// What endpoints answer that have nothing to say: the JSON string `"OK"`.
type Answered = axum::Json<&'static str>;

const OK: Answered = axum::Json("OK");

/// The options of whatever sends a letter with a link, and nothing else.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LinkOptions {
    redirect_to: Option<super::fields::RedirectTo>,
}
