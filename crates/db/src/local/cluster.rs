//! The data folder: who may use it, the password of its server, and how it is made. It is made aside and then
//! renamed, so that one that exists is whole.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::account::{Account, unusable};
use super::installation::Installation;
use crate::error::Error;
use crate::hex::hex;

/// The role that owns everything in a private server.
pub(crate) const OWNER: &str = "postgres";
const INIT_TIMEOUT: Duration = Duration::from_mins(3);
/// How the names of data directories begin that initdb is still making.
const UNFINISHED: &str = "postgres.new-";
/// Both know the letters of every script; the first is not everywhere.
const LOCALES: &[&str] = &["C.UTF-8", "C"];

/// A data folder, locked for this process.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    /// Held for as long as the folder is in use.
    lock: File,
}

impl Cluster {
    /// Makes the folder if it is missing, and locks it.
    pub(crate) fn lock(folder: &Path, account: &Account) -> Result<Self, Error> {
        let failed = |error: io::Error| unusable(folder, error.to_string());
        // Where another user must pass through, that user may pass, and not look.
        let mode = if account.switches() { 0o711 } else { 0o700 };
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(failed)?;
            // The process's mask may have taken some away.
            fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(failed)?;
        }
        let folder = fs::canonicalize(folder).map_err(failed)?;
        account.check_can_enter(&folder)?;
        let path = folder.join("postgres.lock");
        let mut options = OpenOptions::new();
        let lock = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut lock = lock.map_err(|error| unusable(&path, error.to_string()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder);
            let holder = holder.trim();
            let by = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
            return Err(unusable(&folder, format!("another server is using it{by}")));
        }
        let note = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
        note.map_err(|error| unusable(&path, error.to_string()))?;
        Ok(Self { folder, lock })
    }

    /// What PostgreSQL calls its data directory.
    pub(crate) fn pgdata(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// A file beside it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The major version that made it; `None` where it has yet to be made.
    pub(crate) fn version(&self, account: &Account) -> Result<Option<u32>, Error> {
        let pgdata = self.pgdata();
        let meta = match fs::metadata(&pgdata) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&pgdata, error.to_string())),
        };
        if meta.uid() != account.uid() {
            let reason = format!(
                "it belongs to user {}, and PostgreSQL would run as user {}: start as that user, or chown -R it",
                meta.uid(),
                account.uid(),
            );
            return Err(unusable(&pgdata, reason));
        }
        match fs::read_to_string(pgdata.join("PG_VERSION")) {
            Ok(text) => match text.trim().parse() {
                Ok(version) => Ok(Some(version)),
                Err(_) => Err(unusable(&pgdata, "its PG_VERSION is not a version's number")),
            },
            // An empty folder may be replaced; renaming over any other fails.
            Err(_) => Ok(None),
        }
    }

    /// The owner's password, where it has been made.
    #[cfg(feature = "testing")]
    pub(crate) fn known_password(&self) -> Option<SecretString> {
        fs::read_to_string(self.file("postgres.password")).ok().map(|text| SecretString::from(text.trim()))
    }

    /// The owner's password. Where its file is missing one is made, and set in the data directory if there
    /// is one already (`exists`), which no postmaster may be using then.
    pub(crate) async fn password(
        &self,
        installation: &Installation,
        account: &Account,
        exists: bool,
    ) -> Result<SecretString, Error> {
        let path = self.file("postgres.password");
        let failed = |error: io::Error| unusable(&path, error.to_string());
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(SecretString::from(text.trim())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let password = SecretString::from(random_hex());
        let aside = self.file("postgres.password.new");
        let _ = fs::remove_file(&aside);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(failed)?;
        file.write_all(password.expose_secret().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        if exists {
            self.set_password(installation, account, &password).await?;
        }
        // initdb reads it as that user.
        account.give(&aside).and_then(|()| fs::rename(&aside, &path)).map_err(failed)?;
        Ok(password)
    }

    /// Sets the owner's password without a server: PostgreSQL's single-user mode asks for none.
    async fn set_password(
        &self,
        installation: &Installation,
        account: &Account,
        password: &SecretString,
    ) -> Result<(), Error> {
        let fail = |reason: String| Error::StartPostgres(format!("cannot set a new password: {reason}"));
        let mut command = Command::new(installation.program("postgres"));
        quiet(account.run_as(&mut command)).current_dir(&self.folder).kill_on_drop(true);
        command.arg("--single").arg("-D").arg(self.pgdata()).args(["-c", "log_min_error_statement=panic"]);
        command.args(["-c", "password_encryption=scram-sha-256", "postgres"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        let statement = format!("alter role {OWNER} password '{}'\n", password.expose_secret());
        if let Some(mut input) = child.stdin.take() {
            input.write_all(statement.as_bytes()).await.map_err(|error| fail(error.to_string()))?;
        }
        let output = timeout(INIT_TIMEOUT, child.wait_with_output()).await;
        let output =
            output.map_err(|error| fail(error.to_string()))?.map_err(|error| fail(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        match said.lines().find(|line| line.contains("ERROR:") || line.contains("FATAL:")) {
            Some(line) => Err(fail(line.trim().to_owned())),
            None if !output.status.success() => Err(fail(output.status.to_string())),
            None => Ok(()),
        }
    }

    /// Makes the data directory.
    pub(crate) async fn initialise(
        &self,
        installation: &Installation,
        account: &Account,
        durable: bool,
    ) -> Result<(), Error> {
        // A name of its own each time: the initdb of a run that was killed may still be at work.
        let aside = self.file(&format!("{UNFINISHED}{}", hex(&rand::random::<[u8; 4]>())));
        let mut complaint = String::new();
        for locale in LOCALES {
            Self::make_empty(&aside, account)?;
            match self.run_initdb(installation, account, &aside, locale, durable).await? {
                None => {
                    let pgdata = self.pgdata();
                    fs::rename(&aside, &pgdata).map_err(|error| unusable(&pgdata, error.to_string()))?;
                    let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
                    return synced.map_err(|error| unusable(&self.folder, error.to_string()));
                }
                Some(said) => complaint = said,
            }
            if !complaint.contains("locale") {
                break;
            }
        }
        let _ = fs::remove_dir_all(&aside);
        Err(Error::StartPostgres(format!("initdb failed: {complaint}")))
    }

    /// Removes data directories that were never finished, as far as nobody writes to them any more.
    pub(crate) fn remove_unfinished(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn make_empty(aside: &Path, account: &Account) -> Result<(), Error> {
        let failed = |error: io::Error| unusable(aside, error.to_string());
        match fs::remove_dir_all(aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(aside).and_then(|()| account.give(aside)).map_err(failed)
    }

    /// Gives what initdb complained of, if it did.
    async fn run_initdb(
        &self,
        installation: &Installation,
        account: &Account,
        aside: &Path,
        locale: &str,
        durable: bool,
    ) -> Result<Option<String>, Error> {
        let mut command = Command::new(installation.program("initdb"));
        quiet(account.run_as(&mut command)).current_dir(&self.folder).kill_on_drop(true);
        command.arg("-D").arg(aside).args([
            "-U",
            OWNER,
            "-E",
            "UTF8",
            "--auth=scram-sha-256",
            "--data-checksums",
        ]);
        command.arg(format!("--locale={locale}")).arg("--no-instructions");
        command.arg("--pwfile").arg(self.file("postgres.password"));
        if !durable {
            command.arg("--no-sync");
        }
        let output =
            timeout(INIT_TIMEOUT, command.stdout(Stdio::null()).stderr(Stdio::piped()).output()).await;
        let output = output
            .map_err(|_| Error::StartPostgres(format!("initdb took longer than {INIT_TIMEOUT:?}")))?
            .map_err(|error| Error::StartPostgres(format!("cannot run initdb: {error}")))?;
        if output.status.success() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(Some(said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Closing would not do: a process that another thread is just starting has a copy of the file until
        // it runs its program.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

/// A command of PostgreSQL's: nothing of this process's environment, language or terminal reaches it, nor do
/// signals meant for this process's group.
pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.stdin(Stdio::null()).process_group(0)
}

/// 256 random bits as text.
pub(crate) fn random_hex() -> String {
    hex(&rand::random::<[u8; 32]>())
}
