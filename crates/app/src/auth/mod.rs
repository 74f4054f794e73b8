//! The sign-in service that Nhost Auth is elsewhere: accounts, sessions, access tokens. An endpoint a file
//! in `endpoints/`; rules and shapes are Nhost Auth's, so that its SDKs cannot tell the difference.
//!
//! Deviations: every error is JSON with `status`, `message` and `error`, and a bad access token where one is
//! needed is 401 `invalid-request` (Nhost: 400 in another shape), as clients expect.
//! It exists only where the program stands alone, and is the only feature that may use the database itself.

mod access;
mod caller;
mod codes;
mod cors;
mod custom_claims;
mod device;
mod elevation;
mod endpoints;
mod error;
mod fields;
mod letters;
mod limits;
mod migrations;
mod network;
mod new_password;
mod observe;
mod options;
mod passkeys;
mod passwords;
mod people;
mod providers;
mod redirects;
mod refresh_token;
mod request;
mod revocation;
mod second_factor;
mod sessions;
mod tickets;
mod totp;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::routing::{get, post};
use base::jwt::JwtKeys;
use base::project::Project;
use db::Pool;

use custom_claims::CustomClaims;
use endpoints::{
    anonymous, healthz, idtoken, jwks, mfa, pat, signin_email_password, signin_provider,
    signin_without_password, signout, signup_email_password, sms, token, token_verify, user as me,
    user_delete, user_email_change, user_email_verify, user_password, user_password_reset,
    verification_email, verify, version, webauthn_register, webauthn_signin,
};
use limits::Limits;
use observe::observed;
use passwords::Passwords;
use redirects::Redirects;
use tokio::sync::Notify;
use webauthn_rs::Webauthn;

pub use access::AddressRules;
pub use elevation::Elevation;
pub use endpoints::JWKS_MAX_AGE_SECONDS;
pub use error::{AuthError, RefusedToken};
pub use limits::{Rate, RateLimits};
pub use migrations::migrations;
pub use options::Options;
pub use passkeys::RelyingParty;
pub use people::{Deed, People, Person, PersonsSession};
pub use providers::Providers;
pub use revocation::SessionRows;

/// The sign-in service over one database. Cloning is cheap.
#[derive(Clone)]
pub struct Auth(Arc<Shared>);

struct Shared {
    pool: Pool,
    jwt: JwtKeys,
    passwords: Passwords,
    redirects: Redirects,
    /// What checks security keys, where they are on.
    webauthn: Option<Webauthn>,
    limits: Limits,
    custom_claims: Option<CustomClaims>,
    /// Told when a letter was put into the queue.
    letters_wait: Notify,
    options: Options,
}

impl Auth {
    /// Makes the service ready: the configured roles exist afterwards. Custom claims are read from `project`; without
    /// one there are none.
    pub async fn start(
        pool: Pool,
        jwt: JwtKeys,
        project: Option<Arc<dyn Project>>,
        options: Options,
    ) -> Result<Self, AuthError> {
        observe::describe();
        letters::describe();
        let options = options.normalised();
        let add_roles = "insert into auth.roles (role) select unnest($1::text[]) on conflict do nothing";
        pool.execute(add_roles, &[&options.default_allowed_roles]).await?;
        let redirects =
            Redirects::new(&options.client_url, &options.allowed_redirect_urls, &options.server_url);
        let passwords = Passwords::start().await?;
        let webauthn = options.relying_party.as_ref().map(RelyingParty::build).transpose()?;
        let limits = Limits::new(options.rate_limits.clone(), jwt.clock());
        let custom_claims = match project {
            Some(project) if !options.custom_claims.is_empty() => {
                Some(CustomClaims::start(project, &options.custom_claims).await?)
            }
            _ => None,
        };
        let letters_wait = Notify::new();
        Ok(Self(Arc::new(Shared {
            pool,
            jwt,
            passwords,
            redirects,
            webauthn,
            limits,
            custom_claims,
            letters_wait,
            options,
        })))
    }
}

/// The service's endpoints, under relative paths: the server nests them under `/v1` and `/v1/auth`.
pub fn router(auth: Auth) -> Router {
    Router::new()
        .route(
            "/signup/email-password",
            observed("signup_email_password", post(signup_email_password::handle)),
        )
        .route(
            "/signin/email-password",
            observed("signin_email_password", post(signin_email_password::handle)),
        )
        .route("/signin/anonymous", observed("signin_anonymous", post(anonymous::sign_in)))
        .route("/user/deanonymize", observed("user_deanonymize", post(anonymous::deanonymize)))
        .route("/signin/pat", observed("signin_pat", post(pat::sign_in)))
        .route("/pat", observed("pat", post(pat::create)))
        .route("/signin/mfa/totp", observed("signin_mfa_totp", post(mfa::sign_in)))
        .route("/mfa/totp/generate", observed("mfa_totp_generate", get(mfa::generate)))
        .route("/mfa/email/send", observed("mfa_email_send", post(mfa::send_code)))
        .route("/mfa/recovery-codes", observed("mfa_recovery_codes", post(mfa::recovery_codes)))
        .route("/user/mfa", observed("user_mfa", post(mfa::switch)))
        .route("/signin/otp/email", observed("signin_otp_email", post(signin_without_password::send_code)))
        .route(
            "/signin/otp/email/verify",
            observed("signin_otp_email_verify", post(signin_without_password::take_code)),
        )
        .route(
            "/signin/passwordless/email",
            observed("signin_passwordless_email", post(signin_without_password::send_link)),
        )
        .route("/signin/passwordless/sms", observed("signin_passwordless_sms", post(sms::handle)))
        .route("/signin/passwordless/sms/otp", observed("signin_passwordless_sms_otp", post(sms::handle)))
        .merge(providers_router())
        .merge(webauthn_router())
        .route("/signout", observed("signout", post(signout::handle)))
        .route("/token", observed("token", post(token::handle)))
        .route("/token/verify", observed("token_verify", post(token_verify::handle)))
        .route("/user", observed("user", get(me::handle)))
        .route("/user/password", observed("user_password", post(user_password::handle)))
        .route("/user/password/reset", observed("user_password_reset", post(user_password_reset::handle)))
        .route("/user/delete", observed("user_delete", post(user_delete::handle)))
        .route("/user/email/verify", observed("user_email_verify", post(user_email_verify::handle)))
        .route("/user/email/change", observed("user_email_change", post(user_email_change::handle)))
        .route(
            "/user/email/send-verification-email",
            observed("send_verification_email", post(verification_email::handle)),
        )
        // A look at the link by a mail scanner must not use it up.
        .route("/verify", observed("verify", get(verify::handle).head(healthz::handle)))
        .route("/healthz", get(healthz::handle))
        .route("/version", get(version::handle))
        .route("/.well-known/jwks.json", get(jwks::handle))
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(auth.clone(), elevation::guard))
        .layer(from_fn_with_state(auth.clone(), limits::limited))
        .layer(map_response_with_state(auth.clone(), error::conceal))
        .layer(DefaultBodyLimit::max(request::MAX_BODY_BYTES))
        .layer(cors::layer())
        .layer(axum::middleware::map_response(cors::empty_preflight))
        .with_state(auth)
}

/// What people do who come from another service.
fn providers_router() -> Router<Auth> {
    Router::new()
        .route("/signin/provider/{provider}", observed("signin_provider", get(signin_provider::begin)))
        .route(
            "/signin/provider/{provider}/callback",
            observed(
                "signin_provider_callback",
                get(signin_provider::callback).post(signin_provider::callback_form),
            ),
        )
        .route("/signin/idtoken", observed("signin_idtoken", post(idtoken::sign_in)))
        .route("/link/idtoken", observed("link_idtoken", post(idtoken::link)))
}

/// What people do with security keys.
fn webauthn_router() -> Router<Auth> {
    Router::new()
        .route("/signup/webauthn", observed("signup_webauthn", post(webauthn_register::sign_up)))
        .route(
            "/signup/webauthn/verify",
            observed("signup_webauthn_verify", post(webauthn_register::verify_sign_up)),
        )
        .route("/signin/webauthn", observed("signin_webauthn", post(webauthn_signin::sign_in)))
        .route(
            "/signin/webauthn/verify",
            observed("signin_webauthn_verify", post(webauthn_signin::verify_sign_in)),
        )
        .route("/elevate/webauthn", observed("elevate_webauthn", post(webauthn_signin::elevate)))
        .route(
            "/elevate/webauthn/verify",
            observed("elevate_webauthn_verify", post(webauthn_signin::verify_elevate)),
        )
        .route("/user/webauthn/add", observed("user_webauthn_add", post(webauthn_register::add)))
        .route("/user/webauthn/verify", observed("user_webauthn_verify", post(webauthn_register::verify_add)))
}
