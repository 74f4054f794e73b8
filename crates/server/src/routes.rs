//! Which address belongs to whom. Auth, Storage and GraphQL answer under `/v1` together, as on Nhost's own hosts,
//! and under `/v1/auth` and `/v1/storage`, as generation 3 of the SDK and the documentation have it.

use app::auth::Auth;
use app::files::Files;
use axum::Router;
use db::Pool;
use graphql::http::Endpoint;
use http::Method;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{assets, health};

/// The whole server.
pub(crate) fn router(pool: Pool, endpoint: Endpoint, auth: Auth, files: Files) -> Router {
    let graphql = graphql::http::router(endpoint, &["/v1", "/v1/graphql"]).layer(graphql_cors());
    // `/v1/version` is Auth's; Storage has its own below `/v1/storage`.
    let together = app::auth::router(auth.clone()).merge(app::files::router_without_version(files.clone()));
    let router = Router::new()
        .merge(health::router(pool))
        .merge(graphql)
        .nest("/v1", together)
        .nest("/v1/auth", app::auth::router(auth))
        .nest("/v1/storage", app::files::router(files));
    assets::fallback(router)
}

/// Any origin may call, as with Hasura: a token stands for the caller, never a cookie.
fn graphql_cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(std::time::Duration::from_secs(24 * 60 * 60))
}
