//! Presigned addresses: whoever has one reads the file for a while, without a token. They are made after the
//! permission was checked, never kept, and no cache may keep the answer that carries them.
//!
//! In a bucket they are the store's own, and the bytes never pass through this server; on a disk they lead here.

mod contents;
mod many;
mod one;

use std::time::Duration;

use http::HeaderMap;
use http::header::HOST;

use super::Files;
use super::answer::Shown;
use super::error::FilesError;
use super::keep::object_headers;
use super::meters;
use super::rows::Bucket;
use super::store::Store;

pub(super) use self::contents::{get, head};
pub(super) use self::many::many;
pub(super) use self::one::one;

/// An address, and for how many seconds it is good.
pub(super) struct Address {
    /// The address.
    pub(super) url: String,
    /// For how long it is good.
    pub(super) life: Duration,
}

impl Files {
    /// An address at which `shown` can be read for as long as its bucket wants.
    async fn presign(&self, shown: &Shown, bucket: &Bucket, origin: &str) -> Result<Address, FilesError> {
        if !bucket.presigned_urls_enabled {
            return Err(FilesError::PresignedOff);
        }
        meters::count_presigned(1);
        let life = Duration::from_secs(bucket.download_expiration);
        match &self.0.store {
            Store::Disk(_) => Ok(Address { url: contents::address(self, shown, life, origin), life }),
            Store::S3(s3) => {
                let mut headers = object_headers(&shown.name, &shown.media_type);
                headers.cache_control = Some(format!("private, max-age={}", life.as_secs()));
                let presigned = s3.presign(&shown.key, &headers, life).await?;
                Ok(Address { url: presigned.url, life: presigned.life })
            }
        }
    }

    /// Where clients find this server: as it is configured, or as this request calls it.
    pub(super) fn origin(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.0.public_url {
            return url.clone();
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        format!("http://{host}")
    }
}
