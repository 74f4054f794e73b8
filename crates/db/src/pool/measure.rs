//! The pool's measurements, by the `metrics` facade. Their names are part of the operator's interface.

use std::time::{Duration, Instant};

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Statements that are under way on lanes (gauge).
const LANE_BUSY: &str = "db_pool_lane_busy";
/// Lanes that are connected (gauge).
const LANE_CONNECTED: &str = "db_pool_lane_connected";
/// Connections that broke or were given up, and are made anew (counter).
const RECONNECTS: &str = "db_pool_reconnects_total";
/// How long callers wait for a free connection (histogram, seconds).
const WAIT_SECONDS: &str = "db_pool_wait_seconds";
/// How long statements take, preparation included, waiting excluded (histogram, seconds; label `result`).
const STATEMENT_SECONDS: &str = "db_statement_seconds";

pub(super) fn describe() {
    describe_gauge!(LANE_BUSY, "Statements under way on the shared connections");
    describe_gauge!(LANE_CONNECTED, "Shared connections that are up");
    describe_counter!(RECONNECTS, "Connections that broke or were given up");
    describe_histogram!(WAIT_SECONDS, metrics::Unit::Seconds, "Waiting for a free connection");
    describe_histogram!(STATEMENT_SECONDS, metrics::Unit::Seconds, "Running a statement");
}

pub(super) fn waited(since: Instant) {
    histogram!(WAIT_SECONDS).record(since.elapsed());
}

pub(super) fn ran<T, E>(took: Duration, result: &Result<T, E>) {
    let label = if result.is_ok() { "ok" } else { "error" };
    histogram!(STATEMENT_SECONDS, "result" => label).record(took);
}

pub(super) fn reconnecting() {
    counter!(RECONNECTS).increment(1);
}

pub(super) fn lane_connected(connected: bool) {
    let gauge = gauge!(LANE_CONNECTED);
    if connected { gauge.increment(1.0) } else { gauge.decrement(1.0) }
}

pub(super) fn lane_busy(busy: bool) {
    let gauge = gauge!(LANE_BUSY);
    if busy { gauge.increment(1.0) } else { gauge.decrement(1.0) }
}
