//! What each `sslmode` takes from a server with a certificate, and from one without.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use db::local::LocalPostgres;
use db::{Address, Error};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use secrecy::ExposeSecret;

use crate::folder::Folder;

struct Server {
    postgres: LocalPostgres,
    folder: Folder,
}

impl Server {
    async fn start() -> Self {
        let folder = Folder::new();
        Self { postgres: folder.start().await, folder }
    }

    /// Connects by TCP under the name `host`; says whether the session is encrypted.
    async fn connect(&self, host: &str, parameters: &str) -> Result<bool, Error> {
        let local = self.postgres.address().replication().unwrap();
        let password = local.password.expose_secret();
        let url = format!("postgres://postgres:{password}@{host}:{}/brainmessenger?{parameters}", local.port);
        let address = Address::from_url(&url.into())?;
        let (client, connection) = address.connect("test", &[], Duration::from_secs(5)).await?;
        let driver = tokio::spawn(connection);
        let row =
            client.query_one("select ssl from pg_stat_ssl where pid = pg_backend_pid()", &[]).await.unwrap();
        driver.abort();
        Ok(row.get(0))
    }

    /// Gives the server a certificate for `localhost`; the file is the authority's that signed it.
    async fn encrypt(&self) -> PathBuf {
        let (authority, certificate, key) = certificates();
        let pgdata = self.folder.path().join("postgres");
        fs::write(pgdata.join("server.crt"), certificate).unwrap();
        fs::write(pgdata.join("server.key"), key).unwrap();
        fs::set_permissions(pgdata.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
        let owner = fs::metadata(&pgdata).unwrap();
        chown(pgdata.join("server.key"), Some(owner.uid()), Some(owner.gid())).unwrap();
        let (client, connection) =
            self.postgres.address().connect("test", &[], Duration::from_secs(5)).await.unwrap();
        let driver = tokio::spawn(connection);
        client.batch_execute("alter system set ssl = on").await.unwrap();
        client.batch_execute("select pg_reload_conf()").await.unwrap();
        let until = tokio::time::Instant::now() + Duration::from_secs(10);
        while self.connect("localhost", "sslmode=require").await.is_err() {
            assert!(tokio::time::Instant::now() < until, "the server does not encrypt");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        driver.abort();
        self.write("authority.pem", &authority)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// An authority's certificate, and a certificate for `localhost` signed by it with its key.
fn certificates() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

fn verifying(mode: &str, authority: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", authority.display())
}

#[tokio::test]
async fn a_server_without_tls_is_taken_unless_it_is_required() {
    let server = Server::start().await;

    assert!(!server.connect("localhost", "sslmode=disable").await.unwrap());
    assert!(!server.connect("localhost", "").await.unwrap());
    assert!(server.connect("localhost", "sslmode=require").await.is_err());
    server.postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_verified_as_far_as_the_mode_says() {
    let server = Server::start().await;
    let authority = server.encrypt().await;
    let stranger = server.write("stranger.pem", &certificates().0);

    assert!(!server.connect("localhost", "sslmode=disable").await.unwrap());
    assert!(server.connect("localhost", "").await.unwrap());
    assert!(server.connect("127.0.0.1", "sslmode=require").await.unwrap());
    assert!(server.connect("localhost", &verifying("verify-full", &authority)).await.unwrap());
    assert!(server.connect("127.0.0.1", &verifying("verify-ca", &authority)).await.unwrap());
    for (host, mode, authority) in [
        ("127.0.0.1", "verify-full", &authority),
        ("localhost", "verify-full", &stranger),
        ("localhost", "verify-ca", &stranger),
    ] {
        let error = server.connect(host, &verifying(mode, authority)).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{host} {mode}: {error}");
    }
    server.postgres.stop().await.unwrap();
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_told() {
    let missing = Address::from_url(&"postgres://a@b/c?sslmode=verify-full&sslrootcert=/nowhere.pem".into());

    assert!(missing.unwrap_err().to_string().contains("/nowhere.pem"));
}
