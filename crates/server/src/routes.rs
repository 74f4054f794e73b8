//! Which address belongs to whom. Auth, Storage and GraphQL answer under `/v1` together, as on Nhost's own hosts,
//! and under `/v1/auth` and `/v1/storage`, as generation 3 of the SDK and the documentation have it.

use app::auth::Auth;
use app::files::Files;
use axum::Router;
use db::Pool;
use graphql::Engine;
use graphql::http::Endpoint;
use graphql::metadata_api::Mode;

use crate::{assets, cors, graphiql, health};

/// What there is for administrators and developers.
pub(crate) struct AdminRoutes {
    /// Which commands the metadata API has.
    pub(crate) metadata: Mode,
    /// Whether GraphiQL is served.
    pub(crate) graphiql: bool,
}

/// The whole server.
pub(crate) fn router(
    pool: Pool,
    engine: Engine,
    endpoint: Endpoint,
    auth: Auth,
    files: Files,
    admin: &AdminRoutes,
) -> Router {
    let graphql = graphql::http::router(endpoint.clone(), &["/v1", "/v1/graphql"]).layer(cors::open());
    let graphql = graphql.merge(graphql::metadata_api::router(endpoint, admin.metadata));
    // `/v1/version` is Auth's; Storage has its own below `/v1/storage`.
    let together = app::auth::router(auth.clone()).merge(app::files::router_without_version(files.clone()));
    let router = Router::new()
        .merge(health::router(pool, engine))
        .merge(graphql)
        .nest("/v1", together)
        .nest("/v1/auth", app::auth::router(auth))
        .nest("/v1/storage", app::files::router(files));
    // The assets of the page are served with the client's.
    let router = if admin.graphiql { router.route("/graphiql", graphiql::page()) } else { router };
    assets::fallback(router)
}
