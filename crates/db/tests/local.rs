//! A private PostgreSQL in its ordinary life.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use db::local::{LocalPostgres, find_running};
use db::{Address, Pool, PoolOptions};
use secrecy::ExposeSecret;

use crate::folder::{Folder, Server, is_running};

async fn one(address: &Address, sql: &str) -> String {
    let (client, connection) = address.connect("test", &[], Duration::from_secs(5)).await.unwrap();
    let driver = tokio::spawn(connection);
    let text = client.query_one(sql, &[]).await.unwrap().get(0);
    drop(client);
    let _ = driver.await;
    text
}

#[tokio::test]
async fn it_starts_on_an_empty_folder_and_keeps_its_data() {
    let folder = Folder::new();
    let first = folder.start().await;
    let pool = Pool::open(first.address().clone(), PoolOptions::default()).await.unwrap();
    pool.execute("create table kept (what text)", &[]).await.unwrap();
    pool.execute("insert into kept values ($1)", &[&"Привет"]).await.unwrap();
    drop(pool);
    let postmaster = folder.postmaster().unwrap();
    first.stop().await.unwrap();
    assert!(!is_running(postmaster) && folder.postmaster().is_none());

    let since = Instant::now();
    let again = folder.start().await;
    let took = since.elapsed();

    assert_eq!(one(again.address(), "select lower(what) from kept").await, "привет");
    // Half of that is usual; a busy machine gets some air.
    assert!(took < Duration::from_secs(2), "took {took:?}");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_beside_it_finds_it_while_it_runs() {
    let folder = Folder::new();
    assert!(find_running(folder.path()).await.is_none());
    let postgres = folder.start().await;
    let found = find_running(folder.path()).await.unwrap();
    assert_eq!(one(&found, "select current_database()::text").await, "brainmessenger");
    postgres.stop().await.unwrap();
    assert!(find_running(folder.path()).await.is_none());
}

#[tokio::test]
async fn it_is_set_up_for_the_change_feed_and_for_safety() {
    let folder = Folder::new();
    let postgres = LocalPostgres::start(db::local::LocalOptions::new(folder.path())).await.unwrap();

    for (setting, value) in [
        ("wal_level", "logical"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
        ("listen_addresses", "127.0.0.1"),
        ("max_slot_wal_keep_size", "2GB"),
        ("data_checksums", "on"),
    ] {
        assert_eq!(
            one(postgres.address(), &format!("select current_setting('{setting}')")).await,
            value,
            "{setting}"
        );
    }
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn replication_goes_by_loopback_and_needs_the_password() {
    let folder = Folder::new();
    let postgres = folder.start().await;
    let replication = postgres.address().replication().unwrap();
    assert_eq!((replication.host.as_str(), replication.database.as_str()), ("127.0.0.1", "brainmessenger"));

    let url = |password: &str| {
        let url = format!(
            "postgres://postgres:{password}@127.0.0.1:{}/brainmessenger?sslmode=disable",
            replication.port
        );
        Address::from_url(&url.into()).unwrap()
    };
    let right = url(replication.password.expose_secret());
    assert_eq!(one(&right, "select current_user::text").await, "postgres");
    let wrong = url("guessed").connect("test", &[], Duration::from_secs(5)).await;
    assert_eq!(wrong.err().unwrap().sqlstate().unwrap().code(), "28P01");

    let password = folder.path().join("postgres.password");
    assert_eq!(fs::metadata(password).unwrap().permissions().mode() & 0o777, 0o600);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn its_socket_folder_is_private_short_and_removed() {
    let folder = Folder::new();
    let postgres = folder.start().await;
    let noted = fs::read_to_string(folder.path().join("postgres.socket")).unwrap();
    let mode = fs::metadata(&noted).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    postgres.stop().await.unwrap();

    assert!(!Path::new(&noted).exists());
}

#[tokio::test]
async fn the_programs_are_found_behind_links_on_the_search_path() {
    let folder = Folder::new();
    let links = folder.path().join("links");
    fs::create_dir_all(&links).unwrap();
    let newest =
        fs::read_dir("/usr/lib/postgresql").unwrap().flatten().next().unwrap().path().join("bin/postgres");
    std::os::unix::fs::symlink(newest, links.join("postgres")).unwrap();
    let mut options = folder.options();
    options.path = Some(links.into());

    LocalPostgres::start(options).await.unwrap().stop().await.unwrap();
}

#[test]
fn an_ordinary_user_runs_it_too() {
    if !rustix_is_root() {
        return;
    }
    let folder = Folder::new();
    fs::create_dir(folder.path()).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let data = folder.path().join("data");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command.arg(std::env::current_exe().unwrap()).current_dir("/");

    let mut server = Server::start(&data, &mut command);
    server.wait_ready();
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);

    assert!(server.stop());
    assert!(!data.join("postgres/postmaster.pid").exists());
}

pub(crate) fn rustix_is_root() -> bool {
    rustix::process::geteuid().is_root()
}
