//! The binary, started as an operator starts it, in a folder of its own: with its `.env`, its data and its log.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// The administrator's.
pub(super) const SECRET: &str = "tests-only-administrator-secret-0123456789";

/// The first start makes a database.
const START: Duration = Duration::from_mins(1);

/// How long it may take to stop in order.
const STOP: Duration = Duration::from_secs(30);

/// The server, running or not.
pub(super) struct Server {
    root: PathBuf,
    settings: Vec<(String, String)>,
    running: Option<Running>,
}

struct Running {
    process: Child,
    address: String,
    /// Held, so that what it says there goes somewhere.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// One that was never started, with `settings` beside those that it needs.
    pub(super) fn new(settings: &[(&str, String)]) -> Self {
        let root = std::env::temp_dir().join(format!("brain-kills-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&root).unwrap();
        // Started by root, the database runs as another user, who must be able to enter.
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self { root, settings, running: None }
    }

    /// Where it works: there is its `.env`.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where it keeps files on its way, and all of them without a bucket.
    pub(super) fn files(&self) -> PathBuf {
        self.root.join("data/files")
    }

    /// `http://127.0.0.1:PORT`, another one at each start.
    pub(super) fn address(&self) -> &str {
        &self.running.as_ref().expect("it runs").address
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brainmessenger"));
        let inherited = ["PATH", "HOME", "LANG", "BRAIN_PG_BIN"];
        let inherited = inherited.iter().filter_map(|name| Some((*name, super::environment(name)?)));
        command
            .env_clear()
            .envs(inherited)
            .env("BRAIN_DATA_DIR", self.root.join("data"))
            .env("BRAIN_LISTEN", "127.0.0.1:0")
            .env("BRAIN_METRICS_LISTEN", "127.0.0.1:0")
            .env("NHOST_ADMIN_SECRET", SECRET)
            .env("BRAIN_GRAPHQL_METADATA_API", "true")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.root)
            .stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it says where it is.
    pub(super) async fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.root.join("log")).unwrap();
        let mut process = self.command().stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        let read = tokio::time::timeout(START, stdout.read_line(&mut said)).await;
        let address = said.trim().rsplit(' ').next().filter(|address| address.starts_with("http://"));
        let address = address.map(ToOwned::to_owned);
        self.running =
            Some(Running { process, address: address.clone().unwrap_or_default(), _stdout: stdout });
        assert!(address.is_some(), "it does not start: {read:?}\n{}", self.log());
    }

    /// Ends it as a crash does.
    pub(super) async fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        assert!(running.process.try_wait().unwrap().is_none(), "it ended by itself\n{}", self.log());
        running.process.kill().await.unwrap();
    }

    /// Tells it something.
    pub(super) fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("it runs");
        kill_process(running.pid().expect("it runs"), signal).unwrap();
    }

    /// Ends it in order.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let mut running = self.running.take().expect("it runs");
        let ended = tokio::time::timeout(STOP, running.process.wait()).await;
        assert!(ended.is_ok_and(|ended| ended.unwrap().success()), "it does not stop\n{}", self.log());
    }

    /// Runs a command of it beside it: whether it succeeded, and what it said.
    pub(super) async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let ran = tokio::time::timeout(START, self.command().args(arguments).output()).await;
        let ran = ran.expect("a command ends").unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        (ran.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Waits until it has written down `words` so many times.
    pub(super) async fn says(&self, words: &str, times: usize) {
        let said = async {
            loop {
                let log = std::fs::read_to_string(self.root.join("log")).unwrap();
                if log.matches(words).count() >= times {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let said = tokio::time::timeout(START, said).await;
        assert!(said.is_ok(), "it never says {words:?}\n{}", self.log());
    }

    /// The end of what it wrote down.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.root.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Asks GraphQL as the administrator.
    pub(super) async fn ask(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.post("/v1/graphql", &json!({ "query": query, "variables": variables })).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }

    /// A month passes for whatever ends by time.
    pub(super) async fn let_a_month_pass(&self) {
        // The triggers that write down when a row was changed are left out of it.
        self.run_sql(
            "set local session_replication_role = replica;
            update stored_objects set expected_until = expected_until - interval '30 days',
              tried_at = tried_at - interval '30 days';
            update file_uploads set finished_at = finished_at - interval '30 days', due_at = due_at - interval '30 days';
            update storage.files set updated_at = updated_at - interval '30 days';",
        )
        .await;
        for entry in std::fs::read_dir(self.files().join("parts")).into_iter().flatten() {
            let unfinished = std::fs::File::open(entry.unwrap().path()).unwrap();
            let touched = unfinished.metadata().unwrap().modified().unwrap();
            unfinished.set_modified(touched - Duration::from_hours(30 * 24)).unwrap();
        }
    }

    /// Runs SQL as the administrator.
    async fn run_sql(&self, sql: &str) {
        let ran = self.post("/v2/query", &json!({ "type": "run_sql", "args": { "sql": sql } })).await;
        assert!(ran.get("result_type").is_some(), "{ran}");
    }

    async fn post(&self, path: &str, json: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.address()));
        let request =
            request.header("content-type", "application/json").header("x-hasura-admin-secret", SECRET);
        let answer = request.body(json.to_string()).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }
}

impl Running {
    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.process.id()?).ok()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.pid().map(|pid| kill_process(pid, Signal::TERM));
            let pause = Duration::from_millis(20);
            let tries = STOP.as_millis() / pause.as_millis();
            let has_ended = |_: &u128| running.process.try_wait().is_ok_and(|ended| ended.is_some());
            let _ = (0..tries).inspect(|_| std::thread::sleep(pause)).find(has_ended);
            let _ = running.process.start_kill();
        }
        // What a killed server leaves is its database.
        let postmaster = std::fs::read_to_string(self.root.join("data/postgres/data/postmaster.pid"));
        let pid = postmaster.ok().and_then(|lines| lines.lines().next()?.parse().ok());
        let _ = pid.and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::QUIT));
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// Settings for the bucket of the store at `endpoint`, with the keys that it knows from the start.
pub(super) fn bucket(endpoint: &str) -> Vec<(&'static str, String)> {
    let settings = [
        ("AWS_S3_BUCKET", "brain-test"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_S3_FORCE_PATH_STYLE", "true"),
        ("AWS_ACCESS_KEY_ID", "first"),
        ("AWS_SECRET_ACCESS_KEY", "first-secret"),
    ];
    settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}
