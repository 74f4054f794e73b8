//! Addresses that are good for one thing and for a while: whoever has one reads an object, or puts one part of an
//! upload, without keys. They never outlive the keys that they were signed with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Bucket;
use super::fault::{Fault, Kind};
use super::keys::KeyRing;
use super::meters::{self, Class};
use super::put::ObjectHeaders;
use crate::Error;

/// S3 takes no longer life.
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

/// An address to read an object by.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// Where. It is a secret.
    pub url: String,
    /// How long it is good, from `now`: whole seconds.
    pub life: Duration,
}

/// An address to put a part by.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPart {
    /// Where to `PUT` it. It is a secret.
    pub url: String,
    /// What has to be sent with it, exactly so.
    pub headers: Vec<(String, String)>,
    /// How long it is good, from `now`: whole seconds.
    pub life: Duration,
}

/// A client that signs with these keys, whatever becomes of the key ring.
#[derive(Debug)]
pub(super) struct Signer {
    keys: Credentials,
    client: Client,
}

impl Bucket {
    /// An address to read an object by, which is served with these headers. Whether the object exists is not asked.
    pub async fn presign_get(
        &self,
        key: &str,
        headers: &ObjectHeaders,
        life: Duration,
        now: SystemTime,
    ) -> Result<Presigned, Error> {
        let (client, life) = self.signer(life, now).await?;
        let request = client
            .get_object()
            .bucket(&self.0.settings.bucket)
            .key(key)
            .response_content_type(&headers.content_type)
            .response_content_disposition(&headers.content_disposition)
            .set_response_cache_control(headers.cache_control.clone());
        let signed = request.presigned(terms(life, now)?).await;
        let signed = signed.map_err(|error| Fault::read(&error))?;
        meters::signed(Class::Get);
        Ok(Presigned { url: signed.uri().to_owned(), life })
    }

    /// An address to put a part by: of this size and with this hash, or the store refuses it.
    #[expect(clippy::too_many_arguments, reason = "each of them is signed")]
    pub async fn presign_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u16,
        size: u64,
        sha256: &[u8; 32],
        life: Duration,
        now: SystemTime,
    ) -> Result<PresignedPart, Error> {
        let (client, life) = self.signer(life, now).await?;
        let request = client
            .upload_part()
            .bucket(&self.0.settings.bucket)
            .key(key)
            .upload_id(upload_id)
            .part_number(i32::from(number))
            .content_length(i64::try_from(size).unwrap_or(i64::MAX))
            .checksum_sha256(STANDARD.encode(sha256));
        let signed = request.presigned(terms(life, now)?).await;
        let signed = signed.map_err(|error| Fault::read(&error))?;
        meters::signed(Class::Put);
        Ok(PresignedPart { url: signed.uri().to_owned(), headers: headers(&signed), life })
    }

    /// A client that signs, and for how long it can: it holds the keys that the life fits.
    async fn signer(&self, life: Duration, now: SystemTime) -> Result<(Client, Duration), Fault> {
        let keys = self.0.keys.current().await.map_err(|error| Fault::keys(&error))?;
        let life = KeyRing::life(&keys, now).map_or(life, |left| left.min(life)).min(LONGEST_LIFE);
        let life = Duration::from_secs(life.as_secs());
        if life.is_zero() {
            return Err(Fault::new(Kind::KeysExpired));
        }
        let known = self.0.signer.load();
        if let Some(signer) = known.as_ref().filter(|signer| signer.keys == keys) {
            return Ok((signer.client.clone(), life));
        }
        let config = self.0.public.config().to_builder().credentials_provider(keys.clone()).build();
        let client = Client::from_conf(config);
        self.0.signer.store(Some(Arc::new(Signer { keys, client: client.clone() })));
        Ok((client, life))
    }
}

fn terms(life: Duration, now: SystemTime) -> Result<PresigningConfig, Error> {
    let terms = PresigningConfig::builder().start_time(now).expires_in(life).build();
    terms.map_err(|error| Error::ConfigureStore(error.to_string()))
}

/// What was signed and is not said by the address: the host is.
fn headers(signed: &PresignedRequest) -> Vec<(String, String)> {
    let headers = signed.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
