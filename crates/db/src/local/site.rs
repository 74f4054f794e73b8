//! Everything about one private server that stays the same from one start of PostgreSQL to the next.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;

use super::LocalOptions;
use super::account::Account;
use super::cluster::{Cluster, OWNER};
use super::installation::Installation;
use super::log::Log;
use super::postmaster::stop_left_behind;
use super::process::{Launch, Running, durability, free_port, is_passing};
use super::socket::SocketDir;
use crate::connect::Address;
use crate::error::Error;

/// The program's database.
pub(crate) const DATABASE: &str = "brainmessenger";
/// After a crash the log of a long time may have to be read.
const START_TIMEOUT: Duration = Duration::from_mins(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a start is tried again when what is in its way goes away by itself.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// A data folder that is ready to be served.
#[derive(Debug)]
pub(crate) struct Site {
    // Fields drop in order: the folder is unlocked last.
    socket: SocketDir,
    log: Log,
    installation: Installation,
    account: Account,
    password: SecretString,
    settings: Vec<String>,
    cluster: Cluster,
}

impl Site {
    /// Locks the folder, puts right what an earlier run left, and makes what is missing.
    pub(crate) async fn prepare(options: &LocalOptions) -> Result<Self, Error> {
        let account = Account::for_postgres()?;
        let cluster = Cluster::lock(&options.data_dir, &account)?;
        let version = cluster.version(&account)?;
        let installation =
            Installation::find(options.pg_bin.as_deref(), options.path.as_deref(), version).await?;
        stop_left_behind(&cluster.pgdata()).await?;
        let password = cluster.password(&installation, &account, version.is_some()).await?;
        cluster.remove_unfinished();
        if version.is_none() {
            tracing::info!(folder = %cluster.pgdata().display(), "making a database");
            cluster.initialise(&installation, &account, options.durable).await?;
        }
        let log = Log::new(cluster.file("postgres.log"));
        log.bound().map_err(|error| Error::StartPostgres(format!("{}: {error}", log.path().display())))?;
        let socket = SocketDir::make(&options.socket_base, &cluster.file("postgres.socket"), &account)?;
        let settings = vec![
            durability(options.durable).to_owned(),
            format!("max_connections={}", options.max_connections),
        ];
        Ok(Self { socket, log, installation, account, password, settings, cluster })
    }

    /// Starts PostgreSQL: on `port`, or on one that is free, and gives that.
    pub(crate) async fn bring_up(&self, port: Option<u16>) -> Result<(Running, u16), Error> {
        let until = Instant::now() + PATIENCE;
        let pgdata = self.pgdata();
        loop {
            let port = port.map_or_else(free_port, Ok)?;
            let launch = Launch {
                installation: &self.installation,
                account: &self.account,
                pgdata: &pgdata,
                socket_dir: self.socket.path(),
                port,
                settings: &self.settings,
            };
            match Running::start(&launch, &self.log, &self.address(port), START_TIMEOUT).await {
                Ok(running) => return Ok((running, port)),
                Err(error) if is_passing(&error) && Instant::now() < until => sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it is when it runs on `port`.
    pub(crate) fn address(&self, port: u16) -> Address {
        local_address(self.socket.path(), port, &self.password).with_database(DATABASE)
    }

    pub(crate) fn pgdata(&self) -> PathBuf {
        self.cluster.pgdata()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

/// The address of a server on its socket.
pub(crate) fn local_address(socket_dir: &Path, port: u16, password: &SecretString) -> Address {
    Address::local(socket_dir, port, OWNER, password, "postgres")
}

/// What trying to sign in to a starting server says.
pub(crate) enum Readiness {
    /// It takes connections.
    Ready,
    /// Not yet.
    Later,
    /// It will never take ours.
    Refused(Error),
}

/// Tries to sign in once.
pub(crate) async fn readiness(address: &Address) -> Readiness {
    let Err(error) = address.connect("brainmessenger start", &[], CONNECT_TIMEOUT).await else {
        return Readiness::Ready;
    };
    match error.sqlstate() {
        // The server is there, the database is not yet.
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => Readiness::Ready,
        Some(code) if code.code().starts_with("28") => Readiness::Refused(Error::StartPostgres(
            "it does not take the password of the file postgres.password in the data folder; \
             without that file, a new password is set"
                .to_owned(),
        )),
        _ => Readiness::Later,
    }
}

/// Makes the database that `address` names, if it is missing.
pub(crate) async fn ensure_database(address: &Address) -> Result<(), Error> {
    let Err(error) = address.connect("brainmessenger start", &[], CONNECT_TIMEOUT).await else {
        return Ok(());
    };
    if error.sqlstate() != Some(&SqlState::INVALID_CATALOG_NAME) {
        return Err(error);
    }
    let server = address.with_database("postgres");
    let (client, connection) = server.connect("brainmessenger start", &[], CONNECT_TIMEOUT).await?;
    let driver = tokio::spawn(connection);
    let created = client.batch_execute(&format!("create database {DATABASE}")).await;
    drop(client);
    let _ = driver.await;
    created.map_err(Error::Execute)
}
