//! A running postmaster that is this process's child: started, waited for until it takes connections, stopped.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::cluster::quiet;
use super::installation::Installation;
use super::log::Log;
use super::postmaster::{FAST_STOP, IMMEDIATE_STOP, send};
use super::site::{Readiness, readiness};
use crate::connect::Address;
use crate::error::Error;

const POLL: Duration = Duration::from_millis(10);

/// All that is needed to run the program on a folder.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) account: &'a Account,
    pub(crate) pgdata: &'a Path,
    pub(crate) socket_dir: &'a Path,
    pub(crate) port: u16,
    /// `name=value` settings, in addition to those that every server has.
    pub(crate) settings: &'a [String],
}

impl Launch<'_> {
    /// The arguments of `postgres`. They go over what stands in its files, so that nothing there can take
    /// away what the program relies on; what is not named here can be set with `alter system`.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![OsString::from("-D"), self.pgdata.into()];
        let mut set = |setting: OsString| {
            arguments.push("-c".into());
            arguments.push(setting);
        };
        let mut socket = OsString::from("unix_socket_directories=");
        socket.push(self.socket_dir);
        set(socket);
        set(format!("port={}", self.port).into());
        for setting in INSISTED.iter().copied().chain(self.settings.iter().map(String::as_str)) {
            set(setting.into());
        }
        arguments
    }

    fn command(&self, log: &Log) -> std::io::Result<Command> {
        let log = log.open()?;
        let mut command = Command::new(self.installation.program("postgres"));
        quiet(self.account.run_as(&mut command)).current_dir(self.pgdata).args(self.arguments());
        command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log));
        Ok(command)
    }
}

/// Settings that every server of ours has.
const INSISTED: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_permissions=0700",
    "password_encryption=scram-sha-256",
    "wal_level=logical",
    "max_wal_senders=16",
    "max_replication_slots=16",
    // A reader that stopped reading costs this much disk and not more.
    "max_slot_wal_keep_size=2GB",
    "synchronous_commit=on",
    "full_page_writes=on",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "logging_collector=off",
    "log_destination=stderr",
    "log_line_prefix=%m [%p] ",
    // Neither statements nor the values in an error's detail belong in a log.
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    // A statement whose client is gone is not run to its end.
    "client_connection_check_interval=10s",
];

/// Whether the program waits for the disk. Only tests do without.
pub(crate) fn durability(durable: bool) -> &'static str {
    if durable { "fsync=on" } else { "fsync=off" }
}

/// The child. Dropped, it is asked to stop and not waited for.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    log: Log,
    /// Where this run's part of the log begins.
    log_offset: u64,
}

impl Running {
    /// Starts the program and waits until `address` takes a connection, or the program gives up.
    pub(crate) async fn start(
        launch: &Launch<'_>,
        log: &Log,
        address: &Address,
        bound: Duration,
    ) -> Result<Self, Error> {
        let log_offset = log.len();
        let mut command = launch
            .command(log)
            .map_err(|error| Error::StartPostgres(format!("{}: {error}", log.path().display())))?;
        let child =
            command.spawn().map_err(|error| Error::StartPostgres(format!("cannot run it: {error}")))?;
        let mut running = Self { child, log: log.clone(), log_offset };
        let until = Instant::now() + bound;
        loop {
            if let Some(status) = running.exited() {
                return Err(Error::StartPostgres(format!("{status}: {}", running.reason())));
            }
            match readiness(address).await {
                Readiness::Ready => return Ok(running),
                Readiness::Refused(reason) => {
                    running.stop().await?;
                    return Err(reason);
                }
                Readiness::Later if Instant::now() < until => sleep(POLL).await,
                Readiness::Later => {
                    let reason = format!("not ready after {bound:?}: {}", running.reason());
                    running.stop().await?;
                    return Err(Error::StartPostgres(reason));
                }
            }
        }
    }

    /// Waits for the program to end by itself.
    pub(crate) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("{status}: {}", self.reason()),
            Err(error) => error.to_string(),
        }
    }

    /// Stops it in order: sessions are cut off and the last checkpoint is written; when that takes too long,
    /// without one.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        for (signal, bound) in [(Signal::INT, FAST_STOP), (Signal::QUIT, IMMEDIATE_STOP)] {
            self.signal(signal);
            if timeout(bound, self.child.wait()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!("PostgreSQL does not stop within {bound:?}");
        }
        let killed = timeout(IMMEDIATE_STOP, self.child.kill()).await;
        match killed {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::StopPostgres("the process does not end".to_owned())),
        }
    }

    fn signal(&self, signal: Signal) {
        // The number is the child's for as long as nobody has waited for it.
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            send(pid, signal);
        }
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    fn reason(&self) -> String {
        self.log.reason(self.log_offset)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.exited().is_none() {
            self.signal(Signal::INT);
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16, Error> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|error| Error::StartPostgres(format!("no free port: {error}")))
}

/// Whether a start failed for something that another moment, or another port, may mend.
pub(crate) fn is_passing(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("could not create any TCP/IP sockets") || text.contains("shared memory block")
}
