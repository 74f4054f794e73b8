//! Objects go into the bucket: small ones by one request, large ones in parts. What the store keeps is what was to
//! be sent, or there is an error; an object that is there already is never written over.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, Length, SdkBody};
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::fault::{Fault, Kind};
use super::meters::{Operation, Way};
use super::{Bucket, Encryption, meters};
use crate::Error;

/// Up to so many bytes go by one request.
const ONE_REQUEST: u64 = 64 * 1024 * 1024;

/// The piece of a file that is in memory at a time.
const PIECE: usize = 256 * 1024;

/// The name, among an object's own, of the hash that it was put with: it tells our own earlier success from another's
/// object at stores that keep no checksums.
pub(super) const HASH: &str = "sha256";

/// What an object is called and served as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Disposition`.
    pub content_disposition: String,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
}

/// What goes into an object.
#[derive(Clone, Debug)]
pub enum Content {
    /// A file, which nobody changes meanwhile.
    File {
        /// Where it is.
        path: PathBuf,
        /// How long it is, in bytes.
        size: u64,
        /// The hash of it.
        sha256: [u8; 32],
    },
    /// What is in memory.
    Bytes(Bytes),
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        match self {
            Self::File { sha256, .. } => *sha256,
            Self::Bytes(bytes) => Sha256::digest(bytes).into(),
        }
    }

    /// The hash of some of it.
    pub(super) async fn hash_of(&self, offset: u64, length: u64) -> Result<[u8; 32], Fault> {
        let path = match self {
            Self::File { path, .. } => path.clone(),
            Self::Bytes(bytes) => return Ok(Sha256::digest(&bytes[within(bytes, offset, length)]).into()),
        };
        let hashed = tokio::task::spawn_blocking(move || hash_file(&path, offset, length)).await;
        hashed.ok().and_then(Result::ok).ok_or_else(|| Fault::new(Kind::ContentUnreadable))
    }

    /// Some of it as a body, which is read from its beginning at every try.
    pub(super) async fn body(&self, offset: u64, length: u64) -> Result<SdkBody, Fault> {
        match self {
            Self::File { path, .. } => {
                let stream = ByteStream::read_from()
                    .path(path)
                    .offset(offset)
                    .length(Length::Exact(length))
                    .buffer_size(PIECE)
                    .build()
                    .await;
                stream.map(ByteStream::into_inner).map_err(|_| Fault::new(Kind::ContentUnreadable))
            }
            Self::Bytes(bytes) => Ok(SdkBody::from(bytes.slice(within(bytes, offset, length)))),
        }
    }
}

impl Bucket {
    /// Puts an object; it is kept when this returns. A large one goes in parts, of which nothing is left if it fails.
    ///
    /// [`Error::ObjectExists`] where another object has the key; one with the same content is a success, for an
    /// earlier try's answer may have been lost.
    pub async fn put(&self, key: &str, content: Content, headers: &ObjectHeaders) -> Result<(), Error> {
        let size = content.size();
        let hash = content.hash();
        let put = if size > ONE_REQUEST {
            self.put_parts(key, &content, headers).await
        } else {
            self.put_whole(key, &content, headers).await
        };
        match put {
            Ok(()) => {
                meters::bytes(Way::Out, size);
                Ok(())
            }
            Err(fault) if *fault.kind() == Kind::ObjectExists => {
                let there = self.describe(key).await?;
                if is_same(&there, size, &hash) { Ok(()) } else { Err(Error::ObjectExists) }
            }
            // An earlier try was still at work when the last one came, and may have ended since.
            Err(fault) if *fault.kind() == Kind::Conflict => match self.describe(key).await {
                Ok(there) if is_same(&there, size, &hash) => Ok(()),
                _ => Err(fault.into()),
            },
            Err(fault) => Err(fault.into()),
        }
    }

    async fn put_whole(&self, key: &str, content: &Content, headers: &ObjectHeaders) -> Result<(), Fault> {
        let body = content.body(0, content.size()).await?;
        let checksum = STANDARD.encode(content.hash());
        let first = self.manner();
        let mut manner = first;
        loop {
            let send = |client: Client| {
                let body = body.try_clone().map_or_else(ByteStream::default, ByteStream::new);
                let (encryption, kms_key) = self.encryption();
                client
                    .put_object()
                    .bucket(&self.0.settings.bucket)
                    .key(key)
                    .set_if_none_match(manner.condition())
                    .content_type(&headers.content_type)
                    .content_disposition(&headers.content_disposition)
                    .set_cache_control(headers.cache_control.clone())
                    .content_length(i64::try_from(content.size()).unwrap_or(i64::MAX))
                    .checksum_sha256(&checksum)
                    .metadata(HASH, hex(&content.hash()))
                    .set_server_side_encryption(encryption)
                    .set_ssekms_key_id(kms_key)
                    .set_acl(manner.acl(&self.0.settings))
                    .body(body)
                    .send()
            };
            match self.call(Operation::Put, send).await {
                Ok(_) => {
                    self.learn(first, manner);
                    return Ok(());
                }
                Err(fault) => manner = manner.without(&fault).ok_or(fault)?,
            }
        }
    }

    pub(super) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.0.settings.encryption {
            Encryption::Unasked => (None, None),
            Encryption::Store => (Some(ServerSideEncryption::Aes256), None),
            Encryption::Kms(key) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }
}

fn within(bytes: &Bytes, offset: u64, length: u64) -> Range<usize> {
    let end = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    end(offset)..end(offset + length)
}

fn hash_file(path: &Path, offset: u64, length: u64) -> std::io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut some = file.take(length);
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match some.read(&mut piece)? {
            0 => return Ok(hash.finalize().into()),
            length => hash.update(&piece[..length]),
        }
    }
}

/// Whether the object that is there is the one that was to be put.
fn is_same(there: &HeadObjectOutput, size: u64, hash: &[u8; 32]) -> bool {
    let noted = there.metadata().and_then(|metadata| metadata.get(HASH));
    there.content_length().and_then(|size| u64::try_from(size).ok()) == Some(size)
        && noted.is_some_and(|noted| *noted == hex(hash))
}

pub(super) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(2 * hash.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
