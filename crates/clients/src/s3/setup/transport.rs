//! That the bucket itself refuses calls that are not encrypted, by a statement in its policy. The policy's other
//! statements stay.

use serde_json::{Value, json};

use super::refusal::{Refusal, absent_is};
use super::{Part, Target};
use crate::s3::Settings;
use crate::s3::policy::bucket_arn;

/// The name of our statement among the policy's.
const SID: &str = "BrainMessengerEncryptedCallsOnly";

pub(super) struct Transport<'a>(pub(super) &'a Settings);

impl Part for Transport<'_> {
    /// The bucket's policy; null where it has none.
    type State = Value;

    const SUBJECT: &'static str = "plain HTTP";
    const READ: &'static str = "s3:GetBucketPolicy";
    const WRITE: &'static str = "s3:PutBucketPolicy";

    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal> {
        let asked = target.client.get_bucket_policy().bucket(&target.settings.bucket).send().await;
        let found = absent_is(None, "NoSuchBucketPolicy", asked.map(Some))?;
        let Some(text) = found.and_then(|found| found.policy) else { return Ok(Value::Null) };
        serde_json::from_str(&text).map_err(|_| Refusal::unexpected())
    }

    fn correction(&self, found: &Self::State) -> Option<Self::State> {
        let wanted = statement(self.0);
        let mut statements = match &found["Statement"] {
            Value::Array(several) => several.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        if statements.contains(&wanted) {
            return None;
        }
        statements.retain(|statement| statement["Sid"] != SID);
        statements.push(wanted);
        let mut policy = match found {
            Value::Object(policy) => Value::Object(policy.clone()),
            _ => json!({ "Version": "2012-10-17" }),
        };
        policy["Statement"] = Value::Array(statements);
        Some(policy)
    }

    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal> {
        let put = target.client.put_bucket_policy().bucket(&target.settings.bucket);
        put.policy(state.to_string()).send().await?;
        Ok(())
    }

    fn describe(&self, _: &Self::State) -> String {
        "refused by the bucket".to_owned()
    }
}

/// The statement that refuses calls which are not encrypted.
fn statement(settings: &Settings) -> Value {
    let bucket = bucket_arn(settings);
    json!({
        "Sid": SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, format!("{bucket}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } }
    })
}
