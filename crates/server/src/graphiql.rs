//! GraphiQL, a page for asking the API by hand, which is built into the binary beside the web client. It asks this
//! server alone, and as whoever its user says they are.

use axum::Router;
use axum::extract::Request;
use axum::response::Redirect;
use axum::routing::{MethodRouter, get};

use crate::assets;

/// The page of the build.
pub(crate) const PAGE: &str = "graphiql.html";

/// Its editor makes style sheets of its own, which no file could hold; scripts come from here alone all the same.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
    img-src 'self' data:; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// The page.
pub(crate) fn page() -> MethodRouter {
    get(async |request: Request| assets::page(&request, PAGE, CONTENT_POLICY))
}

/// The page at `/graphiql`, and the files that it is made of.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/graphiql", page())
        .route("/assets/{*path}", get(async |request: Request| assets::asset(&request)))
}

/// Where those look who know Hasura's console.
pub(crate) fn redirects() -> Router {
    let to_page = || get(async || Redirect::temporary("/graphiql"));
    Router::new().route("/", to_page()).route("/console", to_page())
}
