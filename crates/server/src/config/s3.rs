//! temporary
use clap::Args;
use clients::s3::{Bucket, Encryption, Keys, Settings};
use secrecy::SecretString;
use std::time::Duration;
#[derive(Debug, Args)]
pub(crate) struct S3Config {
    #[arg(long, env = "AWS_S3_BUCKET")]
    pub(crate) s3_bucket: Option<String>,
    #[arg(long, env = "AWS_REGION")]
    pub(crate) s3_region: Option<String>,
    #[arg(long, env = "AWS_ENDPOINT_URL_S3")]
    pub(crate) s3_endpoint: Option<String>,
    #[arg(long, env = "AWS_S3_OBJECT_ACL")]
    pub(crate) s3_object_acl: Option<String>,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", default_value = "")]
    pub(crate) s3_key: String,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", default_value = "")]
    pub(crate) s3_secret: SecretString,
    #[arg(long, env = "AWS_S3_FORCE_PATH_STYLE", default_value_t=false, action = clap::ArgAction::Set)]
    pub(crate) s3_path_style: bool,
    #[arg(long, env = "AWS_S3_SSE")]
    pub(crate) s3_sse: Option<String>,
    #[arg(long, env = "AWS_S3_SSE_KMS_KEY_ID")]
    pub(crate) s3_kms: Option<String>,
}
impl S3Config {
    pub(crate) fn bucket(&self) -> Result<Option<Bucket>, clients::Error> {
        let Some(bucket) = self.s3_bucket.clone() else { return Ok(None) };
        let settings = Settings {
            bucket,
            region: self.s3_region.clone().unwrap_or_default(),
            endpoint: self.s3_endpoint.clone(),
            public_endpoint: None,
            path_style: self.s3_path_style,
            object_acl: self.s3_object_acl.clone(),
            encryption: if self.s3_sse.as_deref() == Some("aws:kms") {
                Encryption::Kms(self.s3_kms.clone())
            } else {
                Encryption::Store
            },
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            attempts: 3,
        };
        Bucket::open(
            settings,
            Keys::Given {
                access_key_id: self.s3_key.clone(),
                secret_access_key: self.s3_secret.clone(),
                session_token: None,
            },
        )
        .map(Some)
    }
}
