//! The bucket itself: found in its region, or made there.

use std::time::Duration;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership};

use super::refusal::Refusal;
use super::{Outcome, Step, Target};
use crate::s3::PREFIX;

/// The right to look whether it is there.
pub(super) const LOOK: &str = "s3:ListBucket";
/// The right to make it.
pub(super) const MAKE: &str = "s3:CreateBucket";

/// The region whose name may not be said.
const NAMELESS_REGION: &str = "us-east-1";

/// How long to wait while the store is still busy with a bucket of this name.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// What came of it.
pub(super) struct Creation {
    pub(super) step: Step,
    /// Whether there is a bucket to go on with.
    pub(super) is_there: bool,
}

impl Creation {
    /// Looks for the bucket, and makes it where there is none.
    pub(super) async fn of(target: &Target<'_>) -> Self {
        let settings = target.settings;
        let place = format!("{} in {}", settings.bucket, settings.region);
        // Listing rather than HEAD: an answer to HEAD has no body, and so no reason.
        let look = target.client.list_objects_v2().bucket(&settings.bucket).prefix(PREFIX).max_keys(1);
        let (outcome, is_there) = match look.send().await.map_err(Refusal::from) {
            Ok(_) => (Outcome::Right(place), true),
            Err(refusal) if refusal.code() == "NoSuchBucket" => match make(target).await {
                Ok(Made::Now) => (Outcome::Changed(format!("made {place}")), true),
                Ok(Made::Before) => (Outcome::Right(place), true),
                Err(outcome) => (outcome, false),
            },
            // It may well be there: the other parts tell.
            Err(refusal) if refusal.is_denied() => (refusal.outcome(LOOK), true),
            Err(refusal) => (refusal.outcome(LOOK), false),
        };
        Self { step: Step { subject: "bucket", outcome }, is_there }
    }
}

enum Made {
    Now,
    Before,
}

async fn make(target: &Target<'_>) -> Result<Made, Outcome> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let refusal = match create(target).await {
            Ok(()) => return Ok(Made::Now),
            Err(refusal) => refusal,
        };
        match (refusal.code(), pauses.next()) {
            ("BucketAlreadyOwnedByYou", _) => return Ok(Made::Before),
            ("BucketAlreadyExists", _) => {
                let bucket = &target.settings.bucket;
                let what = format!(
                    "somebody else has a bucket of the name {bucket}: choose another (AWS_S3_BUCKET)"
                );
                return Err(Outcome::Failed(what));
            }
            ("OperationAborted", Some(pause)) => tokio::time::sleep(pause).await,
            _ if refusal.is_denied() && target.settings.object_acl.is_none() => {
                return Err(refusal.outcome("s3:CreateBucket or s3:PutBucketOwnershipControls"));
            }
            _ => return Err(refusal.outcome(MAKE)),
        }
    }
}

async fn create(target: &Target<'_>) -> Result<(), Refusal> {
    let settings = target.settings;
    let region = BucketLocationConstraint::from(settings.region.as_str());
    let place = CreateBucketConfiguration::builder().location_constraint(region).build();
    let place = (settings.region != NAMELESS_REGION).then_some(place);
    let ownership = settings.object_acl.is_none().then_some(ObjectOwnership::BucketOwnerEnforced);
    let create =
        target.client.create_bucket().bucket(&settings.bucket).set_create_bucket_configuration(place);
    create.set_object_ownership(ownership).send().await?;
    Ok(())
}
