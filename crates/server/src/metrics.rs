//! Metrics in Prometheus' text format, on a listener of their own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often old samples are folded, so that nobody need ask for memory to stay bounded.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds for everything that is measured in seconds.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Installs the recorder. Everything that is measured afterwards is in it.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?;
    Ok(builder.install_recorder()?)
}

/// Serves the metrics until `stop`.
pub(crate) async fn serve(
    address: SocketAddr,
    handle: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("BRAIN_METRICS_LISTEN: cannot listen on {address}"))?;
    let rendered = handle.clone();
    let router = Router::new().route("/metrics", get(async move || rendered.render()));
    Ok(async move {
        let serving = axum::serve(listener, router).into_future();
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        };
        tokio::select! {
            _ = serving => {}
            () = upkeep => {}
            () = stop.cancelled() => {}
        }
    })
}
