//! The sign-in service that Nhost Auth is elsewhere: accounts, sessions, access tokens. An endpoint a file
//! in `endpoints/`; rules and shapes are Nhost Auth's, so that its SDKs cannot tell the difference.
//!
//! Deviations: every error is JSON with `status`, `message` and `error`, and a bad access token where one is
//! needed is 401 `invalid-request` (Nhost: 400 in another shape), as clients expect.
//! It exists only where the program stands alone, and is the only feature that may use the database itself.

mod cors;
mod endpoints;
mod error;
mod fields;
mod observe;
mod options;
mod passwords;
mod refresh_token;
mod request;
mod sessions;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use base::jwt::JwtKey;
use db::Pool;

use endpoints::{
    healthz, jwks, signin_email_password, signout, signup_email_password, token, token_verify, user as me,
    version,
};
use observe::observed;
use passwords::Passwords;

pub use error::{AuthError, RefusedToken};
pub use options::Options;

/// The sign-in service over one database. Cloning is cheap.
#[derive(Clone)]
pub struct Auth(Arc<Shared>);

struct Shared {
    pool: Pool,
    jwt: JwtKey,
    passwords: Passwords,
    options: Options,
}

impl Auth {
    /// Makes the service ready: the configured roles exist afterwards.
    pub async fn start(pool: Pool, jwt: JwtKey, options: Options) -> Result<Self, AuthError> {
        observe::describe();
        let options = options.normalised();
        let add_roles = "insert into auth.roles (role) select unnest($1::text[]) on conflict do nothing";
        pool.execute(add_roles, &[&options.default_allowed_roles]).await?;
        Ok(Self(Arc::new(Shared { pool, jwt, passwords: Passwords::start().await?, options })))
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
        .route("/signout", observed("signout", post(signout::handle)))
        .route("/token", observed("token", post(token::handle)))
        .route("/token/verify", observed("token_verify", post(token_verify::handle)))
        .route("/user", observed("user", get(me::handle)))
        .route("/healthz", get(healthz::handle))
        .route("/version", get(version::handle))
        .route("/.well-known/jwks.json", get(jwks::handle))
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(DefaultBodyLimit::max(request::MAX_BODY_BYTES))
        .layer(cors::layer())
        .layer(axum::middleware::map_response(cors::empty_preflight))
        .with_state(auth)
}
