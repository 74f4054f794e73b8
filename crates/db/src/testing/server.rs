//! The server that all test processes share: found running, or started. Each process that uses it holds a
//! shared lock for as long as it lives; a watchdog beside the server stops it when nobody has held one for a
//! while, so that nothing stays behind.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::databases;
use crate::connect::Address;
use crate::error::Error;
use crate::hex::hex;
use crate::local::{
    Account, Cluster, Installation, Launch, Log, PidFile, Readiness, SocketDir, durability, free_port,
    local_address, quiet, readiness, stop_left_behind,
};

/// Seconds without a test process after which the server stops.
const IDLE_SECONDS: &str = "20";
const LOCK_TIMEOUT: Duration = Duration::from_mins(2);
const START_TIMEOUT: Duration = Duration::from_mins(1);
const ATTACH_TIMEOUT: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);
const WATCHDOG: &str = include_str!("run_until_idle.sh");

struct Shared {
    address: Address,
    /// Says to the watchdog that the server is in use.
    _in_use: File,
}

/// The server, for this process. Its address names the database `postgres`.
pub(super) async fn shared() -> Result<Address, Error> {
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    let shared = SHARED
        .get_or_try_init(|| async {
            let shared = attach_or_start().await?;
            databases::sweep(&shared.address).await?;
            Ok::<_, Error>(shared)
        })
        .await?;
    Ok(shared.address.clone())
}

async fn attach_or_start() -> Result<Shared, Error> {
    let account = Account::for_postgres()?;
    let folder = folder(&account);
    fs::create_dir_all(&folder).map_err(|error| trouble(&folder, &error))?;
    let in_use = lock(&folder.join("in-use.lock"), File::try_lock_shared).await?;
    let _starting = lock(&folder.join("starting.lock"), File::try_lock).await?;
    let cluster = Cluster::lock(&folder, &account)?;
    let address = match attach(&cluster).await {
        Some(address) => address,
        None => start(&cluster, &account).await?,
    };
    Ok(Shared { address, _in_use: in_use })
}

/// The server that runs already, if it takes connections.
async fn attach(cluster: &Cluster) -> Option<Address> {
    let file = PidFile::read(&cluster.pgdata())?;
    let password = cluster.known_password()?;
    let address = local_address(Path::new(&file.socket_dir?), file.port?, &password);
    wait_ready(&address, ATTACH_TIMEOUT).await.ok()?;
    Some(address)
}

async fn start(cluster: &Cluster, account: &Account) -> Result<Address, Error> {
    let version = cluster.version(account)?;
    let installation = find_installation(version).await?;
    stop_left_behind(&cluster.pgdata()).await?;
    let password = cluster.password(&installation, account, version.is_some()).await?;
    if version.is_none() {
        cluster.initialise(&installation, account, false).await?;
    }
    let socket = SocketDir::make(Path::new("/tmp"), &cluster.file("postgres.socket"), account)?;
    let (pgdata, port) = (cluster.pgdata(), free_port()?);
    let settings: Vec<String> =
        [durability(false), "max_connections=400", "max_wal_senders=100", "max_replication_slots=100"]
            .map(str::to_owned)
            .into();
    let launch = Launch {
        installation: &installation,
        account,
        pgdata: &pgdata,
        socket_dir: socket.path(),
        port,
        settings: &settings,
    };
    let log = Log::new(cluster.file("postgres.log"));
    log.bound().map_err(|error| trouble(log.path(), &error))?;
    run_detached(cluster, account, &launch, &log).map_err(|error| trouble(&pgdata, &error))?;
    let address = local_address(socket.path(), port, &password);
    wait_ready(&address, START_TIMEOUT).await?;
    // It belongs to the server now, which outlives this process.
    std::mem::forget(socket);
    Ok(address)
}

/// Starts a shell that becomes the server, after it has put the watchdog beside it.
fn run_detached(cluster: &Cluster, account: &Account, launch: &Launch<'_>, log: &Log) -> std::io::Result<()> {
    let output = log.open()?;
    let mut command = Command::new("/bin/sh");
    quiet(account.run_as(&mut command)).current_dir(launch.pgdata);
    command.args(["-c", WATCHDOG, "run_until_idle"]).arg(cluster.file("in-use.lock")).arg(IDLE_SECONDS);
    command.arg(launch.socket_dir).arg(launch.installation.program("postgres")).args(launch.arguments());
    command.stdout(Stdio::from(output.try_clone()?)).stderr(Stdio::from(output));
    command.spawn().map(drop)
}

async fn wait_ready(address: &Address, bound: Duration) -> Result<(), Error> {
    let until = Instant::now() + bound;
    loop {
        match readiness(address).await {
            Readiness::Ready => return Ok(()),
            Readiness::Refused(error) => return Err(error),
            Readiness::Later if Instant::now() < until => sleep(POLL).await,
            Readiness::Later => {
                return Err(Error::StartPostgres(format!(
                    "the server for tests is not ready after {bound:?}"
                )));
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are started by cargo, not by the server's configuration"
)]
async fn find_installation(wanted: Option<u32>) -> Result<Installation, Error> {
    let bin = std::env::var_os("BRAIN_PG_BIN").map(PathBuf::from);
    Installation::find(bin.as_deref(), std::env::var_os("PATH").as_deref(), wanted).await
}

/// In cargo's target folder, or, where PostgreSQL's user cannot get there, beside it in `/tmp`.
fn folder(account: &Account) -> PathBuf {
    let target = target_folder();
    match &target {
        Some(target) if account.check_can_enter(target).is_ok() => {
            target.join(name("test-postgres", account))
        }
        _ => {
            let target = target.unwrap_or_default();
            let hash = Sha256::digest(target.as_os_str().as_encoded_bytes());
            let mut hash = hex(&hash);
            hash.truncate(12);
            Path::new("/tmp").join(name(&format!("brainmessenger-test-{hash}"), account))
        }
    }
}

/// Root's server and an ordinary user's do not share a folder.
fn name(prefix: &str, account: &Account) -> String {
    format!("{prefix}-{}", account.uid())
}

fn target_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
}

async fn lock(path: &Path, take: fn(&File) -> Result<(), TryLockError>) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    // The watchdog opens it as PostgreSQL's user.
    let file = options.read(true).append(true).create(true).mode(0o644).open(path);
    let file = file.map_err(|error| trouble(path, &error))?;
    let until = Instant::now() + LOCK_TIMEOUT;
    loop {
        match take(&file) {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(POLL).await,
            Err(error) => return Err(trouble(path, &error)),
        }
    }
}

fn trouble(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::UseFolder { folder: path.to_owned(), reason: error.to_string() }
}
