//! What the store does: a file system's operations, and on top of them what the real store checks and a file system
//! does not: conditions, checksums, whose parts an upload has, what is in the archive.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::SeekFrom;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{FutureExt, TryFutureExt, TryStreamExt};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput,
    ObjectCannedACL, Part, PutObjectInput, PutObjectOutput, RestoreObjectInput, RestoreObjectOutput,
    ServerSideEncryption, StorageClass, StreamingBlob, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::record::{Archived, Book, KnownPart, Upload};
use super::store::Manners;

/// The least size of a part that is not the last.
const LEAST_PART: u64 = 5 * 1024 * 1024;

/// So many bytes of an object are read at a time: the file system's own 4096 make it slower than the network.
const PIECE: usize = 256 * 1024;

/// Among so many turns the keys are spread: who has another key seldom waits.
const TURNS: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Shelf {
    /// Where the buckets are, each a folder.
    folder: Arc<Path>,
    files: Arc<FileSystem>,
    manners: Arc<Mutex<Manners>>,
    book: Arc<Mutex<Book>>,
    /// Putting and completing an object are done one after the other: a condition and its object go together.
    turns: Arc<[tokio::sync::Mutex<()>; TURNS]>,
}

impl Shelf {
    pub(super) fn new(folder: &Path, manners: Arc<Mutex<Manners>>) -> Self {
        let files = Arc::new(FileSystem::new(folder).unwrap());
        let turns = Arc::new(std::array::from_fn(|_| tokio::sync::Mutex::default()));
        Self { folder: folder.into(), files, manners, book: Arc::default(), turns }
    }

    pub(super) fn archive(&self, key: &str) {
        self.book().archive.insert(key.to_owned(), Archived::Away);
    }

    pub(super) fn is_restoring(&self, key: &str) -> bool {
        self.book().archive.get(key) == Some(&Archived::Restoring)
    }

    pub(super) fn finish_restoring(&self, key: &str) {
        self.book().archive.insert(key.to_owned(), Archived::Back);
    }

    pub(super) fn uploads(&self) -> usize {
        self.book().uploads.len()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes that an answer is about.
    async fn bytes(path: &Path, about: &GetObjectOutput) -> S3Result<StreamingBlob> {
        let range =
            about.content_range.as_deref().and_then(|range| range.strip_prefix("bytes ")?.split_once('-'));
        let first = range.map_or("0", |(first, _)| first);
        let mut file = File::open(path).await.map_err(|_| s3_error!(NoSuchKey))?;
        file.seek(SeekFrom::Start(first.parse().unwrap())).await.unwrap();
        let length = about.content_length.and_then(|length| u64::try_from(length).ok()).unwrap();
        Ok(StreamingBlob::wrap(ReaderStream::with_capacity(file.take(length), PIECE)))
    }

    /// Waits until nobody else puts or completes an object with this key.
    async fn turn(&self, key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        self.turns[usize::try_from(hash % TURNS as u64).unwrap()].lock().await
    }

    /// What a bucket's owner may have asked for by a policy: every object says how it is encrypted.
    fn check_encryption(&self, encryption: Option<&ServerSideEncryption>) -> S3Result<()> {
        match (encryption, self.manners().options.refuses_encryption) {
            (Some(_), true) => Err(s3_error!(NotImplemented)),
            (None, false) => Err(s3_error!(AccessDenied)),
            _ => Ok(()),
        }
    }

    fn check(&self, acl: Option<&ObjectCannedACL>, has_condition: bool) -> S3Result<()> {
        let manners = self.manners();
        if manners.options.refuses_acl && acl.is_some_and(|acl| acl.as_str() != "bucket-owner-full-control") {
            return Err(s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs"));
        }
        if manners.options.refuses_conditions && has_condition {
            return Err(s3_error!(NotImplemented));
        }
        Ok(())
    }

    /// The upload's parts, if they are those that the client names.
    fn parts(&self, id: &str, named: &[CompletedPart]) -> S3Result<(bool, Vec<KnownPart>)> {
        let book = self.book();
        let upload = book.uploads.get(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let mut parts = Vec::new();
        for (index, part) in named.iter().enumerate() {
            let number = part.part_number.ok_or_else(|| s3_error!(MalformedXML))?;
            let known = upload.parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
            let checksum = part.checksum_sha256.as_ref();
            if part.e_tag != known.etag
                || (upload.has_checksums && checksum != Some(&STANDARD.encode(known.sha256)))
            {
                return Err(s3_error!(InvalidPart));
            }
            if index + 1 < named.len() && known.size < LEAST_PART {
                return Err(s3_error!(EntityTooSmall));
            }
            parts.push(known.clone());
        }
        Ok((upload.has_checksums, parts))
    }

    /// Makes an object of an upload's parts.
    async fn complete(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.check(None, req.input.if_none_match.is_some())?;
        let _turn = self.turn(&req.input.key).await;
        let (key, id) = (req.input.key.clone(), req.input.upload_id.clone());
        let named = req.input.multipart_upload.as_ref().and_then(|upload| upload.parts.clone());
        let (has_checksums, parts) = self.parts(&id, &named.unwrap_or_default())?;
        req.credentials = None;
        let mut done = self.files.complete_multipart_upload(req).await?;
        let mut book = self.book();
        book.uploads.remove(&id);
        if has_checksums {
            let all = parts.iter().fold(Sha256::new(), |all, part| all.chain_update(part.sha256));
            let checksum = format!("{}-{}", STANDARD.encode(all.finalize()), parts.len());
            book.checksums.insert(key, checksum.clone());
            let answer = done.output.future.take();
            done.output.future = answer.map(|answer| {
                let told = answer.map_ok(|output| CompleteMultipartUploadOutput {
                    checksum_sha256: Some(checksum),
                    ..output
                });
                told.boxed()
            });
        }
        Ok(done)
    }
}

#[async_trait::async_trait]
impl S3 for Shelf {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.check(req.input.acl.as_ref(), req.input.if_none_match.is_some())?;
        self.check_encryption(req.input.server_side_encryption.as_ref())?;
        let _turn = self.turn(&req.input.key).await;
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        let encryption = req.input.server_side_encryption.clone();
        let put = self.files.put_object(req).await;
        if let Err(error) = &put
            && *error.code() == s3s::S3ErrorCode::BadDigest
        {
            // A file system finds out when the file is there.
            let input = DeleteObjectInput { bucket, key, ..Default::default() };
            self.files.delete_object(request(input)).await?;
        }
        let mut put = put?;
        put.output.server_side_encryption = encryption;
        Ok(put)
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let archived = self.book().archive.get(&req.input.key).copied();
        if matches!(archived, Some(Archived::Away | Archived::Restoring)) {
            return Err(s3_error!(
                InvalidObjectState,
                "The operation is not valid for the object's storage class"
            ));
        }
        let input = &req.input;
        let (wanted, kind) = (input.if_match.clone(), input.response_content_type.clone());
        let disposition = input.response_content_disposition.clone();
        let cache = input.response_cache_control.clone();
        let path = self.folder.join(&input.bucket).join(&input.key);
        let mut got = self.files.get_object(req).await?;
        if let Some(ETagCondition::ETag(wanted)) = wanted
            && got.output.e_tag.as_ref() != Some(&wanted)
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let output = &mut got.output;
        output.body = Some(Self::bytes(&path, output).await?);
        output.content_type = kind.or(output.content_type.take());
        output.content_disposition = disposition.or(output.content_disposition.take());
        output.cache_control = cache.or(output.cache_control.take());
        Ok(got)
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let key = req.input.key.clone();
        let mut about = self.files.head_object(req).await?;
        if !self.manners().options.refuses_encryption {
            about.output.server_side_encryption = Some(ServerSideEncryption::from_static("AES256"));
        }
        let book = self.book();
        if let Some(checksum) = book.checksums.get(&key) {
            about.output.checksum_sha256 = Some(checksum.clone());
        }
        let restore = match book.archive.get(&key) {
            None => return Ok(about),
            Some(Archived::Away) => None,
            Some(Archived::Restoring) => Some(r#"ongoing-request="true""#),
            Some(Archived::Back) => {
                Some(r#"ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT""#)
            }
        };
        about.output.storage_class = Some(StorageClass::from_static("GLACIER"));
        about.output.restore = restore.map(ToOwned::to_owned);
        Ok(about)
    }

    async fn restore_object(
        &self,
        req: S3Request<RestoreObjectInput>,
    ) -> S3Result<S3Response<RestoreObjectOutput>> {
        let mut book = self.book();
        match book.archive.get_mut(&req.input.key) {
            None => {
                Err(s3_error!(InvalidObjectState, "Restore is not allowed for the object's storage class"))
            }
            Some(Archived::Restoring) => Err(s3_error!(RestoreAlreadyInProgress)),
            Some(state) => {
                *state = if *state == Archived::Away { Archived::Restoring } else { *state };
                Ok(S3Response::new(RestoreObjectOutput::default()))
            }
        }
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.book().checksums.remove(&req.input.key);
        self.files.delete_object(req).await
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(req).await
    }

    async fn create_multipart_upload(
        &self,
        mut req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.check(req.input.acl.as_ref(), false)?;
        self.check_encryption(req.input.server_side_encryption.as_ref())?;
        let has_checksums =
            req.input.checksum_algorithm.is_some() && !self.manners().options.ignores_checksums;
        let key = req.input.key.clone();
        // An upload belongs to the bucket's owner, not to the keys that began it.
        req.credentials = None;
        let begun = self.files.create_multipart_upload(req).await?;
        let id = begun.output.upload_id.clone().unwrap_or_default();
        self.book().uploads.insert(id, Upload { key, has_checksums, parts: BTreeMap::new() });
        Ok(begun)
    }

    async fn upload_part(
        &self,
        mut req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let ignores_checksums = self.manners().options.ignores_checksums;
        let (id, number) = (req.input.upload_id.clone(), req.input.part_number);
        let wanted = req.input.checksum_sha256.take();
        let is_there = self.book().uploads.get(&id).is_some_and(|upload| upload.key == req.input.key);
        if !is_there {
            return Err(s3_error!(NoSuchUpload));
        }
        let seen = Arc::new(Mutex::new((Sha256::new(), 0u64)));
        let body = req.input.body.take().ok_or_else(|| s3_error!(IncompleteBody))?;
        let watched = Arc::clone(&seen);
        let body = body.map_err(std::io::Error::other).inspect_ok(move |bytes| {
            let mut seen = watched.lock().unwrap_or_else(PoisonError::into_inner);
            seen.0.update(bytes);
            seen.1 += bytes.len() as u64;
        });
        req.input.body = Some(StreamingBlob::wrap(body));
        req.credentials = None;
        let mut put = self.files.upload_part(req).await?;
        let (hash, size) = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sha256: [u8; 32] = hash.finalize().into();
        let encoded = STANDARD.encode(sha256);
        if !ignores_checksums && wanted.as_ref().is_some_and(|wanted| *wanted != encoded) {
            return Err(s3_error!(BadDigest, "The SHA256 you specified did not match what we received"));
        }
        let part = KnownPart { size, etag: put.output.e_tag.clone(), sha256 };
        put.output.checksum_sha256 = wanted.filter(|_| !ignores_checksums);
        let mut book = self.book();
        let upload = book.uploads.get_mut(&id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(number, part);
        Ok(put)
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        const PAGE: usize = 3;
        let book = self.book();
        let upload = book.uploads.get(&req.input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let after = req.input.part_number_marker.unwrap_or(0);
        let mut rest = upload.parts.range(after + 1..).peekable();
        let part = |(number, part): (&i32, &KnownPart)| Part {
            part_number: Some(*number),
            size: i64::try_from(part.size).ok(),
            e_tag: part.etag.clone(),
            checksum_sha256: upload.has_checksums.then(|| STANDARD.encode(part.sha256)),
            ..Default::default()
        };
        let page: Vec<Part> = rest.by_ref().take(PAGE).map(part).collect();
        let output = ListPartsOutput {
            is_truncated: Some(rest.peek().is_some()),
            next_part_number_marker: page.last().and_then(|part| part.part_number),
            parts: Some(page),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        // It is done to its end, whether the client waits for that or not.
        let here = self.clone();
        tokio::spawn(async move { here.complete(req).await }).await.unwrap()
    }

    async fn abort_multipart_upload(
        &self,
        mut req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        if self.book().uploads.remove(&req.input.upload_id).is_none() {
            return Err(s3_error!(NoSuchUpload));
        }
        req.credentials = None;
        self.files.abort_multipart_upload(req).await
    }
}

/// A request of the store's own.
fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: http::Method::GET,
        uri: http::Uri::default(),
        headers: http::HeaderMap::new(),
        extensions: http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}
