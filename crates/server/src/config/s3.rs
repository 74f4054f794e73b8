//! The settings of files in S3, under the names that Amazon's own programs have for them. They mean nothing until a
//! bucket is named: a developer's machine may have half of them set for something else.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use clients::http::is_safe_address;
use clients::s3::{Bucket, Encryption, Keys, Machine, Settings, WebIdentity};
use secrecy::SecretString;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Exit;

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

const EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";

/// The variables that may change while the server runs.
pub(super) const KEY_VARIABLES: &[&str] = &[KEY_ID, SECRET, TOKEN, EXPIRATION];

/// How AWS calls encryption with keys of KMS.
const KMS: &str = "aws:kms";

/// A bucket for files.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Files in S3")]
pub(crate) struct S3Config {
    /// The bucket that files are kept in; without one they are in `BRAIN_DATA_DIR`
    #[arg(long, env = "AWS_S3_BUCKET", value_name = "NAME")]
    pub(crate) aws_s3_bucket: Option<String>,
    /// The bucket's region
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    pub(crate) aws_region: Option<String>,
    /// The region where `AWS_REGION` is not set
    #[arg(long, env = "AWS_DEFAULT_REGION", value_name = "REGION")]
    pub(crate) aws_default_region: Option<String>,
    /// The public half of the keys; without keys they are the machine's: a profile's, or a role's
    #[arg(long, env = KEY_ID, value_name = "ID")]
    pub(crate) aws_access_key_id: Option<String>,
    /// The secret half of the keys. A changed `.env` is read at SIGHUP
    #[arg(long, env = SECRET, value_name = "SECRET", hide_env_values = true)]
    pub(crate) aws_secret_access_key: Option<SecretString>,
    /// What goes with temporary keys
    #[arg(long, env = TOKEN, value_name = "TOKEN", hide_env_values = true)]
    pub(crate) aws_session_token: Option<SecretString>,
    /// When temporary keys expire (RFC 3339): no signed address is said to live longer
    #[arg(long, env = EXPIRATION, value_name = "TIME")]
    pub(crate) aws_credential_expiration: Option<String>,
    /// The profile whose keys are used
    #[arg(long, env = "AWS_PROFILE", value_name = "NAME")]
    pub(crate) aws_profile: Option<String>,
    /// The file that profiles' keys are in; when it is not set: `~/.aws/credentials`
    #[arg(long, env = "AWS_SHARED_CREDENTIALS_FILE", value_name = "FILE")]
    pub(crate) aws_shared_credentials_file: Option<PathBuf>,
    /// The file that profiles' settings are in; when it is not set: `~/.aws/config`
    #[arg(long, env = "AWS_CONFIG_FILE", value_name = "FILE")]
    pub(crate) aws_config_file: Option<PathBuf>,
    /// The file of a token that a role is given for
    #[arg(long, env = "AWS_WEB_IDENTITY_TOKEN_FILE", value_name = "FILE")]
    pub(crate) aws_web_identity_token_file: Option<PathBuf>,
    /// That role's ARN
    #[arg(long, env = "AWS_ROLE_ARN", value_name = "ARN")]
    pub(crate) aws_role_arn: Option<String>,
    /// What the role's session is called in the account's records
    #[arg(long, env = "AWS_ROLE_SESSION_NAME", value_name = "NAME", default_value = "brainmessenger")]
    pub(crate) aws_role_session_name: String,
    /// Where an instance tells its role's keys, if not at its usual address
    #[arg(long, env = "AWS_EC2_METADATA_SERVICE_ENDPOINT", value_name = "URL")]
    pub(crate) aws_ec2_metadata_service_endpoint: Option<String>,
    /// The store's address, where it is not Amazon's
    #[arg(long, env = "AWS_ENDPOINT_URL_S3", value_name = "URL")]
    pub(crate) aws_endpoint_url_s3: Option<String>,
    /// The store's address where `AWS_ENDPOINT_URL_S3` is not set
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub(crate) aws_endpoint_url: Option<String>,
    /// The store's address as clients reach it, which stands in signed addresses, where it is another one
    #[arg(long, env = "AWS_S3_PUBLIC_ENDPOINT", value_name = "URL")]
    pub(crate) aws_s3_public_endpoint: Option<String>,
    /// Whether the bucket's name stands in the path, as most stores but Amazon's want it
    #[arg(long, env = "AWS_S3_FORCE_PATH_STYLE", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) aws_s3_force_path_style: bool,
    /// The ACL that objects are put with; when it is not set: none, as buckets made since 2023 want it. Public ones
    /// are refused
    #[arg(long, env = "AWS_S3_OBJECT_ACL", value_name = "ACL", value_parser = ["private", "bucket-owner-full-control"])]
    pub(crate) aws_s3_object_acl: Option<String>,
    /// How the store encrypts: with its own keys, with KMS, or as it does by itself (`none`, for stores that refuse to
    /// be asked)
    #[arg(long, env = "AWS_S3_SSE", value_name = "NAME", default_value = "AES256",
          value_parser = ["AES256", KMS, "none"])]
    pub(crate) aws_s3_sse: String,
    /// The key at KMS; when it is not set: AWS's own for S3
    #[arg(long, env = "AWS_S3_SSE_KMS_KEY_ID", value_name = "ID")]
    pub(crate) aws_s3_sse_kms_key_id: Option<String>,
    /// How long a connection to the store may take to come about, in seconds
    #[arg(long, env = "AWS_S3_CONNECT_TIMEOUT", value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=30))]
    pub(crate) aws_s3_connect_timeout: u16,
    /// How long the store may be silent, in seconds
    #[arg(long, env = "AWS_S3_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u16).range(1..=120))]
    pub(crate) aws_s3_timeout: u16,
    /// How often a call to the store is tried in all
    #[arg(long, env = "AWS_S3_ATTEMPTS", value_name = "TRIES", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) aws_s3_attempts: u8,
    /// Which of the keys' variables the file `.env` does not decide.
    #[arg(skip)]
    kept_elsewhere: Vec<&'static str>,
    /// The folder of the account that the server runs as.
    #[arg(skip)]
    home: Option<PathBuf>,
}

/// Keys as the settings have them.
struct GivenKeys {
    id: Option<String>,
    secret: Option<SecretString>,
    token: Option<SecretString>,
    expiration: Option<String>,
}

impl S3Config {
    /// Notes what stands outside the arguments.
    pub(super) fn settle(&mut self, kept_elsewhere: Vec<&'static str>, home: Option<OsString>) {
        self.kept_elsewhere = kept_elsewhere;
        self.home = home.filter(|home| !home.is_empty()).map(PathBuf::from);
    }

    /// Refuses settings that contradict each other, or are there in part; nothing where no bucket is named.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        let Some(bucket) = &self.aws_s3_bucket else { return Ok(()) };
        if !is_bucket_name(bucket) {
            let what = "no bucket's name: 3 to 63 small letters, digits, hyphens and dots";
            return Err(Exit::wrong("AWS_S3_BUCKET", what));
        }
        match self.region() {
            None => return Err(Exit::wrong("AWS_REGION", "is needed where AWS_S3_BUCKET is set")),
            Some(region) if !is_region(region) => {
                return Err(Exit::wrong("AWS_REGION", "no region's name, such as eu-central-1"));
            }
            Some(_) => {}
        }
        let urls = [
            ("AWS_ENDPOINT_URL_S3", &self.aws_endpoint_url_s3),
            ("AWS_ENDPOINT_URL", &self.aws_endpoint_url),
            ("AWS_S3_PUBLIC_ENDPOINT", &self.aws_s3_public_endpoint),
        ];
        for (name, url) in urls {
            if url.as_ref().is_some_and(|url| !is_safe_address(url)) {
                return Err(Exit::wrong(name, "is no https:// address, and none of this machine's"));
            }
        }
        if self.aws_s3_sse_kms_key_id.is_some() && self.aws_s3_sse != KMS {
            return Err(Exit::wrong("AWS_S3_SSE_KMS_KEY_ID", "is for AWS_S3_SSE=aws:kms alone"));
        }
        if self.aws_web_identity_token_file.is_some() && self.aws_role_arn.is_none() {
            return Err(Exit::wrong("AWS_ROLE_ARN", "is needed where AWS_WEB_IDENTITY_TOKEN_FILE is set"));
        }
        self.keys().map(drop)
    }

    /// The bucket, if files are kept in one. Nobody is called yet.
    pub(crate) fn bucket(&self) -> Result<Option<Bucket>, anyhow::Error> {
        let Some(settings) = self.settings() else { return Ok(None) };
        let keys = self.keys().map_err(|exit| anyhow::anyhow!(exit.message().to_owned()))?;
        Ok(Some(Bucket::open(settings, keys)?))
    }

    /// Where the bucket is, and how it is spoken to.
    pub(crate) fn settings(&self) -> Option<Settings> {
        let encryption = match self.aws_s3_sse.as_str() {
            KMS => Encryption::Kms(self.aws_s3_sse_kms_key_id.clone()),
            "none" => Encryption::Unasked,
            _ => Encryption::Store,
        };
        Some(Settings {
            bucket: self.aws_s3_bucket.clone()?,
            region: self.region()?.to_owned(),
            endpoint: self.aws_endpoint_url_s3.clone().or_else(|| self.aws_endpoint_url.clone()),
            public_endpoint: self.aws_s3_public_endpoint.clone(),
            path_style: self.aws_s3_force_path_style,
            object_acl: self.aws_s3_object_acl.clone(),
            encryption,
            connect_timeout: Duration::from_secs(u64::from(self.aws_s3_connect_timeout)),
            read_timeout: Duration::from_secs(u64::from(self.aws_s3_timeout)),
            attempts: u32::from(self.aws_s3_attempts),
        })
    }

    /// The keys that the server was started with.
    pub(crate) fn keys(&self) -> Result<Keys, Exit> {
        self.keys_of(GivenKeys {
            id: self.aws_access_key_id.clone(),
            secret: self.aws_secret_access_key.clone(),
            token: self.aws_session_token.clone(),
            expiration: self.aws_credential_expiration.clone(),
        })
    }

    /// The keys as `.env` and the profile's file have them now. A variable that was in the environment or an argument
    /// at the start stays what it was.
    pub(crate) fn keys_now(&self) -> Result<Keys, Exit> {
        let read = match dotenvy::dotenv_iter() {
            Ok(lines) => lines.collect::<Result<HashMap<String, String>, _>>(),
            Err(error) if error.not_found() => Ok(HashMap::new()),
            Err(error) => Err(error),
        };
        // What is wrong in the file may be a secret.
        let file = read.map_err(|_| Exit::wrong(".env", "cannot be read"))?;
        self.keys_with(file)
    }

    fn keys_with(&self, mut file: HashMap<String, String>) -> Result<Keys, Exit> {
        let mut read = |name| file.remove(name).filter(|value| !value.is_empty());
        let stays = |name| self.kept_elsewhere.contains(&name);
        let id = if stays(KEY_ID) { self.aws_access_key_id.clone() } else { read(KEY_ID) };
        let secret = if stays(SECRET) {
            self.aws_secret_access_key.clone()
        } else {
            read(SECRET).map(SecretString::from)
        };
        let token =
            if stays(TOKEN) { self.aws_session_token.clone() } else { read(TOKEN).map(SecretString::from) };
        let expiration =
            if stays(EXPIRATION) { self.aws_credential_expiration.clone() } else { read(EXPIRATION) };
        self.keys_of(GivenKeys { id, secret, token, expiration })
    }

    fn keys_of(&self, given: GivenKeys) -> Result<Keys, Exit> {
        let GivenKeys { id, secret, token, expiration } = given;
        match (id, secret, token) {
            (Some(access_key_id), Some(secret_access_key), session_token) => {
                let expires =
                    expiration.as_deref().filter(|_| session_token.is_some()).map(time_of).transpose()?;
                Ok(Keys::Given { access_key_id, secret_access_key, session_token, expires })
            }
            (None, None, None) => Ok(Keys::Machine(self.machine())),
            (None, _, _) => {
                Err(Exit::wrong(KEY_ID, "is needed with the other half of the keys, or none of them"))
            }
            (_, None, _) => {
                Err(Exit::wrong(SECRET, "is needed with the other half of the keys, or none of them"))
            }
        }
    }

    fn machine(&self) -> Machine {
        let of_home = |name: &str| self.home.as_ref().map(|home| home.join(".aws").join(name));
        let identity = self.aws_web_identity_token_file.clone().zip(self.aws_role_arn.clone());
        Machine {
            web_identity: identity.map(|(token_file, role_arn)| WebIdentity {
                token_file,
                role_arn,
                session_name: self.aws_role_session_name.clone(),
            }),
            profile: self.aws_profile.clone(),
            credentials_file: self.aws_shared_credentials_file.clone().or_else(|| of_home("credentials")),
            config_file: self.aws_config_file.clone().or_else(|| of_home("config")),
            instance_endpoint: self.aws_ec2_metadata_service_endpoint.clone(),
        }
    }

    fn region(&self) -> Option<&str> {
        self.aws_region.as_deref().or(self.aws_default_region.as_deref())
    }
}

fn time_of(text: &str) -> Result<SystemTime, Exit> {
    let time = OffsetDateTime::parse(text, &Rfc3339);
    time.map(SystemTime::from).map_err(|_| Exit::wrong(EXPIRATION, "no time as RFC 3339 has it"))
}

/// The rules for names of buckets that S3 has for all of them.
fn is_bucket_name(name: &str) -> bool {
    let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| is_end(byte) || matches!(byte, b'-' | b'.'))
        && bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// It becomes part of a host's name; stores that are not Amazon's have names of their own for it.
fn is_region(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len())
        && name.bytes().all(is_letter)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use secrecy::ExposeSecret;

    use super::super::CommandLine;
    use super::*;

    const BUCKET: &str = "--aws-s3-bucket brain --aws-region eu-central-1";
    const KEYS: &str = "--aws-access-key-id id --aws-secret-access-key hush-hush";

    fn read(arguments: &str) -> S3Config {
        let all = std::iter::once("brainmessenger").chain(arguments.split_whitespace());
        CommandLine::try_parse_from(all).unwrap().config.s3
    }

    fn refused(arguments: &str) -> String {
        let message = read(arguments).check().unwrap_err().message().to_owned();
        message.split(':').next().unwrap().to_owned()
    }

    fn file(lines: &[(&str, &str)]) -> HashMap<String, String> {
        lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn given(keys: Keys) -> (String, String) {
        match keys {
            Keys::Given { access_key_id, secret_access_key, .. } => {
                (access_key_id, secret_access_key.expose_secret().to_owned())
            }
            Keys::Machine(_) => panic!("the machine's"),
        }
    }

    #[test]
    fn without_a_bucket_nothing_means_anything() {
        let config = read("--aws-access-key-id alone --aws-endpoint-url ftp://x --aws-default-region x");
        assert!(config.check().is_ok() && config.bucket().unwrap().is_none());
    }

    #[test]
    fn what_is_missing_or_contradicts_is_named() {
        assert!(read(BUCKET).check().is_ok());
        assert!(read("--aws-s3-bucket brain --aws-default-region auto").check().is_ok());
        assert_eq!(refused("--aws-s3-bucket brain"), "AWS_REGION");
        assert_eq!(refused("--aws-s3-bucket brain --aws-region EU/west"), "AWS_REGION");
        for name in ["ab", "Brain", "brain_1", "-brain", "brain.", "a..b", "10.0.0.1"] {
            let config = read("--aws-region eu-central-1");
            let config = S3Config { aws_s3_bucket: Some(name.to_owned()), ..config };
            assert!(config.check().unwrap_err().message().starts_with("AWS_S3_BUCKET: "), "{name}");
        }
        let cases = [
            ("--aws-access-key-id id", SECRET),
            ("--aws-secret-access-key s", KEY_ID),
            ("--aws-session-token t", KEY_ID),
            ("--aws-endpoint-url-s3 http://store.example.com", "AWS_ENDPOINT_URL_S3"),
            ("--aws-s3-public-endpoint files", "AWS_S3_PUBLIC_ENDPOINT"),
            ("--aws-s3-sse-kms-key-id k", "AWS_S3_SSE_KMS_KEY_ID"),
            ("--aws-web-identity-token-file /t", "AWS_ROLE_ARN"),
        ];
        for (arguments, name) in cases {
            assert_eq!(refused(&format!("{BUCKET} {arguments}")), name);
        }
        let public = ["brainmessenger", "--aws-s3-object-acl", "public-read"];
        assert!(CommandLine::try_parse_from(public).is_err());
    }

    #[test]
    fn settings_become_the_clients() {
        let all =
            "--aws-endpoint-url http://127.0.0.1:9000 --aws-s3-force-path-style true --aws-s3-sse aws:kms";
        let settings = read(&format!("{BUCKET} {all}")).settings().unwrap();
        assert_eq!(settings.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert!(settings.path_style && settings.encryption == Encryption::Kms(None));
        assert_eq!((settings.read_timeout, settings.attempts), (Duration::from_secs(30), 3));
        let config = read(&format!("{BUCKET} {KEYS}"));
        assert!(config.bucket().unwrap().is_some());
        assert!(!format!("{config:?}").contains("hush-hush"));
    }

    #[test]
    fn keys_are_read_anew_unless_they_stand_elsewhere() {
        let mut config = read(&format!("{BUCKET} {KEYS}"));
        let new = || file(&[(KEY_ID, "new"), (SECRET, "newer"), (TOKEN, "")]);
        assert_eq!(given(config.keys_with(new()).unwrap()), ("new".to_owned(), "newer".to_owned()));
        assert!(matches!(config.keys_with(file(&[])), Ok(Keys::Machine(_))));
        assert!(config.keys_with(file(&[(KEY_ID, "new")])).is_err());
        config.settle(vec![KEY_ID, SECRET], None);
        assert_eq!(given(config.keys_with(new()).unwrap()), ("id".to_owned(), "hush-hush".to_owned()));
    }

    #[test]
    fn a_profile_is_looked_for_at_home() {
        let mut config = read(&format!("{BUCKET} --aws-config-file /etc/aws"));
        config.settle(Vec::new(), Some("/home/brain".into()));
        let Keys::Machine(machine) = config.keys().unwrap() else { panic!("given") };
        assert_eq!(machine.credentials_file, Some("/home/brain/.aws/credentials".into()));
        assert_eq!(machine.config_file, Some("/etc/aws".into()));
    }
}
