//! Tries everything that a server does with its bucket, with an object of a few bytes, and says in words what is
//! missing. What it has put it removes again.

use std::time::{Duration, UNIX_EPOCH};

use base::clock::Clock;
use bytes::Bytes;
use futures::TryStreamExt;
use http::HeaderMap;

use super::setup::{Outcome, Step, Wanted};
use super::{Bucket, Content, Encryption, ObjectHeaders};
use crate::http::{Http, HttpOptions};
use crate::{Again, Error};

/// What is put.
const CONTENT: &[u8] = b"BrainMessenger tries whether it can keep files here. This may be removed.\n";

/// How long an address may be good for that is tried at once.
const LIFE: Duration = Duration::from_mins(5);

/// Tries the bucket with an object called `key`, which must be nobody's, and tells of each step as it is done.
pub async fn check(bucket: &Bucket, wanted: &Wanted, key: &str, clock: &Clock, mut tell: impl FnMut(&Step)) {
    let trial = Trial { bucket, key };
    let put = trial.put().await;
    let (is_put, goes_on) = (put.is_right(), put.is_right() || put.is_denied());
    tell(&put.step("put", &trial.to_write()));
    // Where it is not a right that is missing, every other call would say the same.
    if !goes_on {
        return;
    }
    tell(&trial.list().await.step("list", "s3:ListBucket"));
    if !is_put {
        return;
    }
    tell(&trial.get().await.step("get", &trial.to_read()));
    tell(&trial.encryption().await.step("encryption", &trial.to_read()));
    tell(&trial.absent().await.step("what is not there", "s3:ListBucket"));
    tell(&trial.get_by_address(clock).await.step("get by a signed address", &trial.to_read()));
    if wanted.may_restore {
        tell(&trial.restore().await.step("restore", "s3:RestoreObject"));
    }
    tell(&trial.delete().await.step("delete", "s3:DeleteObject"));
    trial.upload_in_parts(&mut tell).await;
}

/// What came of a step: how it went, or why it did not.
struct Tried(Result<String, Error>);

impl Tried {
    fn is_right(&self) -> bool {
        self.0.is_ok()
    }

    fn is_denied(&self) -> bool {
        matches!(self.0, Err(Error::Store { code: "s3-forbidden", .. }))
    }

    fn step(self, subject: &'static str, rights: &str) -> Step {
        let is_denied = self.is_denied();
        let outcome = match self.0 {
            Ok(detail) => Outcome::Right(detail),
            Err(_) if is_denied => Outcome::Failed(format!("the right {rights} is missing")),
            Err(Error::Store { reason, .. } | Error::Call { reason, .. }) => Outcome::Failed(reason),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        Step { subject, outcome }
    }
}

fn headers() -> ObjectHeaders {
    ObjectHeaders {
        content_type: "text/plain".to_owned(),
        content_disposition: "attachment".to_owned(),
        cache_control: None,
    }
}

struct Trial<'a> {
    bucket: &'a Bucket,
    key: &'a str,
}

impl Trial<'_> {
    /// The rights that putting needs.
    fn to_write(&self) -> String {
        let settings = self.bucket.settings();
        let list = settings.object_acl.is_some().then_some("s3:PutObjectAcl");
        let key = matches!(settings.encryption, Encryption::Kms(_)).then_some("kms:GenerateDataKey");
        [Some("s3:PutObject"), list, key].into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }

    /// The rights that reading needs.
    fn to_read(&self) -> String {
        let key = matches!(self.bucket.settings().encryption, Encryption::Kms(_)).then_some("kms:Decrypt");
        [Some("s3:GetObject"), key].into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }

    async fn put(&self) -> Tried {
        let content = Content::Bytes(Bytes::from_static(CONTENT));
        let put = self.bucket.put(self.key, content, &headers()).await;
        Tried(put.map(|()| format!("{} bytes as {}", CONTENT.len(), self.key)))
    }

    async fn list(&self) -> Tried {
        let listed = self.bucket.list(self.key, None).await;
        Tried(listed.map(|objects| format!("{} by this name", objects.len())))
    }

    async fn get(&self) -> Tried {
        let read = async {
            let object = self.bucket.get(self.key, None).await?;
            let pieces: Vec<Bytes> = object.stream.try_collect().await?;
            same(&pieces.concat())
        };
        Tried(read.await)
    }

    /// Whether it lies there as it was to be kept.
    async fn encryption(&self) -> Tried {
        let asked = async {
            let about = self.bucket.describe(self.key).await?;
            match (about.server_side_encryption(), &self.bucket.settings().encryption) {
                (Some(algorithm), _) => Ok(format!("by {}", algorithm.as_str())),
                (None, Encryption::Unasked) => Ok("as the store does by itself (AWS_S3_SSE=none)".to_owned()),
                (None, _) => {
                    let reason = "the store does not say that it encrypts; AWS_S3_SSE=none if it need not";
                    Err(Error::Store {
                        code: "s3-unexpected",
                        reason: reason.to_owned(),
                        again: Again::Never,
                    })
                }
            }
        };
        Tried(asked.await)
    }

    /// What is not there must not look like what is forbidden.
    async fn absent(&self) -> Tried {
        let asked = self.bucket.head(&format!("{}-is-not-there", self.key)).await;
        Tried(match asked {
            Err(Error::ObjectMissing) => Ok("what is not there is told from what is forbidden".to_owned()),
            Ok(_) => same(b""),
            Err(error) => Err(error),
        })
    }

    /// As browsers do it: without keys, by an address that is signed.
    async fn get_by_address(&self, clock: &Clock) -> Tried {
        let read = async {
            let now = UNIX_EPOCH + Duration::from_secs(clock.unix_seconds().unsigned_abs());
            let signed = self.bucket.presign_get(self.key, &headers(), LIFE, now).await?;
            let options = HttpOptions { max_answer_bytes: 64 * 1024, ..HttpOptions::default() };
            let http = Http::new("s3-address", options)?;
            match http.get(&signed.url, HeaderMap::new()).await {
                Ok(answer) => same(answer.body()),
                Err(Error::Call { service, reason, again }) => {
                    let host =
                        signed.url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
                    let reason = format!("{}: {reason}", host.unwrap_or_default());
                    Err(Error::Call { service, reason, again })
                }
                Err(error) => Err(error),
            }
        };
        Tried(read.await)
    }

    async fn restore(&self) -> Tried {
        let asked = self.bucket.restore(self.key, 1).await;
        Tried(asked.map(|()| "may be asked for".to_owned()))
    }

    async fn delete(&self) -> Tried {
        let deleted = self.bucket.delete(self.key).await;
        Tried(deleted.map(|()| "the object is gone".to_owned()))
    }

    async fn upload_in_parts(&self, tell: &mut impl FnMut(&Step)) {
        let begun = self.bucket.begin_upload(self.key, &headers()).await;
        let id = begun.as_ref().ok().cloned();
        tell(&Tried(begun.map(|_| "begun".to_owned())).step("upload in parts", &self.to_write()));
        let Some(id) = id else { return };
        let parts = self.bucket.parts(self.key, &id).await.map(|_| "listed".to_owned());
        tell(&Tried(parts).step("parts of an upload", "s3:ListMultipartUploadParts"));
        let ended = self.bucket.abort_upload(self.key, &id).await.map(|()| "given up".to_owned());
        tell(&Tried(ended).step("end of an upload", "s3:AbortMultipartUpload"));
    }
}

fn same(read: &[u8]) -> Result<String, Error> {
    if read == CONTENT {
        return Ok("the same bytes".to_owned());
    }
    let reason = "what was read is not what was put".to_owned();
    Err(Error::Store { code: "s3-unexpected", reason, again: Again::Never })
}
