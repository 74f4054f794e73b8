//! The rows that files have, through the project's GraphQL: asked as the caller where a permission decides, as the
//! administrator where the service keeps its own books.

mod book;
mod comparison;
mod files;
mod plan;
mod removal;
mod uploads;

use std::sync::Arc;

use base::project::{GraphqlRequest, Project, fetch};
use base::session::Session;
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::FilesError;

pub(super) use self::book::{Completed, Completion, Expected, FileDetails, Kind, Role, Stored};
pub(super) use self::files::{Bucket, FileRow, FileSummary, NewFile};
pub(super) use self::plan::{Allowance, BeyondPlan};
pub(super) use self::removal::Garbage;
pub(super) use self::uploads::{Upload, UploadUnderWay};

/// The rows, behind the project's GraphQL.
pub(super) struct Rows {
    project: Arc<dyn Project>,
    service: Session,
}

impl Rows {
    /// The rows of `project`.
    pub(super) fn new(project: Arc<dyn Project>) -> Self {
        Self { project, service: Session::admin() }
    }

    async fn as_caller<T: DeserializeOwned>(
        &self,
        caller: &Session,
        document: &str,
        variables: Value,
    ) -> Result<T, FilesError> {
        fetch(&*self.project, caller, GraphqlRequest::new(document, variables))
            .await
            .map_err(FilesError::AsCaller)
    }

    async fn as_service<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<T, FilesError> {
        fetch(&*self.project, &self.service, GraphqlRequest::new(document, variables))
            .await
            .map_err(FilesError::AsAdmin)
    }
}

/// What the database wrote, in seconds since 1970.
fn unix_seconds(timestamp: &str) -> Option<i64> {
    OffsetDateTime::parse(timestamp, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

/// `unix_seconds` as the database reads it.
pub(super) fn timestamp(unix_seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix_seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
