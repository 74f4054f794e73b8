//! How Amazon's client is set up: what it sends, how long it waits, how often it tries.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, IdentityCache, ProvideCredentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::PutObjectError;

use super::Settings;
use super::keys::KeyRing;

/// The first pause before a call is tried again is as long as this at most; each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What Amazon's client does not try again by itself.
#[derive(Debug)]
struct AlsoPassing;

impl ClassifyRetry for AlsoPassing {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        // Of `PutObject` alone: an upload in parts is of no use any more when there was a conflict (API reference,
        // CompleteMultipartUpload).
        let failure = context.output_or_error().and_then(|output| output.err()?.as_operation_error());
        let put = failure.and_then(|failure| failure.downcast_ref::<PutObjectError>());
        let status = context.response().map(|answer| answer.status().as_u16());
        match (status, put.and_then(ProvideErrorMetadata::code)) {
            // A store that is not Amazon's may say so where Amazon's says `SlowDown`.
            (Some(429), _) => RetryAction::throttling_error(),
            // An earlier try is still at work.
            (_, Some("ConditionalRequestConflict" | "OperationAborted")) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "AlsoPassing"
    }
}

/// A client that asks at `endpoint`, or at Amazon's.
pub(super) fn client(
    settings: &Settings,
    keys: &Arc<KeyRing>,
    http: &SharedHttpClient,
    endpoint: Option<&str>,
) -> Client {
    let retry = RetryConfig::standard()
        .with_max_attempts(settings.attempts.max(1))
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .build();
    let provider: Arc<dyn ProvideCredentials> = Arc::<KeyRing>::clone(keys);
    let mut config = Config::builder();
    config.set_endpoint_url(endpoint.map(ToOwned::to_owned));
    let config = config
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .force_path_style(settings.path_style)
        .credentials_provider(SharedCredentialsProvider::new(provider))
        // The key ring keeps them: another cache would go on with keys that were replaced.
        .identity_cache(IdentityCache::no_cache())
        // A checksum of nobody's body would stand in signed addresses, and older stores keep trailers as content.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(retry)
        .retry_classifier(AlsoPassing)
        .timeout_config(timeouts)
        // The wire itself watches for silence, after the last byte of a body, too.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http.clone())
        .build();
    Client::from_conf(config)
}
