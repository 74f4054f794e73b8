//! `/healthz`: the process is alive. `/readyz`: it can serve, because the database answers.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use db::Pool;
use graphql::Engine;

/// How long the database may take to say that it is there.
const LIMIT: Duration = Duration::from_secs(2);

/// The two routes.
pub(crate) fn router(pool: Pool, engine: Engine) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state((pool, engine))
}

/// Migrations ran before the first request, so the database alone decides. An API that could not follow a change of
/// the schema goes on serving; the log says what is wrong.
async fn ready(State((pool, engine)): State<(Pool, Engine)>) -> (StatusCode, &'static str) {
    if !pool.is_reachable(LIMIT).await {
        return (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer");
    }
    if engine.health().reload_failure.is_some() {
        return (StatusCode::OK, "ready, but a change of the schema could not be taken over");
    }
    (StatusCode::OK, "ready")
}
