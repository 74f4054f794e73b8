//! What is measured: requests by endpoint and outcome, which is `ok` or the error's code, and the time that
//! hashing takes.

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::MethodRouter;

/// How many requests each endpoint answered, and how.
const REQUESTS: &str = "auth_requests_total";

/// How long the hashing of a password takes.
pub(super) const HASH_SECONDS: &str = "auth_password_hash_seconds";

/// How a request went, as the error left it on its response.
#[derive(Clone, Copy)]
pub(super) struct Outcome(pub(super) &'static str);

/// Tells the recorder what is measured here.
pub(super) fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests to the sign-in service, by endpoint and outcome.");
    metrics::describe_histogram!(
        HASH_SECONDS,
        metrics::Unit::Seconds,
        "How long the hashing of a password took, without the wait for its turn."
    );
}

/// The same route, counted under the name `endpoint`.
pub(super) fn observed<S: Clone + Send + Sync + 'static>(
    endpoint: &'static str,
    route: MethodRouter<S>,
) -> MethodRouter<S> {
    route.layer(from_fn(move |request: Request, next: Next| async move {
        let response = next.run(request).await;
        count(endpoint, &response);
        response
    }))
}

fn count(endpoint: &'static str, response: &Response) {
    let outcome = response.extensions().get::<Outcome>().map_or("ok", |outcome| outcome.0);
    metrics::counter!(REQUESTS, "endpoint" => endpoint, "outcome" => outcome).increment(1);
    tracing::debug!(auth.endpoint = endpoint, auth.outcome = outcome, "{endpoint}: {outcome}");
}
