//! What a stolen session must not do: endpoints that ask whoever is signed in to show their security key first
//! (`/elevate/webauthn`), where the settings want it.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::jwt::AccessClaims;

use super::Auth;
use super::error::AuthError;
use super::request::claims;
use super::sessions::ELEVATED;

/// The endpoints that Nhost Auth's description marks so.
const GUARDED: [&str; 6] = [
    "/link/idtoken",
    "/pat",
    "/user/email/change",
    "/user/password",
    "/user/webauthn/add",
    "/user/webauthn/verify",
];

/// `AUTH_REQUIRE_ELEVATED_CLAIM`: who must show a security key there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elevation {
    /// Nobody.
    #[default]
    Disabled,
    /// Whoever has one.
    Recommended,
    /// Everybody.
    Required,
}

/// Lets a request through to a guarded endpoint if its session is elevated, or need not be.
pub(super) async fn guard(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    // Without a good token there is no session to elevate: the endpoint itself says what it needs.
    if GUARDED.contains(&request.uri().path())
        && auth.0.options.require_elevated_claim != Elevation::Disabled
        && let Ok(claims) = claims(&auth, request.headers())
        && let Err(error) = check(&auth, &claims).await
    {
        return error.into_response();
    }
    next.run(request).await
}

/// Whether the session of an access token is elevated, or need not be.
pub(super) async fn check(auth: &Auth, claims: &AccessClaims) -> Result<(), AuthError> {
    if auth.0.options.require_elevated_claim == Elevation::Disabled {
        return Ok(());
    }
    let Some(user) = claims.user_id else { return Ok(()) };
    if claims.variables.get(ELEVATED).is_some_and(|elevated| *elevated == user.to_string()) {
        return Ok(());
    }
    let (_, keys) = auth.credentials(Some(user.0), None).await?;
    let is_free = auth.0.options.require_elevated_claim == Elevation::Recommended && keys.is_empty();
    if is_free { Ok(()) } else { Err(AuthError::ElevationRequired) }
}
