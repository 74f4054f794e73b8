//! Lets web pages of any origin call the service, as Nhost Auth does: the origin is echoed and credentials
//! are allowed. That gives no page more than its user's own tokens do: no cookie says who somebody is. The one that is
//! read here tells a browser that began to sign in with another service from others.

use std::time::Duration;

use axum::http::header::ACCESS_CONTROL_MAX_AGE;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The layer that answers preflights and marks answers.
pub(super) fn layer() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::POST, Method::GET])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(Duration::from_hours(24))
}

/// Answers a preflight with 204, as it has no content. Only preflights' answers have a maximal age.
pub(super) async fn empty_preflight(mut response: Response) -> Response {
    if response.status() == StatusCode::OK && response.headers().contains_key(ACCESS_CONTROL_MAX_AGE) {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}
