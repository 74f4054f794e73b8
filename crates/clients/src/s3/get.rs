//! Objects are read: in a stream, which goes on with the rest where the connection breaks.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::stream::{self, BoxStream};

use super::fault::{Fault, Kind};
use super::meters::{Operation, Way};
use super::{Archive, Bucket, meters};
use crate::Error;

/// So often in all a stream goes on after its connection broke.
const RESUMES: u32 = 16;

/// An object, or the part of it that was asked for.
pub struct Object {
    /// How much is sent, in bytes.
    pub size: u64,
    /// The bytes. An error ends it.
    pub stream: BoxStream<'static, Result<Bytes, Error>>,
}

/// Where a stream is.
struct Reading {
    bucket: Bucket,
    key: String,
    /// What was read first must be what is read later; without it the stream does not go on.
    etag: Option<String>,
    /// The next byte, and the last one.
    next: u64,
    last: u64,
    body: ByteStream,
    resumes: u32,
}

impl Bucket {
    /// Reads an object, or the bytes from `first` to `last` of it, both included.
    ///
    /// [`Error::ObjectMissing`], [`Error::ObjectArchived`] and others come at once; what happens later is in the stream.
    pub async fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Object, Error> {
        let answer = match self.open_body(key, range, None).await {
            Err(fault) if matches!(fault.kind(), Kind::ObjectArchived { .. }) => {
                let state = self.head(key).await?;
                return Err(Error::ObjectArchived { restoring: state.archive == Archive::Restoring });
            }
            answer => answer?,
        };
        // Without it nobody could tell an object from a part of one.
        let size = answer.content_length.and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| Fault::new(Kind::Unexpected))?;
        let first = range.map_or(0, |(first, _)| first);
        let reading = Reading {
            bucket: self.clone(),
            key: key.to_owned(),
            etag: answer.e_tag,
            next: first,
            last: (first + size).saturating_sub(1),
            body: answer.body,
            resumes: 0,
        };
        let stream = stream::unfold(Some(reading), |reading| async {
            let mut reading = reading?;
            match reading.piece().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(reading))),
                Ok(None) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        let stream: BoxStream<'static, _> =
            if size == 0 { Box::pin(stream::empty()) } else { Box::pin(stream) };
        Ok(Object { size, stream })
    }

    async fn open_body(
        &self,
        key: &str,
        range: Option<(u64, u64)>,
        etag: Option<&str>,
    ) -> Result<aws_sdk_s3::operation::get_object::GetObjectOutput, Fault> {
        let send = |client: Client| {
            client
                .get_object()
                .bucket(&self.0.settings.bucket)
                .key(key)
                .set_range(range.map(|(first, last)| format!("bytes={first}-{last}")))
                .set_if_match(etag.map(ToOwned::to_owned))
                .send()
        };
        let answer = self.call(Operation::Get, send).await?;
        let begins = |(first, _)| {
            answer.content_range.as_ref().is_some_and(|told| told.starts_with(&format!("bytes {first}-")))
        };
        // A store that does not know ranges sends the whole.
        if range.is_none_or(begins) { Ok(answer) } else { Err(Fault::new(Kind::Unexpected)) }
    }
}

impl Reading {
    /// The next piece; `None` when all is read.
    async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        while self.next <= self.last {
            match self.body.next().await {
                Some(Ok(piece)) if !piece.is_empty() => {
                    self.next += piece.len() as u64;
                    meters::bytes(Way::In, piece.len() as u64);
                    return Ok(Some(piece));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => self.resume().await?,
            }
        }
        Ok(None)
    }

    /// Asks for the rest.
    async fn resume(&mut self) -> Result<(), Fault> {
        let Some(etag) = self.etag.as_deref().filter(|_| self.resumes < RESUMES) else {
            return Err(Fault::new(Kind::Broken));
        };
        self.resumes += 1;
        let range = Some((self.next, self.last));
        match self.bucket.open_body(&self.key, range, Some(etag)).await {
            Ok(answer) => {
                self.body = answer.body;
                Ok(())
            }
            Err(fault) if *fault.kind() == Kind::ObjectExists => Err(Fault::new(Kind::ObjectChanged)),
            Err(fault) => Err(fault),
        }
    }
}
