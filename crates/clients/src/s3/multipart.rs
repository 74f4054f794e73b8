//! Uploads in parts: our own of large objects, and those that a client makes by itself with signed addresses.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, TryStreamExt};

use super::Bucket;
use tokio::runtime::Handle;

use super::fault::{Fault, Kind};
use super::meters::Operation;
use super::put::{Content, HASH, ObjectHeaders, hex};
use crate::Error;

/// The size of our own parts, in bytes.
const PART: u64 = 16 * 1024 * 1024;

/// So many of our own parts are on their way at once.
const AT_ONCE: usize = 4;

/// A part as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u16,
    /// In bytes.
    pub size: u64,
    /// The store's name for its content.
    pub etag: String,
}

/// A part that is to become part of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// From 1.
    pub number: u16,
    /// As [`Bucket::parts`] tells it.
    pub etag: String,
    /// The hash that it was signed for.
    pub sha256: [u8; 32],
}

/// What the store says of an object whose parts it has put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The SHA-256 of the parts' SHA-256, in base64, `-` and their number, where the store keeps one.
    pub checksum: Option<String>,
}

/// An upload that is given up where whoever made it is gone.
struct Unfinished(Option<(Bucket, String, String)>);

impl Unfinished {
    fn settle(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some((bucket, key, upload_id)) = self.0.take() else { return };
        if let Ok(runtime) = Handle::try_current() {
            // What cannot be removed now, the bucket's own rule removes after a week.
            runtime.spawn(async move { bucket.abort_upload(&key, &upload_id).await });
        }
    }
}

impl Bucket {
    /// Begins an upload in parts; its id. Parts carry their SHA-256, which the store compares.
    pub async fn begin_upload(&self, key: &str, headers: &ObjectHeaders) -> Result<String, Error> {
        Ok(self.begin(key, headers, None).await?)
    }

    /// The parts that the store has, in their order.
    pub async fn parts(&self, key: &str, upload_id: &str) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let send = |client: Client| {
                client
                    .list_parts()
                    .bucket(&self.0.settings.bucket)
                    .key(key)
                    .upload_id(upload_id)
                    .set_part_number_marker(marker.clone())
                    .send()
            };
            let page = self.call(Operation::ListParts, send).await?;
            let part = |part: &aws_sdk_s3::types::Part| {
                Some(Part {
                    number: u16::try_from(part.part_number()?).ok()?,
                    size: u64::try_from(part.size()?).ok()?,
                    etag: part.e_tag().unwrap_or_default().to_owned(),
                })
            };
            parts.extend(page.parts().iter().filter_map(part));
            let next = page.next_part_number_marker().map(ToOwned::to_owned);
            if page.is_truncated() != Some(true) || next.is_none() || next == marker {
                break;
            }
            marker = next;
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Makes the object of its parts. Done twice, it is a success twice.
    pub async fn complete_upload(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Completed, Error> {
        let listed = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(i32::from(part.number))
                .e_tag(&part.etag)
                .checksum_sha256(STANDARD.encode(part.sha256))
                .build()
        });
        let listed = CompletedMultipartUpload::builder().set_parts(Some(listed.collect())).build();
        match self.complete(key, upload_id, listed).await {
            Ok(done) => Ok(Completed { checksum: done.checksum_sha256 }),
            // An earlier try's answer may have been lost: the upload is gone then, and the object is there.
            Err(fault)
                if matches!(fault.kind(), Kind::UploadMissing | Kind::ObjectExists | Kind::Conflict) =>
            {
                let there = self.describe(key).await.map_err(|_| fault)?;
                Ok(Completed { checksum: there.checksum_sha256 })
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Gives an upload up, so that its parts are removed. One that is not there is given up already.
    pub async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), Error> {
        let bucket = &self.0.settings.bucket;
        let send = |client: Client| {
            client.abort_multipart_upload().bucket(bucket).key(key).upload_id(upload_id).send()
        };
        match self.call(Operation::AbortUpload, send).await {
            Ok(_) => Ok(()),
            Err(fault) if *fault.kind() == Kind::UploadMissing => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Puts a large object in parts, some at once; nothing is left of them if one fails, or if nobody waits any more.
    pub(super) async fn put_parts(
        &self,
        key: &str,
        content: &Content,
        headers: &ObjectHeaders,
    ) -> Result<(), Fault> {
        let upload_id = self.begin(key, headers, Some(content.hash())).await?;
        let unfinished = Unfinished(Some((self.clone(), key.to_owned(), upload_id.clone())));
        let parts = self.send_parts(key, &upload_id, content).await;
        let put = match parts {
            Ok(parts) => {
                let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
                self.complete(key, &upload_id, parts).await.map(drop)
            }
            Err(fault) => Err(fault),
        };
        unfinished.settle();
        match put {
            Ok(()) => Ok(()),
            // The upload is gone: an earlier try's answer was lost, and the object tells.
            Err(fault) if *fault.kind() == Kind::UploadMissing => Err(Fault::new(Kind::ObjectExists)),
            Err(fault) => {
                // What cannot be removed now, the bucket's own rule removes after a week.
                let _ = self.abort_upload(key, &upload_id).await;
                Err(fault)
            }
        }
    }

    async fn send_parts(
        &self,
        key: &str,
        upload_id: &str,
        content: &Content,
    ) -> Result<Vec<CompletedPart>, Fault> {
        let size = content.size();
        let numbers = 0..size.div_ceil(PART);
        let sent = futures::stream::iter(numbers.map(|index| {
            let length = PART.min(size - index * PART);
            self.send_part(key, upload_id, index, content, length)
        }));
        let mut parts: Vec<CompletedPart> = sent.buffer_unordered(AT_ONCE).try_collect().await?;
        parts.sort_by_key(|part| part.part_number);
        Ok(parts)
    }

    async fn send_part(
        &self,
        key: &str,
        upload_id: &str,
        index: u64,
        content: &Content,
        length: u64,
    ) -> Result<CompletedPart, Fault> {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        let checksum = STANDARD.encode(content.hash_of(index * PART, length).await?);
        let body = content.body(index * PART, length).await?;
        let send = |client: Client| {
            client
                .upload_part()
                .bucket(&self.0.settings.bucket)
                .key(key)
                .upload_id(upload_id)
                .part_number(number)
                .content_length(i64::try_from(length).unwrap_or(i64::MAX))
                .checksum_sha256(&checksum)
                .body(body.try_clone().map_or_else(ByteStream::default, ByteStream::new))
                .send()
        };
        let put = self.call(Operation::PutPart, send).await?;
        let part = CompletedPart::builder().part_number(number).checksum_sha256(checksum);
        Ok(part.set_e_tag(put.e_tag).build())
    }

    async fn begin(
        &self,
        key: &str,
        headers: &ObjectHeaders,
        hash: Option<[u8; 32]>,
    ) -> Result<String, Fault> {
        let first = self.manner().unconditional();
        let mut manner = first;
        loop {
            let send = |client: Client| {
                let (encryption, kms_key) = self.encryption();
                client
                    .create_multipart_upload()
                    .bucket(&self.0.settings.bucket)
                    .key(key)
                    .content_type(&headers.content_type)
                    .content_disposition(&headers.content_disposition)
                    .set_cache_control(headers.cache_control.clone())
                    .checksum_algorithm(ChecksumAlgorithm::Sha256)
                    .set_metadata(hash.map(|hash| HashMap::from([(HASH.to_owned(), hex(&hash))])))
                    .set_server_side_encryption(encryption)
                    .set_ssekms_key_id(kms_key)
                    .set_acl(manner.acl(&self.0.settings))
                    .send()
            };
            match self.call(Operation::BeginUpload, send).await {
                Ok(begun) => {
                    self.learn(first, manner);
                    return begun.upload_id.ok_or_else(|| Fault::new(Kind::Unexpected));
                }
                Err(fault) => manner = manner.without(&fault).ok_or(fault)?,
            }
        }
    }

    async fn complete(
        &self,
        key: &str,
        upload_id: &str,
        parts: CompletedMultipartUpload,
    ) -> Result<CompleteMultipartUploadOutput, Fault> {
        let first = self.manner();
        let mut manner = first;
        loop {
            let send = |client: Client| {
                client
                    .complete_multipart_upload()
                    .bucket(&self.0.settings.bucket)
                    .key(key)
                    .upload_id(upload_id)
                    .set_if_none_match(manner.condition())
                    .multipart_upload(parts.clone())
                    .send()
            };
            match self.call(Operation::CompleteUpload, send).await {
                Ok(done) => {
                    self.learn(first, manner);
                    return Ok(done);
                }
                Err(fault) => manner = manner.without(&fault).ok_or(fault)?,
            }
        }
    }
}
