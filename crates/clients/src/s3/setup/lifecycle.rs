//! What the store does by itself as time goes by: it throws away uploads that nobody finished, and moves files that lie
//! long into an archive where that is asked for. Rules that others made stay.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, Transition, TransitionDefaultMinimumObjectSize,
    TransitionStorageClass,
};

use super::refusal::{Refusal, absent_is};
use super::{Archive, ArchiveClass, Part, Target};
use crate::s3::PREFIX;

/// The names of our rules among the bucket's.
const UNFINISHED: &str = "brainmessenger-unfinished-uploads";
const ARCHIVE: &str = "brainmessenger-archive";

/// How long an upload in parts may take before the parts are thrown away, which cost money until then.
const UNFINISHED_DAYS: i32 = 7;

/// Our rules, with the archive's where there is one.
pub(super) struct Lifecycle(pub(super) Option<Archive>);

/// All rules, and from which size on objects are moved, which is written with them.
#[derive(Default)]
pub(super) struct Rules {
    rules: Vec<LifecycleRule>,
    least_size: Option<TransitionDefaultMinimumObjectSize>,
}

impl Part for Lifecycle {
    type State = Rules;

    const SUBJECT: &'static str = "lifecycle";
    const READ: &'static str = "s3:GetLifecycleConfiguration";
    const WRITE: &'static str = "s3:PutLifecycleConfiguration";

    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal> {
        let get = target.client.get_bucket_lifecycle_configuration().bucket(&target.settings.bucket);
        let found = absent_is(None, "NoSuchLifecycleConfiguration", get.send().await.map(Some))?;
        let found = found.map(|found| Rules {
            least_size: found.transition_default_minimum_object_size,
            rules: found.rules.unwrap_or_default(),
        });
        Ok(found.unwrap_or_default())
    }

    fn correction(&self, found: &Self::State) -> Option<Self::State> {
        let wanted = self.rules()?;
        let (own, others): (Vec<_>, Vec<_>) = found.rules.iter().cloned().partition(is_own);
        let has = |rule: &LifecycleRule| own.iter().any(|own| is_same(own, rule));
        if own.len() == wanted.len() && wanted.iter().all(has) {
            return None;
        }
        Some(Rules { rules: [others, wanted].concat(), least_size: found.least_size.clone() })
    }

    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal> {
        let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(state.rules)).build()?;
        let put = target.client.put_bucket_lifecycle_configuration().bucket(&target.settings.bucket);
        put.set_transition_default_minimum_object_size(state.least_size)
            .lifecycle_configuration(configuration)
            .send()
            .await?;
        Ok(())
    }

    fn describe(&self, state: &Self::State) -> String {
        let archive = match self.0 {
            Some(Archive { after_days, class }) => {
                format!("files go to {} after {after_days} days", class.name())
            }
            None => "files stay where they are".to_owned(),
        };
        let others: Vec<_> = state.rules.iter().filter(|rule| !is_own(rule)).collect();
        let left = if others.is_empty() {
            String::new()
        } else {
            format!("; {} rules of others are left", others.len())
        };
        let deleting: Vec<_> = others
            .iter()
            .filter(|rule| deletes_files(rule))
            .map(|rule| rule.id().unwrap_or("without a name"))
            .collect();
        let deleting = if deleting.is_empty() {
            String::new()
        } else {
            format!("; FILES ARE DELETED by the rule {}", deleting.join(", "))
        };
        format!("unfinished uploads end after {UNFINISHED_DAYS} days; {archive}{left}{deleting}")
    }
}

impl Lifecycle {
    fn rules(&self) -> Option<Vec<LifecycleRule>> {
        let rule = |id: &str| {
            let filter = LifecycleRuleFilter::builder().prefix(PREFIX).build();
            LifecycleRule::builder().id(id).status(ExpirationStatus::Enabled).filter(filter)
        };
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(UNFINISHED_DAYS).build();
        let mut rules = vec![rule(UNFINISHED).abort_incomplete_multipart_upload(abort).build().ok()?];
        if let Some(Archive { after_days, class }) = self.0 {
            let move_on =
                Transition::builder().days(after_days.into()).storage_class(class.of_store()).build();
            rules.push(rule(ARCHIVE).transitions(move_on).build().ok()?);
        }
        Some(rules)
    }
}

impl ArchiveClass {
    /// What the store calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instant => "GLACIER_IR",
            Self::Flexible => "GLACIER",
        }
    }

    fn of_store(self) -> TransitionStorageClass {
        match self {
            Self::Instant => TransitionStorageClass::GlacierIr,
            Self::Flexible => TransitionStorageClass::Glacier,
        }
    }
}

fn is_own(rule: &LifecycleRule) -> bool {
    matches!(rule.id(), Some(UNFINISHED | ARCHIVE))
}

/// Whether a rule throws files away that lie long enough.
fn deletes_files(rule: &LifecycleRule) -> bool {
    let of_filter = rule.filter().and_then(|filter| {
        filter.prefix().or_else(|| filter.and().and_then(LifecycleRuleAndOperator::prefix))
    });
    #[expect(deprecated, reason = "old rules have their prefix there")]
    let prefix = of_filter.or(rule.prefix()).unwrap_or_default();
    let is_on = *rule.status() == ExpirationStatus::Enabled;
    let ends = rule.expiration().is_some_and(|end| end.days().is_some() || end.date().is_some());
    is_on && ends && (prefix.starts_with(PREFIX) || PREFIX.starts_with(prefix))
}

/// Whether two rules do the same to the same objects.
fn is_same(one: &LifecycleRule, other: &LifecycleRule) -> bool {
    let unfinished = |rule: &LifecycleRule| {
        rule.abort_incomplete_multipart_upload()
            .and_then(AbortIncompleteMultipartUpload::days_after_initiation)
    };
    let prefix = |rule: &LifecycleRule| rule.filter().and_then(|filter| filter.prefix().map(str::to_owned));
    one.id() == other.id()
        && one.status() == other.status()
        && prefix(one) == prefix(other)
        && one.transitions() == other.transitions()
        && unfinished(one) == unfinished(other)
        && one.expiration().is_none()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::LifecycleExpiration;

    use super::*;

    fn ending(prefix: &str, days: Option<i32>, status: ExpirationStatus) -> LifecycleRule {
        LifecycleRule::builder()
            .id("theirs")
            .status(status)
            .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
            .expiration(LifecycleExpiration::builder().set_days(days).build())
            .build()
            .unwrap()
    }

    #[test]
    fn who_deletes_files_is_named() {
        let on = ExpirationStatus::Enabled;
        for prefix in ["", "up", "uploads/", "uploads/0"] {
            assert!(deletes_files(&ending(prefix, Some(9), on.clone())), "{prefix}");
        }
        assert!(!deletes_files(&ending("logs/", Some(9), on.clone())));
        assert!(!deletes_files(&ending("", None, on.clone())));
        assert!(!deletes_files(&ending("", Some(9), ExpirationStatus::Disabled)));
        let said =
            Lifecycle(None).describe(&Rules { rules: vec![ending("", Some(9), on)], least_size: None });
        assert!(said.ends_with("1 rules of others are left; FILES ARE DELETED by the rule theirs"), "{said}");
    }

    #[test]
    fn our_rules_stand_beside_those_of_others_and_follow_the_settings() {
        let theirs = ending("logs/", Some(9), ExpirationStatus::Enabled);
        let archive = Archive { after_days: 30, class: ArchiveClass::Instant };
        let (with, without) = (Lifecycle(Some(archive)), Lifecycle(None));
        let least_size = Some(TransitionDefaultMinimumObjectSize::VariesByStorageClass);
        let found = Rules { rules: vec![theirs.clone()], least_size: least_size.clone() };
        let first = with.correction(&found).unwrap();
        assert_eq!((first.rules.len(), &first.rules[0], &first.least_size), (3, &theirs, &least_size));
        assert!(with.correction(&first).is_none());
        let later = Lifecycle(Some(Archive { after_days: 31, ..archive })).correction(&first).unwrap();
        assert_eq!(later.rules.len(), 3);
        assert_eq!(without.correction(&first).unwrap().rules.len(), 2);
    }
}
