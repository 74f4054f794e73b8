//! Why the store did not do what setting up asked of it, in words that say what to do.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata, SdkError};

use super::Outcome;
use crate::Error;
use crate::s3::fault::{Fault, Kind};

/// A call that did not succeed.
#[derive(Debug)]
pub(super) struct Refusal {
    fault: Fault,
    /// The store's own word for it; empty where there is none.
    code: String,
}

impl Refusal {
    /// Something that the store should not answer.
    pub(super) fn unexpected() -> Self {
        Self { fault: Fault::new(Kind::Unexpected), code: String::new() }
    }

    /// The store's own word for it; empty where there is none.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// Whether a right is missing.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self.fault.kind(), Kind::Forbidden { .. })
    }

    /// What it means for a part that needs the right `action`.
    pub(super) fn outcome(self, action: &str) -> Outcome {
        match (self.fault.kind(), self.code.as_str()) {
            (Kind::Forbidden { .. }, _) => Outcome::Failed(format!("the right {action} is missing")),
            (Kind::NotImplemented, _) | (_, "MethodNotAllowed") => Outcome::Unsupported,
            (Kind::Refused(_), code) if !code.is_empty() => {
                Outcome::Failed(format!("the store refuses the call ({code})"))
            }
            _ => match Error::from(self.fault) {
                Error::Store { reason, .. } => Outcome::Failed(reason),
                error => Outcome::Failed(error.to_string()),
            },
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Refusal
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        // The store's word is from a list of its own; nothing that it says beside goes anywhere.
        let code =
            error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        Self { fault: Fault::read(&error), code }
    }
}

impl From<BuildError> for Refusal {
    fn from(_: BuildError) -> Self {
        Self::unexpected()
    }
}

/// Takes the store's word `code` that there is nothing for `nothing`.
pub(super) fn absent_is<T, E>(
    nothing: T,
    code: &str,
    asked: Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, Refusal>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match asked.map_err(Refusal::from) {
        Err(refusal) if refusal.code() == code => Ok(nothing),
        answered => answered,
    }
}
