//! What an uploader's plan leaves them: asked where a rule of the project says that there is no room, so that the answer
//! can say how much there is.

use base::project::GraphqlError;
use base::session::Session;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Rows;
use crate::files::error::FilesError;

const USAGE: &str = "query usage { files_usage { usedBytes storageBytes maxUploadBytes } }";

/// The codes of the rules by which a plan refuses a file.
const RULES: [&str; 2] = ["file-too-large", "storage-full"];

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
    refusal: GraphqlError,
    usage: Option<Usage>,
}

impl BeyondPlan {
    /// The rule's sentence.
    pub(in crate::files) fn message(&self) -> &str {
        &self.refusal.message
    }

    /// The rule's code, and the numbers where they could be asked.
    pub(in crate::files) fn data(&self) -> Value {
        let mut data = json!(self.usage);
        match &mut data {
            Value::Object(numbers) => {
                numbers.insert("code".to_owned(), json!(self.refusal.code));
                data
            }
            _ => json!({ "code": self.refusal.code }),
        }
    }
}

impl Rows {
    /// What kept `caller`'s file from being taken; with the numbers, where it was their plan.
    pub(in crate::files) async fn why_refused(&self, caller: &Session, error: FilesError) -> FilesError {
        #[derive(Deserialize)]
        struct Data {
            files_usage: Vec<Usage>,
        }
        let refusal = match error {
            FilesError::AsCaller(error) | FilesError::AsAdmin(error) if RULES.contains(&&*error.code) => {
                error
            }
            error => return error,
        };
        let usage = self.as_caller::<Data>(caller, USAGE, Value::Null).await;
        let usage = usage.ok().and_then(|data| data.files_usage.into_iter().next());
        FilesError::BeyondPlan(Box::new(BeyondPlan { refusal, usage }))
    }
}
