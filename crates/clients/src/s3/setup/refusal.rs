//! Why the store did not do what setting up asked of it, in words that say what to do.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata, SdkError};

use super::Outcome;

/// A call that did not succeed.
#[derive(Debug)]
pub(super) struct Refusal {
    code: String,
    status: u16,
    reason: String,
}

impl Refusal {
    /// Something that the store should not answer.
    pub(super) fn unexpected(reason: &str) -> Self {
        Self { code: String::new(), status: 0, reason: reason.to_owned() }
    }

    /// The store's own word for it; empty where there is none.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// Whether a right is missing.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self.code.as_str(), "AccessDenied" | "AllAccessDisabled" | "UnauthorizedAccess")
    }

    fn is_unsupported(&self) -> bool {
        matches!(self.code.as_str(), "NotImplemented" | "XNotImplemented" | "MethodNotAllowed") || self.status == 501
    }

    /// What it means for a part that needs the right `action`.
    pub(super) fn outcome(&self, action: &str) -> Outcome {
        if self.is_denied() {
            return Outcome::Failed(format!("the right {action} is missing"));
        }
        if self.is_unsupported() {
            return Outcome::Unsupported;
        }
        Outcome::Failed(self.reason.clone())
    }
}

impl<E: ProvideErrorMetadata> From<SdkError<E, HttpResponse>> for Refusal {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let code = error.code().unwrap_or_default().to_owned();
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let reason = format!("the store answered {status} {code}");
        Self { code, status, reason }
    }
}

impl From<BuildError> for Refusal {
    fn from(error: BuildError) -> Self {
        Self::unexpected(&error.to_string())
    }
}

/// Takes the store's word `code` that there is nothing for `nothing`.
pub(super) fn absent_is<T, E: ProvideErrorMetadata>(
    nothing: T,
    code: &str,
    asked: Result<T, SdkError<E, HttpResponse>>,
) -> Result<T, Refusal> {
    match asked.map_err(Refusal::from) {
        Err(refusal) if refusal.code() == code => Ok(nothing),
        answered => answered,
    }
}
