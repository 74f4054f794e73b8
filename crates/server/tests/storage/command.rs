//! `brainmessenger storage …`, run as an operator runs it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::store::{Person, Store};

/// What it is run with.
pub(super) struct Operator {
    settings: Vec<(String, String)>,
    folder: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) succeeded: bool,
    pub(super) output: String,
    pub(super) log: String,
}

impl Operator {
    /// Somebody without settings, in a folder of their own.
    pub(super) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("brain-storage-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { settings: Vec::new(), folder }
    }

    /// Somebody with a bucket and the keys to it.
    pub(super) fn of_bucket(bucket: &str, person: &Person) -> Self {
        Self::new()
            .with("AWS_S3_BUCKET", bucket)
            .with("AWS_REGION", "eu-central-1")
            .with("AWS_ENDPOINT_URL_S3", &Store::shared().endpoint)
            .with("AWS_S3_FORCE_PATH_STYLE", "true")
            .with("AWS_ACCESS_KEY_ID", &person.id)
            .with("AWS_SECRET_ACCESS_KEY", &person.secret)
    }

    /// The same with a setting more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where files are kept without a bucket.
    pub(super) fn files(&self) -> PathBuf {
        self.folder.join("data/files")
    }

    /// Runs the command.
    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        let ran = Command::new(env!("CARGO_BIN_EXE_brainmessenger"))
            .arg("storage")
            .args(arguments)
            .env_clear()
            .current_dir(&self.folder)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { succeeded: ran.status.success(), output: text(ran.stdout), log: text(ran.stderr) }
    }

    /// The policy that it prints.
    pub(super) fn policy(&self, who: &str) -> Value {
        let said = self.run(&["setup", "--print-policy", who]);
        assert!(said.succeeded, "{said:?}");
        serde_json::from_str(&said.output).unwrap()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Said {
    /// What the lines that begin with `word` are about.
    pub(super) fn about(&self, word: &str) -> Vec<&str> {
        let lines = self.output.lines().filter_map(|line| line.strip_prefix(word));
        lines.filter_map(|line| Some(line.strip_prefix(' ')?.trim_start().split_once(": ")?.0)).collect()
    }

    /// The line about `subject`.
    pub(super) fn line(&self, subject: &str) -> &str {
        let about = format!(" {subject}: ");
        self.output
            .lines()
            .find(|line| line.contains(&about))
            .unwrap_or_else(|| panic!("{subject} of {self:?}"))
    }
}
