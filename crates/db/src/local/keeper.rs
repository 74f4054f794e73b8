//! The task that watches a running PostgreSQL: it notices its death, starts it again a bounded number of times,
//! keeps its log small, and stops it in the end.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, interval, sleep};

use super::postmaster::stop_left_behind;
use super::process::Running;
use super::site::Site;
use crate::error::{Error, in_one_line};

/// Deaths in a row after which it is given up. One that comes after a calm time counts as the first.
const MOST_DEATHS: u32 = 5;
const CALM: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LOG_CHECK: Duration = Duration::from_mins(1);
/// Starts after a death (counter).
const RESTARTS: &str = "db_local_restarts_total";

/// Keeps PostgreSQL running until `stop` says so, or its sender is gone. When it does not stay up, the reason
/// goes to `failing`.
pub(crate) async fn keep(
    site: Site,
    mut running: Running,
    port: u16,
    mut stop: oneshot::Receiver<()>,
    failing: watch::Sender<Option<String>>,
) -> Result<(), Error> {
    metrics::describe_counter!(RESTARTS, "Starts of the private PostgreSQL after it died");
    let mut deaths = 0;
    loop {
        let since = Instant::now();
        let reason = tokio::select! {
            _ = &mut stop => return running.stop().await,
            reason = watch_over(&site, &mut running) => reason,
        };
        if since.elapsed() > CALM {
            deaths = 0;
        }
        let restarted = tokio::select! {
            _ = &mut stop => None,
            restarted = restart(&site, port, &mut deaths, reason) => Some(restarted),
        };
        match restarted {
            Some(Ok(again)) => running = again,
            // One that was just starting has been asked to stop.
            None => return stop_left_behind(&site.pgdata()).await,
            Some(Err(reason)) => {
                tracing::error!(reason, "PostgreSQL does not stay up, and is given up");
                failing.send_replace(Some(reason));
                return Ok(());
            }
        }
    }
}

/// Waits for the program's death and tells its reason.
async fn watch_over(site: &Site, running: &mut Running) -> String {
    let mut check = interval(LOG_CHECK);
    loop {
        tokio::select! {
            reason = running.ended() => return reason,
            _ = check.tick() => {
                if let Err(error) = site.log().bound() {
                    tracing::warn!(%error, "cannot keep PostgreSQL's log small");
                }
            }
        }
    }
}

/// Starts it again on the same port and socket, so that its address stays; after pauses that grow.
async fn restart(site: &Site, port: u16, deaths: &mut u32, reason: String) -> Result<Running, String> {
    let mut reason = reason;
    loop {
        *deaths += 1;
        if *deaths >= MOST_DEATHS {
            return Err(reason);
        }
        tracing::error!(reason, deaths = *deaths, "PostgreSQL died and is started again");
        sleep(FIRST_PAUSE * 2_u32.pow(*deaths)).await;
        metrics::counter!(RESTARTS).increment(1);
        match site.bring_up(Some(port)).await {
            Ok((running, _)) => return Ok(running),
            Err(error) => reason = in_one_line(&error),
        }
    }
}
