//! `/healthz`: the process is alive. `/readyz`: it can serve, because the database answers.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use db::Pool;

/// How long the database may take to say that it is there.
const LIMIT: Duration = Duration::from_secs(2);

/// The two routes.
pub(crate) fn router(pool: Pool) -> Router {
    Router::new().route("/healthz", get(async || "ok")).route("/readyz", get(ready)).with_state(pool)
}

/// Migrations ran before the first request, so the database alone decides.
async fn ready(State(pool): State<Pool>) -> (StatusCode, &'static str) {
    if pool.is_reachable(LIMIT).await {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
    }
}
