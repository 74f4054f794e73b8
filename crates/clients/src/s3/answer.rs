//! What the store's answers mean, and what it means that there is none.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;

use super::fault::{Fault, Kind};

/// What an answer of the store's means.
pub(super) fn answered(status: u16, code: Option<&str>, region: Option<String>) -> Kind {
    match (status, code.unwrap_or_default()) {
        (_, "NoSuchKey" | "NotFound") => Kind::ObjectMissing,
        (_, "NoSuchBucket") => Kind::BucketMissing,
        (_, "NoSuchUpload") => Kind::UploadMissing,
        (_, "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall") => Kind::PartsRefused,
        (_, "PreconditionFailed") | (412, _) => Kind::ObjectExists,
        (_, "InvalidObjectState") => Kind::ObjectArchived { restoring: false },
        (_, "RestoreAlreadyInProgress") => Kind::Restoring,
        (_, "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "IncompleteBody") => {
            Kind::ContentRefused
        }
        (_, "EntityTooLarge") => Kind::TooLarge,
        (_, "ExpiredToken" | "TokenRefreshRequired" | "ExpiredTokenException") => Kind::KeysExpired,
        (_, "InvalidAccessKeyId" | "InvalidToken" | "InvalidClientTokenId") => Kind::KeysUnknown,
        (_, "SignatureDoesNotMatch") => Kind::Signature,
        (_, "RequestTimeTooSkewed") => Kind::Clock,
        (
            _,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        )
        | (300..400, _) => Kind::Region(region),
        (_, "AccessControlListNotSupported") => Kind::AclRefused,
        (501, _) | (_, "NotImplemented") => Kind::NotImplemented,
        (
            _,
            "SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests",
        )
        | (429, _) => Kind::SlowDown,
        (_, "ConditionalRequestConflict" | "OperationAborted") => Kind::Conflict,
        (_, "RequestTimeout") => Kind::Silent,
        // An upload that is being completed answers its failure under a status of success.
        (_, "InternalError") => Kind::Unavailable(500),
        (500.., _) => Kind::Unavailable(status),
        (403, "") => Kind::Forbidden { is_nameless: true },
        (403 | 401, _) => Kind::Forbidden { is_nameless: false },
        (404, _) => Kind::ObjectMissing,
        // The answer to HEAD has no body that would tell more.
        (400, "") if region.is_some() => Kind::Region(region),
        (400..500, _) => Kind::Refused(status),
        _ => Kind::Unexpected,
    }
}

/// Why there was no answer.
pub(super) fn unanswered<E: StdError + Send + Sync + 'static>(error: &SdkError<E, HttpResponse>) -> Kind {
    if let Some(keys) = find::<CredentialsError>(error) {
        return Fault::keys(keys).kind().clone();
    }
    match error {
        SdkError::TimeoutError(_) => Kind::Silent,
        SdkError::DispatchFailure(_) if find::<rustls::Error>(error).is_some() => Kind::Tls,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Kind::Silent,
        SdkError::DispatchFailure(failure) if failure.is_io() => Kind::Unreachable,
        SdkError::DispatchFailure(_) => Kind::Broken,
        SdkError::ConstructionFailure(_) if find::<std::io::Error>(error).is_some() => {
            Kind::ContentUnreadable
        }
        _ => Kind::Unexpected,
    }
}

/// The first of an error's causes that is a `T`.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What such an error wraps is not its source, but the source's own is.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}
