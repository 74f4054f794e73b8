//! A store with rights: moto, told what to do on its standard input. One serves all tests of a run, and ends with them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

/// What the store is asked by.
struct Line {
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Child,
}

/// The store.
pub(super) struct Store {
    /// Where it is.
    pub(super) endpoint: String,
    line: Mutex<Line>,
}

/// Somebody's keys.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Store {
    /// The one of this run.
    pub(super) fn shared() -> &'static Self {
        static STORE: OnceLock<Store> = OnceLock::new();
        STORE.get_or_init(Self::start)
    }

    fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found =
            Command::new(here.join("../../scripts/moto.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(found.status.success(), "there is no moto: see above");
        let python = String::from_utf8(found.stdout).unwrap();
        let mut process = Command::new(python.trim())
            .arg(here.join("tests/storage/s3_with_iam.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        answers.read_line(&mut said).unwrap();
        let said: Value = serde_json::from_str(&said).expect("the store starts");
        let endpoint = said["endpoint"].as_str().unwrap().to_owned();
        Self { endpoint, line: Mutex::new(Line { orders, answers, _process: process }) }
    }

    fn order(&self, order: &Value) -> Value {
        let mut line = self.line.lock().unwrap();
        writeln!(line.orders, "{order}").unwrap();
        let mut answer = String::new();
        line.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).expect("the store answers")
    }

    /// Somebody with this policy.
    pub(super) fn person(&self, policy: &Value) -> Person {
        let keys = self.order(&json!({ "policy": policy }));
        let text = |name: &str| keys[name].as_str().unwrap_or_else(|| panic!("{keys}")).to_owned();
        Person { id: text("id"), secret: text("secret") }
    }

    /// A call of the administrator's, named and answered as boto3 has it.
    pub(super) fn call(&self, operation: &str, arguments: &Value) -> Value {
        let answer = self.order(&json!({ "call": operation, "with": arguments }));
        assert!(answer.get("error").is_none(), "{operation}: {answer}");
        answer
    }
}
