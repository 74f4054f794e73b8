//! A postmaster that an earlier run left behind: found by the file that it writes into its data folder, known
//! for what it is, and stopped. A process number may have passed on to a stranger, who is left alone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::error::Error;

const POLL: Duration = Duration::from_millis(20);
/// How long an orderly stop may take before sessions are cut off.
pub(crate) const FAST_STOP: Duration = Duration::from_secs(20);
/// How long stopping without a checkpoint may take.
pub(crate) const IMMEDIATE_STOP: Duration = Duration::from_secs(10);

/// What `postmaster.pid` says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: i32,
    pub(crate) port: Option<u16>,
    pub(crate) socket_dir: Option<String>,
}

impl PidFile {
    /// Reads the file of the data folder `pgdata`; `None` where there is none, or nothing that makes sense.
    pub(crate) fn read(pgdata: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(pgdata.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 1)?;
        let port = lines.nth(2).and_then(|port| port.trim().parse().ok());
        let socket_dir =
            lines.next().map(|folder| folder.trim().to_owned()).filter(|folder| !folder.is_empty());
        Some(Self { pid, port, socket_dir })
    }
}

/// Stops the postmaster that runs on `pgdata`, if one does, and removes the file that a crash and a passed-on
/// process number make misleading.
pub(crate) async fn stop_left_behind(pgdata: &Path) -> Result<(), Error> {
    let Some(file) = PidFile::read(pgdata) else { return Ok(()) };
    if !is_alive(file.pid) {
        return Ok(());
    }
    if !is_postmaster_of(file.pid, pgdata).await {
        // PostgreSQL would take the stranger for itself and refuse to start. That no process of its own is
        // left it also sees from the shared memory of this folder.
        return fs::remove_file(pgdata.join("postmaster.pid"))
            .map_err(|error| Error::StartPostgres(format!("cannot remove a stale postmaster.pid: {error}")));
    }
    tracing::warn!(pid = file.pid, "stopping the PostgreSQL that an earlier run left behind");
    for (signal, bound) in [(Signal::INT, FAST_STOP), (Signal::QUIT, IMMEDIATE_STOP)] {
        send(file.pid, signal);
        if wait_gone(file.pid, pgdata, bound).await {
            return Ok(());
        }
    }
    Err(Error::StopPostgres(format!("process {} of an earlier run does not end", file.pid)))
}

/// Sends a signal; a process that is gone already is fine.
pub(crate) fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

async fn wait_gone(pid: i32, pgdata: &Path, bound: Duration) -> bool {
    let until = Instant::now() + bound;
    while Instant::now() < until {
        if !is_alive(pid) || !is_postmaster_of(pid, pgdata).await {
            return true;
        }
        sleep(POLL).await;
    }
    false
}

/// Whether there is a process of that number.
pub(crate) fn is_alive(pid: i32) -> bool {
    // Not being allowed to signal it also means that it is there.
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Whether the process is a PostgreSQL that works in `pgdata` (absolute, without links).
async fn is_postmaster_of(pid: i32, pgdata: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if !process.exists() {
        return is_postmaster_by_ps(pid, pgdata).await;
    }
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let folder = fs::read_link(process.join("cwd"));
    matches!(name.trim(), "postgres" | "postmaster") && folder.is_ok_and(|folder| folder == pgdata)
}

/// The same where there is no `/proc`.
async fn is_postmaster_by_ps(pid: i32, pgdata: &Path) -> bool {
    let mut command = Command::new("ps");
    command.args(["-ww", "-o", "command=", "-p", &pid.to_string()]).kill_on_drop(true);
    let Ok(Ok(output)) = timeout(Duration::from_secs(5), command.output()).await else { return false };
    let line = String::from_utf8_lossy(&output.stdout);
    line.contains("postgres") && line.contains(&*pgdata.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_tells_where_the_server_listens() {
        let text = "4242\n/data/postgres\n1700000000\n5433\n/tmp/brain-x\n127.0.0.1\n  123   4\nready   \n";

        let file = PidFile::parse(text).unwrap();

        assert_eq!(
            file,
            PidFile { pid: 4242, port: Some(5433), socket_dir: Some("/tmp/brain-x".to_owned()) }
        );
    }

    #[test]
    fn half_a_pid_file_and_numbers_that_are_no_process_are_nothing() {
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("-1\n"), None);
        assert_eq!(PidFile::parse("1\n"), None);
        assert_eq!(PidFile::parse("77\n").map(|file| file.port), Some(None));
    }

    #[tokio::test]
    async fn a_stranger_is_not_a_postmaster() {
        let own = i32::try_from(std::process::id()).unwrap();

        assert!(is_alive(own));
        assert!(!is_postmaster_of(own, Path::new("/")).await);
    }
}
