//! A data folder for one test, and a second process that serves it and can be killed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use db::local::{LocalOptions, LocalPostgres};

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(PathBuf::from(format!("/tmp/brain-db-{}-{number}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn options(&self) -> LocalOptions {
        LocalOptions::new(&self.0).without_durability()
    }

    pub(crate) async fn start(&self) -> LocalPostgres {
        LocalPostgres::start(self.options()).await.unwrap()
    }

    /// The number of the postmaster that serves this folder.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let text = fs::read_to_string(self.0.join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Another process that runs `PostgreSQL` on a folder: this test program, started for the one test below.
pub(crate) struct Server {
    child: Child,
    /// Kept open: what it prints must go somewhere.
    output: Option<BufReader<ChildStdout>>,
}

impl Server {
    pub(crate) fn start(folder: &Path, command: &mut Command) -> Self {
        command.args(["--exact", "folder::serve_a_folder", "--ignored", "--nocapture"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{}", folder.display()).unwrap();
        let output = child.stdout.take().map(BufReader::new);
        Self { child, output }
    }

    /// Waits until it serves.
    pub(crate) fn wait_ready(&mut self) {
        let output = self.output.as_mut().unwrap();
        let served = output.lines().map_while(Result::ok).any(|line| line.contains("serving"));
        assert!(served, "the other process ended");
    }

    /// SIGKILL: nothing of its own runs any more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and tells whether it did so without a failure.
    pub(crate) fn stop(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().success()
    }
}

/// The other process's side of [`Server`].
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by other tests as a process of its own"]
async fn serve_a_folder() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).unwrap();
    let options = LocalOptions::new(folder.trim()).without_durability();
    let postgres = LocalPostgres::start(options).await.unwrap();
    #[expect(clippy::print_stdout, reason = "the test that started this process waits for the line")]
    {
        println!("\nserving");
    }
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
    postgres.stop().await.unwrap();
}

/// Waits until `condition` holds.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < until, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process of that number is there, and not merely not yet waited for.
pub(crate) fn is_running(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}
