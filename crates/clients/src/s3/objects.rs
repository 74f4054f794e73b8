//! What is known of objects without reading them, and what is done to them where they are: state, removal,
//! restoring from the archive, lists.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ChecksumMode, GlacierJobParameters, RestoreRequest, Tier};

use super::Bucket;
use super::fault::{Fault, Kind};
use super::meters::Operation;
use crate::Error;

/// Keys in a page of a list, as S3 has it.
const PAGE: i32 = 1000;

/// An object as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectState {
    /// In bytes.
    pub size: u64,
    /// The store's name for this content, as it gave it.
    pub etag: String,
    /// Whether the store keeps the SHA-256 that it was put with, and so has compared what came.
    pub has_checksum: bool,
    /// Whether it can be read now.
    pub archive: Archive,
}

/// Whether an object can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// It can.
    Ready,
    /// It is in the archive.
    Archived,
    /// It is in the archive, and on its way back.
    Restoring,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// When it was put.
    pub last_modified: SystemTime,
}

impl Bucket {
    /// What the store knows of an object.
    pub async fn head(&self, key: &str) -> Result<ObjectState, Error> {
        Ok(state(&self.describe(key).await?))
    }

    /// Removes an object; one that is not there is removed, too.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let bucket = &self.0.settings.bucket;
        let send = |client: aws_sdk_s3::Client| client.delete_object().bucket(bucket).key(key).send();
        match self.call(Operation::Delete, send).await {
            Ok(_) => Ok(()),
            Err(fault) if *fault.kind() == Kind::ObjectMissing => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Asks for an archived object to be readable for so many days, within hours. One that is on its way already, or
    /// not archived, is left as it is.
    pub async fn restore(&self, key: &str, days: u32) -> Result<(), Error> {
        let bucket = &self.0.settings.bucket;
        let parameters = GlacierJobParameters::builder().tier(Tier::Standard).build();
        let parameters = parameters.map_err(|error| Error::ConfigureStore(error.to_string()))?;
        let request = RestoreRequest::builder()
            .days(i32::try_from(days).unwrap_or(i32::MAX))
            .glacier_job_parameters(parameters)
            .build();
        let send = |client: aws_sdk_s3::Client| {
            client.restore_object().bucket(bucket).key(key).restore_request(request.clone()).send()
        };
        match self.call(Operation::Restore, send).await {
            Ok(_) => Ok(()),
            Err(fault) if *fault.kind() == Kind::Restoring => Ok(()),
            // So the store answers for an object that is not in the archive.
            Err(fault) if matches!(fault.kind(), Kind::ObjectArchived { .. }) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// A page of the objects whose keys begin with `prefix`, in the order of their keys: those behind `after`. An
    /// empty one is the last.
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Listed>, Error> {
        let bucket = &self.0.settings.bucket;
        let send = |client: aws_sdk_s3::Client| {
            client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .set_start_after(after.map(ToOwned::to_owned))
                .max_keys(PAGE)
                .send()
        };
        let page = self.call(Operation::List, send).await?;
        let listed = |object: aws_sdk_s3::types::Object| {
            Some(Listed {
                key: object.key?,
                size: object.size.and_then(|size| u64::try_from(size).ok())?,
                last_modified: object.last_modified.map_or(UNIX_EPOCH, time),
            })
        };
        Ok(page.contents.unwrap_or_default().into_iter().filter_map(listed).collect())
    }

    /// What the store says about an object, with its checksum where it has one.
    pub(super) async fn describe(&self, key: &str) -> Result<HeadObjectOutput, Fault> {
        let bucket = &self.0.settings.bucket;
        let send = |client: aws_sdk_s3::Client| {
            client.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled).send()
        };
        self.call(Operation::Head, send).await
    }
}

fn state(about: &HeadObjectOutput) -> ObjectState {
    let class = about.storage_class().map(aws_sdk_s3::types::StorageClass::as_str);
    let archive = match (class, about.restore()) {
        (Some("GLACIER" | "DEEP_ARCHIVE"), None) => Archive::Archived,
        (Some("GLACIER" | "DEEP_ARCHIVE"), Some(restore))
            if restore.contains(r#"ongoing-request="true""#) =>
        {
            Archive::Restoring
        }
        _ => Archive::Ready,
    };
    let size = about.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    let has_checksum = about.checksum_sha256().is_some();
    ObjectState { size, etag: about.e_tag().unwrap_or_default().to_owned(), has_checksum, archive }
}

fn time(at: DateTime) -> SystemTime {
    let since = Duration::new(u64::try_from(at.secs()).unwrap_or_default(), at.subsec_nanos());
    UNIX_EPOCH + since
}
