//! What can go wrong with a call to the store, as the operator reads it: a code, a sentence, and whether and when
//! the call is tried again. `docs/errors.md` has a row for each code.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::Settings;
use super::answer::{answered, unanswered};
use super::meters::Operation;
use crate::{Again, Error};

/// While the operator has to act, a call is tried again so often.
const OPERATORS_PAUSE: Duration = Duration::from_mins(1);

/// A call to the store that did not succeed.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    kind: Kind,
    /// The right that the call needs, where that is known.
    right: Option<&'static str>,
    /// The store's names of the request, for its support.
    request_id: Option<String>,
    host_id: Option<String>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ObjectMissing,
    ObjectExists,
    ObjectArchived { restoring: bool },
    Restoring,
    ObjectChanged,
    UploadMissing,
    PartsRefused,
    ContentRefused,
    TooLarge,
    ContentUnreadable,
    KeysMissing(String),
    KeysExpired,
    KeysUnknown,
    Signature,
    Forbidden { is_nameless: bool },
    Clock,
    Region(Option<String>),
    BucketMissing,
    AclRefused,
    NotImplemented,
    SlowDown,
    Conflict,
    Unavailable(u16),
    Tls,
    Unreachable,
    Silent,
    Broken,
    Refused(u16),
    Unexpected,
}

impl Fault {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, right: None, request_id: None, host_id: None }
    }

    /// No keys were to be had.
    pub(super) fn keys(error: &CredentialsError) -> Self {
        let why = match error {
            CredentialsError::CredentialsNotLoaded(_) => "none were found",
            CredentialsError::ProviderTimedOut(_) => "the machine did not tell them in time",
            CredentialsError::InvalidConfiguration(_) => "the profile's file or the role is not set up right",
            _ => "the machine failed to tell them",
        };
        Self::new(Kind::KeysMissing(why.to_owned()))
    }

    /// What an error of Amazon's client means.
    pub(super) fn read<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let Some(answer) = error.raw_response() else { return Self::new(unanswered(error)) };
        let header = |name: &str| answer.headers().get(name).map(ToOwned::to_owned);
        let status = answer.status().as_u16();
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let kind = match error {
            SdkError::ServiceError(_) => answered(status, code, header("x-amz-bucket-region")),
            _ if (200..300).contains(&status) => Kind::Broken,
            _ => answered(status, None, header("x-amz-bucket-region")),
        };
        let (request_id, host_id) = (header("x-amz-request-id"), header("x-amz-id-2"));
        Self { kind, right: None, request_id, host_id }
    }

    /// The same, of a call that needs the right `right`.
    pub(super) fn needing(self, right: &'static str) -> Self {
        Self { right: Some(right), ..self }
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether the keys that were used may be others by now.
    pub(super) fn may_be_old_keys(&self) -> bool {
        matches!(
            self.kind,
            Kind::KeysExpired
                | Kind::KeysUnknown
                | Kind::Signature
                | Kind::Forbidden { is_nameless: true }
                | Kind::Refused(400)
        )
    }

    /// What the operator finds it by.
    pub(super) fn code(&self) -> &'static str {
        match &self.kind {
            Kind::ObjectMissing => "s3-object-missing",
            Kind::ObjectExists => "s3-object-exists",
            Kind::ObjectArchived { .. } => "s3-object-archived",
            Kind::Restoring => "s3-object-restoring",
            Kind::ObjectChanged => "s3-object-changed",
            Kind::UploadMissing => "s3-upload-missing",
            Kind::PartsRefused => "s3-parts-refused",
            Kind::ContentRefused => "s3-content-refused",
            Kind::TooLarge => "s3-too-large",
            Kind::ContentUnreadable => "s3-content-unreadable",
            Kind::KeysMissing(_) => "s3-keys-missing",
            Kind::KeysExpired => "s3-keys-expired",
            Kind::KeysUnknown => "s3-keys-unknown",
            Kind::Signature => "s3-signature",
            Kind::Forbidden { .. } => "s3-forbidden",
            Kind::Clock => "s3-clock",
            Kind::Region(_) => "s3-region",
            Kind::BucketMissing => "s3-bucket-missing",
            Kind::AclRefused => "s3-acl-refused",
            Kind::NotImplemented => "s3-not-implemented",
            Kind::SlowDown => "s3-slow-down",
            Kind::Conflict => "s3-conflict",
            Kind::Unavailable(_) => "s3-unavailable",
            Kind::Tls => "s3-tls",
            Kind::Unreachable => "s3-unreachable",
            Kind::Silent => "s3-silent",
            Kind::Broken => "s3-broken",
            Kind::Refused(_) => "s3-refused",
            Kind::Unexpected => "s3-unexpected",
        }
    }

    /// What it means.
    fn sentence(&self) -> String {
        let fixed = match &self.kind {
            Kind::KeysMissing(why) => {
                return format!(
                    "there are no keys for the store: {why} (AWS_ACCESS_KEY_ID, a profile's file or the machine's role)"
                );
            }
            Kind::Region(Some(region)) => {
                return format!("the bucket is in another region: set AWS_REGION={region}");
            }
            Kind::Forbidden { .. } => {
                let right = self.right.map_or_else(String::new, |right| format!(" ({right})"));
                return format!("the store forbids it: check keys and policy{right}");
            }
            Kind::Unavailable(status) => {
                return format!("the store has a failure of its own (status {status})");
            }
            Kind::Refused(status) => return format!("the store refuses the call (status {status})"),
            Kind::ObjectMissing => "the store has no such object",
            Kind::ObjectExists => "the store has another object by this key",
            Kind::ObjectArchived { .. } => "the object is in the store's archive",
            Kind::Restoring => "the object is on its way back from the archive",
            Kind::ObjectChanged => "the object became another one while it was read",
            Kind::UploadMissing => {
                "the store does not know the upload: it was completed, aborted, or is too old"
            }
            Kind::PartsRefused => {
                "the parts of an upload are not those that the store has, or one is too small"
            }
            Kind::ContentRefused => "what arrived at the store is not what was sent",
            Kind::TooLarge => "the object is larger than the store takes",
            Kind::ContentUnreadable => "the file that was to be put cannot be read",
            Kind::KeysExpired => "the keys have expired: renew them and send SIGHUP",
            Kind::KeysUnknown => "the store does not know the access key: check AWS_ACCESS_KEY_ID",
            Kind::Signature => {
                "the signature is wrong: check AWS_SECRET_ACCESS_KEY, and that no proxy changes requests"
            }
            Kind::Clock => {
                "the times of this machine and the store's differ too much: set this machine's clock"
            }
            Kind::Region(None) => "the bucket is in another region: check AWS_REGION and the store's address",
            Kind::BucketMissing => "the bucket does not exist: check bucket and path",
            Kind::AclRefused => "the bucket takes no ACLs: unset AWS_S3_OBJECT_ACL",
            Kind::NotImplemented => "the store does not know what it was asked",
            Kind::Conflict => "the store is at work on the same object",
            Kind::SlowDown => "the store is asked too often: reduce requests",
            Kind::Tls => "the connection to the store cannot be trusted: check its certificate",
            Kind::Unreachable => "the store cannot be reached: check its address and the network",
            Kind::Silent => "the store did not answer in time",
            Kind::Broken => "the connection to the store broke",
            Kind::Unexpected => "the store answered what nobody expects",
        };
        fixed.to_owned()
    }

    /// Whether and when the call is tried again; it was tried as often as the settings say by now.
    fn again(&self) -> Again {
        match &self.kind {
            Kind::ObjectMissing
            | Kind::ObjectExists
            | Kind::ObjectChanged
            | Kind::UploadMissing
            | Kind::PartsRefused
            | Kind::TooLarge
            | Kind::ContentUnreadable
            | Kind::AclRefused
            | Kind::NotImplemented
            | Kind::Refused(_) => Again::Never,
            Kind::ObjectArchived { .. } | Kind::Restoring => Again::After(Duration::from_hours(1)),
            Kind::KeysMissing(_)
            | Kind::KeysExpired
            | Kind::KeysUnknown
            | Kind::Signature
            | Kind::Forbidden { .. }
            | Kind::Clock
            | Kind::Region(_)
            | Kind::BucketMissing
            | Kind::Tls
            | Kind::Unexpected => Again::After(OPERATORS_PAUSE),
            Kind::ContentRefused
            | Kind::SlowDown
            | Kind::Conflict
            | Kind::Unavailable(_)
            | Kind::Unreachable
            | Kind::Silent
            | Kind::Broken => Again::Later,
        }
    }

    /// Tells the operator, unless it is a plain answer to a plain question.
    pub(super) fn log(&self, operation: Operation, settings: &Settings) {
        let is_answer = matches!(
            self.kind,
            Kind::ObjectMissing
                | Kind::ObjectExists
                | Kind::ObjectArchived { .. }
                | Kind::Restoring
                | Kind::AclRefused
                | Kind::NotImplemented
                | Kind::UploadMissing
        );
        let (operation, bucket, code) = (operation.name(), &settings.bucket, self.code());
        let request_id = self.request_id.as_deref().unwrap_or_default();
        let host_id = self.host_id.as_deref().unwrap_or_default();
        let sentence = self.sentence();
        if is_answer {
            tracing::debug!(operation, bucket, error.code = code, request_id, host_id, "{sentence}");
        } else {
            tracing::warn!(operation, bucket, error.code = code, request_id, host_id, "{sentence}");
        }
    }
}

impl Kind {
    /// One of each, for the test that holds the documentation.
    #[cfg(test)]
    fn all() -> Vec<Self> {
        vec![
            Self::ObjectMissing,
            Self::ObjectExists,
            Self::ObjectArchived { restoring: false },
            Self::Restoring,
            Self::ObjectChanged,
            Self::UploadMissing,
            Self::PartsRefused,
            Self::ContentRefused,
            Self::TooLarge,
            Self::ContentUnreadable,
            Self::KeysMissing(String::new()),
            Self::KeysExpired,
            Self::KeysUnknown,
            Self::Signature,
            Self::Forbidden { is_nameless: false },
            Self::Clock,
            Self::Region(None),
            Self::BucketMissing,
            Self::AclRefused,
            Self::NotImplemented,
            Self::SlowDown,
            Self::Conflict,
            Self::Unavailable(503),
            Self::Tls,
            Self::Unreachable,
            Self::Silent,
            Self::Broken,
            Self::Refused(400),
            Self::Unexpected,
        ]
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            Kind::ObjectMissing => Self::ObjectMissing,
            Kind::ObjectExists => Self::ObjectExists,
            Kind::ObjectArchived { restoring } => Self::ObjectArchived { restoring },
            _ => Self::Store { code: fault.code(), reason: fault.sentence(), again: fault.again() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_stands_in_the_list_of_errors() {
        let list = include_str!("../../../../docs/errors.md");
        let section = list.split("\n## ").find(|section| section.starts_with("Files in S3\n")).unwrap();
        let row = |code: &str| {
            let mut rows = section.lines().filter(|line| line.starts_with(&format!("| `{code}` |")));
            let row = rows.next().unwrap_or_else(|| panic!("{code} has no row in docs/errors.md"));
            assert!(rows.next().is_none(), "{code} stands twice in docs/errors.md");
            row
        };
        let settings = Error::ConfigureStore(String::new());
        let mut codes = vec![settings.code()];
        row(settings.code());
        for fault in Kind::all().into_iter().map(Fault::new) {
            codes.push(fault.code());
            let expected = match fault.again() {
                Again::Never => "never".to_owned(),
                Again::Once => "once".to_owned(),
                Again::Later => "soon".to_owned(),
                Again::After(pause) => format!("{} min", pause.as_secs() / 60),
            };
            assert_eq!(row(fault.code()).split('|').nth(3).unwrap().trim(), expected, "{}", fault.code());
            let error = Error::from(fault.clone());
            assert_eq!((error.code(), error.again()), (fault.code(), fault.again()), "{error:?}");
        }
        for line in section.lines().filter(|line| line.starts_with("| `s3-")) {
            assert!(codes.iter().any(|code| line.starts_with(&format!("| `{code}` |"))), "{line}");
        }
    }
}
