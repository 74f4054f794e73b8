//! That nothing in the bucket can be opened to everybody by a list or a policy (Block Public Access, all four).

use aws_sdk_s3::types::PublicAccessBlockConfiguration;

use super::refusal::{Refusal, absent_is};
use super::{Part, Target};

pub(super) struct PublicAccess;

impl Part for PublicAccess {
    type State = PublicAccessBlockConfiguration;

    const SUBJECT: &'static str = "public access";
    const READ: &'static str = "s3:GetBucketPublicAccessBlock";
    const WRITE: &'static str = "s3:PutBucketPublicAccessBlock";

    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal> {
        let asked = target.client.get_public_access_block().bucket(&target.settings.bucket).send().await;
        let found = absent_is(None, "NoSuchPublicAccessBlockConfiguration", asked.map(Some))?;
        let found = found.and_then(|found| found.public_access_block_configuration);
        Ok(found.unwrap_or_else(|| PublicAccessBlockConfiguration::builder().build()))
    }

    fn correction(&self, found: &Self::State) -> Option<Self::State> {
        let wanted = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        (*found != wanted).then_some(wanted)
    }

    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal> {
        let put = target.client.put_public_access_block().bucket(&target.settings.bucket);
        put.public_access_block_configuration(state).send().await?;
        Ok(())
    }

    fn describe(&self, _: &Self::State) -> String {
        "closed in all four ways".to_owned()
    }
}
