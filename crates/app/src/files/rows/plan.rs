//! What an uploader's plan leaves them: asked before much is received, so that nobody fills the disk with what they may not
//! keep; and where a rule of the project says that there is no room, so that the answer can say how much there is.

use base::session::Session;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Rows;
use crate::files::error::FilesError;

const USAGE: &str = "query usage { files_usage { usedBytes storageBytes maxUploadBytes } }";

/// A rule by which a plan refuses a file: its code, and its sentence. The project's `rule_errors` has both.
const TOO_LARGE: (&str, &str) = ("file-too-large", "This file is larger than your plan allows");
const FULL: (&str, &str) = ("storage-full", "Your files take up all the space that your plan allows");

/// What a person's files take up, and what their plan allows, in bytes; `None`: without a limit.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names that the API has")]
struct Usage {
    used_bytes: u64,
    storage_bytes: Option<u64>,
    max_upload_bytes: Option<u64>,
}

/// A file for which its uploader's plan has no room.
#[derive(Clone, Debug)]
pub struct BeyondPlan {
    code: String,
    message: String,
    usage: Option<Usage>,
}

impl BeyondPlan {
    /// The rule's sentence.
    pub(in crate::files) fn message(&self) -> &str {
        &self.message
    }

    /// The rule's code, and the numbers where they could be asked.
    pub(in crate::files) fn data(&self) -> Value {
        let mut data = json!(self.usage);
        match &mut data {
            Value::Object(numbers) => {
                numbers.insert("code".to_owned(), json!(self.code));
                data
            }
            _ => json!({ "code": self.code }),
        }
    }
}

/// What a plan still has room for. The rules of the project decide when a file is kept; this is asked before it is received.
#[derive(Clone, Debug, Default)]
pub(in crate::files) struct Allowance(Option<Usage>);

impl Allowance {
    /// What is refused of a file that has `size` bytes so far, when `taken` bytes of the same request come before it.
    pub(in crate::files) fn refusal(&self, size: u64, taken: u64) -> Option<BeyondPlan> {
        let usage = self.0.as_ref()?;
        let needed = usage.used_bytes.saturating_add(taken).saturating_add(size);
        let (code, message) = match (usage.max_upload_bytes, usage.storage_bytes) {
            (Some(most), _) if size > most => TOO_LARGE,
            (_, Some(most)) if needed > most => FULL,
            _ => return None,
        };
        let usage = Some(usage.clone());
        Some(BeyondPlan { code: code.to_owned(), message: message.to_owned(), usage })
    }
}

impl Rows {
    /// What `caller`'s plan has room for: without a limit where nobody's plan is asked.
    pub(in crate::files) async fn allowance(&self, caller: &Session) -> Allowance {
        Allowance(if caller.user_id().is_some() { self.usage(caller).await } else { None })
    }

    /// What kept `caller`'s file from being taken; with the numbers, where it was their plan.
    pub(in crate::files) async fn why_refused(&self, caller: &Session, error: FilesError) -> FilesError {
        let rules = [TOO_LARGE.0, FULL.0];
        let refusal = match error {
            FilesError::AsCaller(error) | FilesError::AsAdmin(error) if rules.contains(&&*error.code) => {
                error
            }
            error => return error,
        };
        let usage = self.usage(caller).await;
        FilesError::BeyondPlan(Box::new(BeyondPlan { code: refusal.code.into(), message: refusal.message, usage }))
    }

    async fn usage(&self, caller: &Session) -> Option<Usage> {
        #[derive(Deserialize)]
        struct Data {
            files_usage: Vec<Usage>,
        }
        let usage = self.as_caller::<Data>(caller, USAGE, Value::Null).await;
        usage.ok().and_then(|data| data.files_usage.into_iter().next())
    }
}
