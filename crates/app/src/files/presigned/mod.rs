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

/// Addresses that are made within this time are the same, so that a browser that has a file by one need not fetch it
/// again by the next: in seconds, and not more than a sixth of what they are good for.
const ROUND: u64 = 10 * 60;

/// S3 takes no longer life.
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

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
    /// An address at which `shown` can be read for at least as long as its bucket wants, if the keys live as long.
    async fn presign(&self, shown: &Shown, bucket: &Bucket, origin: &str) -> Result<Address, FilesError> {
        if !bucket.presigned_urls_enabled {
            return Err(FilesError::PresignedOff);
        }
        meters::count_presigned(1);
        let wanted = bucket.download_expiration;
        let round = (wanted / 6).clamp(1, ROUND);
        let now = self.now().unsigned_abs();
        let start = now - now % round;
        let passed = Duration::from_secs(now - start);
        let life = Duration::from_secs(wanted.saturating_add(round)).min(LONGEST_LIFE);
        match &self.0.store {
            Store::Disk(_) => {
                let url = contents::address(self, shown, start.cast_signed(), life, origin);
                Ok(Address { url, life: life.saturating_sub(passed) })
            }
            Store::S3(s3) => {
                let mut headers = object_headers(&shown.name, &shown.media_type);
                headers.cache_control = Some(format!("private, max-age={wanted}"));
                let presigned = s3.presign(&shown.key, &headers, life, start).await?;
                if let Some(left) = presigned.life.checked_sub(passed).filter(|left| !left.is_zero()) {
                    return Ok(Address { url: presigned.url, life: left });
                }
                // The keys were good then, and may not be now: with the right time that is told.
                let presigned = s3.presign(&shown.key, &headers, life, now).await?;
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
