//! A private PostgreSQL after accidents, and where it must refuse.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::process::Command;
use std::time::Duration;

use db::Error;
use db::local::{LocalOptions, LocalPostgres};

use crate::folder::{Folder, Server, is_running, wait_until};
use crate::local::rustix_is_root;

fn this_program() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

fn refused(result: Result<LocalPostgres, Error>) -> String {
    let line = result.expect_err("a refusal").to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[tokio::test]
async fn the_postmaster_of_a_killed_server_is_stopped_and_started_anew() {
    let folder = Folder::new();
    let mut killed = Server::start(folder.path(), &mut this_program());
    killed.wait_ready();
    let old = folder.postmaster().unwrap();
    let socket = fs::read_to_string(folder.path().join("postgres.socket")).unwrap();
    killed.kill();
    assert!(is_running(old));

    let postgres = folder.start().await;

    assert!(!is_running(old));
    assert_ne!(folder.postmaster().unwrap(), old);
    assert!(!fs::exists(socket).unwrap());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_killed_while_it_makes_the_folder_is_repeated() {
    let folder = Folder::new();
    let killed = Server::start(folder.path(), &mut this_program());
    let unfinished = || {
        let entries = fs::read_dir(folder.path()).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("postgres.new-"))
    };
    wait_until("initdb", || unfinished().is_some_and(|path| path.join("PG_VERSION").exists())).await;
    killed.kill();
    assert!(!folder.path().join("postgres").exists());

    let postgres = folder.start().await;

    assert!(folder.postmaster().is_some());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_stranger_with_the_old_process_number_is_left_alone() {
    let folder = Folder::new();
    folder.start().await.stop().await.unwrap();
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    let text =
        format!("{}\n{}\n1\n5432\n/tmp\n127.0.0.1\n 1 1\nready\n", stranger.id(), folder.path().display());
    fs::write(folder.path().join("postgres/postmaster.pid"), text).unwrap();

    folder.start().await.stop().await.unwrap();

    assert!(is_running(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = Folder::new();
    let postgres = folder.start().await;

    let line = refused(LocalPostgres::start(folder.options()).await);

    assert!(
        line.contains("another server is using it") && line.contains(&std::process::id().to_string()),
        "{line}"
    );
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_of_another_version_is_refused() {
    let folder = Folder::new();
    folder.start().await.stop().await.unwrap();
    fs::write(folder.path().join("postgres/PG_VERSION"), "13\n").unwrap();

    let line = refused(LocalPostgres::start(folder.options()).await);

    assert!(line.contains("the data folder was made by PostgreSQL 13"), "{line}");
}

#[tokio::test]
async fn a_folder_behind_a_closed_door_is_refused_by_the_name_of_the_door() {
    if !rustix_is_root() {
        return;
    }
    let folder = Folder::new();
    let door = folder.path().join("door");
    fs::create_dir(folder.path()).unwrap();
    fs::DirBuilder::new().mode(0o700).create(&door).unwrap();

    let line = refused(LocalPostgres::start(LocalOptions::new(door.join("data"))).await);

    assert!(line.starts_with(&format!("cannot use the data folder {}: ", door.display())), "{line}");
}

#[tokio::test]
async fn programs_that_are_not_there_are_told_in_one_line() {
    let folder = Folder::new();
    let mut options = folder.options();
    options.pg_bin = Some("/nowhere".into());

    let line = refused(LocalPostgres::start(options).await);

    assert!(line.starts_with("/nowhere (BRAIN_PG_BIN) has no postgres"), "{line}");
}

#[tokio::test]
async fn a_lost_password_is_made_anew() {
    let folder = Folder::new();
    folder.start().await.stop().await.unwrap();
    let file = folder.path().join("postgres.password");
    let lost = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();

    folder.start().await.stop().await.unwrap();

    assert_ne!(fs::read_to_string(&file).unwrap(), lost);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&file, "wrong").unwrap();
    let line = refused(LocalPostgres::start(folder.options()).await);
    assert!(line.contains("postgres.password"), "{line}");
    assert!(folder.postmaster().is_none());
}

#[tokio::test]
async fn a_postmaster_that_dies_is_started_again_at_the_same_address() {
    let folder = Folder::new();
    let postgres = folder.start().await;
    let first = folder.postmaster().unwrap();

    kill(first);
    wait_until("another postmaster", || folder.postmaster().is_some_and(|pid| pid != first)).await;

    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while postgres.address().connect("test", &[], Duration::from_secs(1)).await.is_err() {
        assert!(tokio::time::Instant::now() < until, "no connection");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    postgres.stop().await.unwrap();
    assert!(folder.postmaster().is_none());
}

#[tokio::test]
async fn one_that_keeps_dying_is_given_up() {
    let folder = Folder::new();
    let postgres = folder.start().await;
    let failed = postgres.failed();
    fs::remove_file(folder.path().join("postgres/global/pg_control")).unwrap();

    kill(folder.postmaster().unwrap());

    let error = tokio::time::timeout(Duration::from_secs(30), failed).await.expect("a failure");
    assert!(error.to_string().starts_with("PostgreSQL does not stay up: "), "{error}");
    assert!(error.to_string().contains("pg_control") || error.to_string().contains("FATAL"), "{error}");
    postgres.stop().await.unwrap();
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
