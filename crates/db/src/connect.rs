//! How a database is reached: an [`Address`], made from a URL or from the server that the program runs
//! itself, and the connections made with it.
//!
//! It hands out ordinary connections, and what a replication client needs, which speaks TCP only. A password
//! never shows in `Debug`, in an error or in the log.

mod tls;
mod url;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use tls::SslMode;

use crate::error::Error;

/// The half of a connection that moves bytes: a future to be spawned beside its [`Client`].
pub type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Where a database is and how to sign in there. Cloning is cheap enough for once a connection.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: tls::Tls,
    /// The TCP port that the same server has on 127.0.0.1, where `config` goes to a socket's folder.
    loopback_port: Option<u16>,
}

/// What a replication client needs to sign in. It speaks TCP, and brings its own TLS.
#[derive(Clone, Debug)]
pub struct ReplicationAddress {
    /// A name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The role to sign in as.
    pub user: String,
    /// Its password; empty where the server asks for none.
    pub password: SecretString,
    /// The database whose changes are read.
    pub database: String,
    /// Whether to encrypt and what to verify.
    pub ssl_mode: SslMode,
    /// The file with the authorities to trust (`sslrootcert`); `None` for the system's.
    pub authorities: Option<PathBuf>,
}

impl Address {
    /// Reads a `DATABASE_URL`: `postgres://user:password@host:port/database`, with `sslmode` and `sslrootcert`
    /// as libpq has them, or libpq's `key=value` form.
    ///
    /// As with libpq, `sslmode=require` (and `prefer`, the default) encrypts and does not look at the
    /// certificate; `verify-ca` checks who signed it, `verify-full` also the host's name, both against
    /// `sslrootcert` or, without it, the system's authorities (`SSL_CERT_FILE` replaces those).
    pub fn from_url(url: &SecretString) -> Result<Self, Error> {
        let parsed = url::parse(url.expose_secret())?;
        Ok(Self {
            config: parsed.config,
            tls: tls::Tls::new(parsed.ssl_mode, parsed.authorities)?,
            loopback_port: None,
        })
    }

    /// The address of a server of our own: ordinary connections by the socket in `socket_dir`, replication by
    /// 127.0.0.1, the same port number for both.
    pub(crate) fn local(
        socket_dir: &Path,
        port: u16,
        user: &str,
        password: &SecretString,
        database: &str,
    ) -> Self {
        let mut config = Config::new();
        config
            .host_path(socket_dir)
            .port(port)
            .user(user)
            .password(password.expose_secret())
            .dbname(database);
        Self { config, tls: tls::Tls::none(), loopback_port: Some(port) }
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or_default()
    }

    /// The settings of an ordinary connection, password included.
    pub fn client_config(&self) -> Config {
        self.config.clone()
    }

    /// What a replication client needs; `None` where the server is known by a socket's folder only.
    pub fn replication(&self) -> Option<ReplicationAddress> {
        let (host, port) = match (self.loopback_port, self.config.get_hosts().first()) {
            (Some(port), _) => ("127.0.0.1".to_owned(), port),
            (None, Some(Host::Tcp(host))) => {
                (host.clone(), self.config.get_ports().first().copied().unwrap_or(5432))
            }
            (None, _) => return None,
        };
        let password = self.config.get_password().map(String::from_utf8_lossy).unwrap_or_default();
        Some(ReplicationAddress {
            host,
            port,
            user: self.config.get_user().unwrap_or_default().to_owned(),
            password: SecretString::from(password.into_owned()),
            database: self.database().to_owned(),
            ssl_mode: self.tls.mode(),
            authorities: self.tls.authorities().map(Path::to_owned),
        })
    }

    /// Makes one connection, within `limit`. `settings` are server settings that hold for it from the start.
    pub async fn connect(
        &self,
        application: &str,
        settings: &[(&str, String)],
        limit: Duration,
    ) -> Result<(Client, Connection), Error> {
        let mut config = self.config.clone();
        config.application_name(application).connect_timeout(limit);
        config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10));
        config.keepalives_retries(3).tcp_user_timeout(Duration::from_mins(1));
        config.options(startup_options(self.config.get_options(), settings));
        match tokio::time::timeout(limit, config.connect(self.tls.connector())).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(source)) => Err(Error::Connect { to: self.to_string(), source }),
            Err(_) => Err(Error::ConnectTimeout { to: self.to_string(), after: limit }),
        }
    }
}

/// Where the server is, and nothing that is secret.
impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => write!(out, "{host}:{port}"),
            Some(Host::Unix(folder)) => write!(out, "{}, port {port}", folder.display()),
            None => write!(out, "port {port}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Address")
            .field("to", &self.to_string())
            .field("user", &self.config.get_user())
            .field("database", &self.database())
            .field("ssl_mode", &self.tls.mode())
            .finish_non_exhaustive()
    }
}

/// The `options` of a connection: what the address brought, then ours, which win.
fn startup_options(given: Option<&str>, settings: &[(&str, String)]) -> String {
    let mut options = given.unwrap_or_default().to_owned();
    for (name, value) in settings {
        if !options.is_empty() {
            options.push(' ');
        }
        let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
        options.push_str("-c ");
        options.push_str(name);
        options.push('=');
        options.push_str(&value);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, Error> {
        Address::from_url(&SecretString::from(url))
    }

    #[test]
    fn a_url_gives_what_replication_needs() {
        let replication = address("postgres://ann:s%40fe@db.example:6543/talk?sslmode=disable")
            .unwrap()
            .replication()
            .unwrap();

        assert_eq!((replication.host.as_str(), replication.port), ("db.example", 6543));
        assert_eq!(replication.password.expose_secret(), "s@fe");
        assert_eq!((replication.user.as_str(), replication.database.as_str()), ("ann", "talk"));
        assert_eq!(replication.ssl_mode, SslMode::Disable);
    }

    #[test]
    fn a_socket_address_has_no_replication() {
        assert!(
            address("postgres:///talk?host=/var/run/postgresql&user=ann").unwrap().replication().is_none()
        );
    }

    #[test]
    fn neither_debug_nor_display_shows_the_password() {
        let address = address("postgres://ann:verysecret@db.example/talk?sslmode=disable").unwrap();

        assert!(!format!("{address:?} {address}").contains("verysecret"));
    }

    #[test]
    fn our_settings_follow_those_of_the_address() {
        let options = startup_options(Some("-c a=1"), &[("b", "x y".to_owned())]);

        assert_eq!(options, "-c a=1 -c b=x\\ y");
    }
}
