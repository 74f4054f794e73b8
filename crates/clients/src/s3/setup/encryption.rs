//! With which key the store encrypts what is put without saying how. A stricter encryption than the settings ask for is
//! left: objects say how they are encrypted when they are put.

use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};

use super::refusal::{Refusal, absent_is};
use super::{Part, Target};
use crate::s3::Encryption;

pub(super) struct AtRest<'a>(pub(super) &'a Encryption);

impl Part for AtRest<'_> {
    type State = Option<ServerSideEncryptionRule>;

    const SUBJECT: &'static str = "encryption";
    const READ: &'static str = "s3:GetEncryptionConfiguration";
    const WRITE: &'static str = "s3:PutEncryptionConfiguration";

    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal> {
        let asked = target.client.get_bucket_encryption().bucket(&target.settings.bucket).send().await;
        let found = absent_is(None, "ServerSideEncryptionConfigurationNotFoundError", asked.map(Some))?;
        let found = found.and_then(|found| found.server_side_encryption_configuration);
        Ok(found.and_then(|found| found.rules.into_iter().next()))
    }

    fn correction(&self, found: &Self::State) -> Option<Self::State> {
        if *self.0 == Encryption::Unasked || found.as_ref().is_some_and(|found| self.is_met_by(found)) {
            return None;
        }
        let mut wanted = found.clone().unwrap_or_else(|| ServerSideEncryptionRule::builder().build());
        wanted.apply_server_side_encryption_by_default = self.by_default();
        // One call to KMS serves many objects, which is cheaper.
        wanted.bucket_key_enabled = Some(matches!(self.0, Encryption::Kms(_)));
        Some(Some(wanted))
    }

    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal> {
        let configuration =
            ServerSideEncryptionConfiguration::builder().set_rules(state.map(|rule| vec![rule]));
        let put = target.client.put_bucket_encryption().bucket(&target.settings.bucket);
        put.server_side_encryption_configuration(configuration.build()?).send().await?;
        Ok(())
    }

    fn describe(&self, state: &Self::State) -> String {
        let by_default = state.as_ref().and_then(|rule| rule.apply_server_side_encryption_by_default());
        let algorithm = by_default.map_or("none", |found| found.sse_algorithm.as_str());
        match (self.0, algorithm) {
            (Encryption::Unasked, _) => format!("by {algorithm}, as the bucket has it (AWS_S3_SSE=none)"),
            (Encryption::Store, "AES256") | (Encryption::Kms(_), _) => format!("by {algorithm}"),
            (Encryption::Store, _) => {
                format!("by {algorithm}, which is more than AWS_S3_SSE asks for, and is left")
            }
        }
    }
}

impl AtRest<'_> {
    fn is_met_by(&self, rule: &ServerSideEncryptionRule) -> bool {
        let Some(found) = rule.apply_server_side_encryption_by_default() else { return false };
        match (self.0, &found.sse_algorithm) {
            // The store always encrypts with its own key at least.
            (Encryption::Unasked | Encryption::Store, _) => true,
            (Encryption::Kms(key), ServerSideEncryption::AwsKms) => {
                found.kms_master_key_id == *key && rule.bucket_key_enabled() == Some(true)
            }
            // Encryption in two layers knows no key of the bucket's.
            (Encryption::Kms(key), ServerSideEncryption::AwsKmsDsse) => found.kms_master_key_id == *key,
            (Encryption::Kms(_), _) => false,
        }
    }

    fn by_default(&self) -> Option<ServerSideEncryptionByDefault> {
        let (algorithm, key) = match self.0 {
            Encryption::Unasked | Encryption::Store => (ServerSideEncryption::Aes256, None),
            Encryption::Kms(key) => (ServerSideEncryption::AwsKms, key.clone()),
        };
        ServerSideEncryptionByDefault::builder()
            .sse_algorithm(algorithm)
            .set_kms_master_key_id(key)
            .build()
            .ok()
    }
}
