//! Who owns what is put: the bucket's owner alone, so that there are no access lists of single objects.

use aws_sdk_s3::types::{ObjectOwnership, OwnershipControls, OwnershipControlsRule};

use super::refusal::{Refusal, absent_is};
use super::{Part, Target};

pub(super) struct Ownership;

impl Part for Ownership {
    type State = Option<ObjectOwnership>;

    const SUBJECT: &'static str = "object ownership";
    const READ: &'static str = "s3:GetBucketOwnershipControls";
    const WRITE: &'static str = "s3:PutBucketOwnershipControls";

    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal> {
        let asked =
            target.client.get_bucket_ownership_controls().bucket(&target.settings.bucket).send().await;
        let found = absent_is(None, "OwnershipControlsNotFoundError", asked.map(Some))?;
        let controls = found.and_then(|found| found.ownership_controls);
        Ok(controls.and_then(|controls| controls.rules.into_iter().next()).map(|rule| rule.object_ownership))
    }

    fn correction(&self, found: &Self::State) -> Option<Self::State> {
        let wanted = Some(ObjectOwnership::BucketOwnerEnforced);
        (*found != wanted).then_some(wanted)
    }

    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal> {
        let ownership = state.unwrap_or(ObjectOwnership::BucketOwnerEnforced);
        let rule = OwnershipControlsRule::builder().object_ownership(ownership).build()?;
        let controls = OwnershipControls::builder().rules(rule).build()?;
        let put = target.client.put_bucket_ownership_controls().bucket(&target.settings.bucket);
        put.ownership_controls(controls).send().await?;
        Ok(())
    }

    fn describe(&self, _: &Self::State) -> String {
        "the bucket's owner owns all objects; access lists are off".to_owned()
    }
}
