//! A PostgreSQL that the program runs for itself in its data folder: found on the machine, made at first use,
//! started, watched, started again when it dies, and stopped in order.
//!
//! Invariant: at most one server uses a data folder, and what a killed run left there (a running postmaster,
//! half a folder, a socket's folder) is put right by the next start. It never signals a process that it does
//! not know to be this folder's.

mod account;
mod cluster;
mod installation;
mod keeper;
mod log;
mod postmaster;
mod process;
mod site;
mod socket;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::connect::Address;
use crate::error::Error;
use site::Site;

#[cfg(feature = "testing")]
pub(crate) use self::{
    account::Account,
    cluster::{Cluster, quiet},
    installation::Installation,
    log::Log,
    postmaster::{PidFile, is_alive, stop_left_behind},
    process::{Launch, durability, free_port},
    site::{Readiness, local_address, readiness},
    socket::SocketDir,
};

/// What a private PostgreSQL is started with.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The program's data folder. PostgreSQL's own lies in it, as `postgres`, beside `postgres.password`,
    /// `postgres.log`, `postgres.lock` and `postgres.socket`.
    pub data_dir: PathBuf,
    /// The folder of PostgreSQL's programs (`BRAIN_PG_BIN`). Without it, they are looked for.
    pub pg_bin: Option<PathBuf>,
    /// The search path (`PATH`).
    pub path: Option<OsString>,
    /// Where the socket's folder is made: short, and for programs of this machine only.
    pub socket_base: PathBuf,
    /// Most sessions at the same time.
    pub max_connections: u16,
    durable: bool,
}

impl LocalOptions {
    /// The usual options for a data folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            pg_bin: None,
            path: None,
            socket_base: PathBuf::from("/tmp"),
            max_connections: 100,
            durable: true,
        }
    }

    /// The same, without waiting for the disk. For tests only: a crash of the machine loses the data.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn without_durability(mut self) -> Self {
        self.durable = false;
        self
    }
}

/// Where the private PostgreSQL of a data folder is, while a server runs it: for a command beside that server. What it
/// finds may stop at any time.
pub async fn find_running(data_dir: &Path) -> Option<Address> {
    let pgdata = data_dir.join("postgres");
    let file = postmaster::PidFile::read(&pgdata).filter(|file| postmaster::is_alive(file.pid))?;
    let password = std::fs::read_to_string(data_dir.join("postgres.password")).ok()?;
    let password = SecretString::from(password.trim());
    let address = site::local_address(Path::new(&file.socket_dir?), file.port?, &password);
    let address = address.with_database(site::DATABASE);
    // A process number may have passed on to a stranger: whether it answers is what counts.
    matches!(site::readiness(&address).await, site::Readiness::Ready).then_some(address)
}

/// Whether a data folder has a private PostgreSQL, running or not.
pub fn is_made(data_dir: &Path) -> bool {
    data_dir.join("postgres/PG_VERSION").is_file()
}

/// A running private PostgreSQL. [`LocalPostgres::stop`] stops it; dropping it does so in the background.
#[derive(Debug)]
pub struct LocalPostgres {
    address: Address,
    stop: oneshot::Sender<()>,
    failed: watch::Receiver<Option<String>>,
    keeper: JoinHandle<Result<(), Error>>,
}

impl LocalPostgres {
    /// Starts it, and returns when it takes connections and has the program's database.
    pub async fn start(options: LocalOptions) -> Result<Self, Error> {
        let site = Site::prepare(&options).await?;
        let (running, port) = site.bring_up(None).await?;
        let address = site.address(port);
        if let Err(error) = site::ensure_database(&address).await {
            running.stop().await?;
            return Err(error);
        }
        let (stop, stopping) = oneshot::channel();
        let (failing, failed) = watch::channel(None);
        let keeper = tokio::spawn(keeper::keep(site, running, port, stopping, failing));
        Ok(Self { address, stop, failed, keeper })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends when PostgreSQL has died so often that it is not started again. Until then a death shows as broken
    /// connections that come back.
    pub fn failed(&self) -> impl Future<Output = Error> + Send + use<> {
        let mut failed = self.failed.clone();
        async move {
            loop {
                if let Some(reason) = failed.borrow_and_update().clone() {
                    return Error::KeepPostgres(reason);
                }
                if failed.changed().await.is_err() {
                    // It was stopped, which is no failure.
                    return std::future::pending().await;
                }
            }
        }
    }

    /// Stops it in order and waits for that: at most half a minute or so, normally an instant. Connections that
    /// are still open are cut off; readers of the change feed should be gone, for it would wait for them.
    pub async fn stop(self) -> Result<(), Error> {
        let _ = self.stop.send(());
        self.keeper.await.unwrap_or_else(|error| Err(Error::StopPostgres(error.to_string())))
    }
}
