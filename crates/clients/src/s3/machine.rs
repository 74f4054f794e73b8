//! The keys that a machine has of its own: a role by a token, a profile's file, the role of its container or of the
//! instance. Every file is read anew each time. The variables that Amazon's client would look into are settings here,
//! but for those that say where a container's keys are: a container's platform sets them, and nobody else.

use std::path::Path;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_s3::config::{Credentials, ProvideCredentials, Region};

use super::{Machine, WebIdentity};

/// How long a connection to the instance's own service, and its answer, may take: it is on the same machine.
const INSTANCE_PATIENCE: Duration = Duration::from_secs(1);

/// The instance's own service.
const INSTANCE: &str = "http://169.254.169.254";

/// Asks for the keys, wherever they are.
pub(super) async fn keys(machine: &Machine, region: &str) -> Result<Credentials, CredentialsError> {
    let config = ProviderConfig::without_region().with_region(Some(Region::new(region.to_owned())));
    let container = EcsCredentialsProvider::builder()
        .configure(&config)
        .connect_timeout(INSTANCE_PATIENCE)
        .read_timeout(INSTANCE_PATIENCE)
        .build();
    let mut chain = match (&machine.web_identity, profile(machine, &config)) {
        (Some(identity), _) => {
            return web_identity(identity, &config).provide_credentials().await;
        }
        (None, Some(profile)) => {
            CredentialsProviderChain::first_try("Profile", profile).or_else("Container", container)
        }
        (None, None) => CredentialsProviderChain::first_try("Container", container),
    };
    chain = chain.or_else("Instance", instance(machine, &config)?);
    chain.provide_credentials().await
}

fn web_identity(identity: &WebIdentity, config: &ProviderConfig) -> WebIdentityTokenCredentialsProvider {
    let identity = StaticConfiguration {
        web_identity_token_file: identity.token_file.clone(),
        role_arn: identity.role_arn.clone(),
        session_name: identity.session_name.clone(),
    };
    WebIdentityTokenCredentialsProvider::builder().configure(config).static_configuration(identity).build()
}

/// The profile, where there is a file that may have it.
fn profile(machine: &Machine, config: &ProviderConfig) -> Option<ProfileFileCredentialsProvider> {
    let is_there = |path: &&Path| path.is_file();
    let credentials = machine.credentials_file.as_deref().filter(is_there);
    let settings = machine.config_file.as_deref().filter(is_there);
    let mut files = EnvConfigFiles::builder();
    for (kind, path) in [(EnvConfigFileKind::Credentials, credentials), (EnvConfigFileKind::Config, settings)]
    {
        if let Some(path) = path {
            files = files.with_file(kind, path);
        }
    }
    credentials.or(settings)?;
    let provider = ProfileFileCredentialsProvider::builder()
        .configure(config)
        .profile_files(files.build())
        .profile_name(machine.profile.as_deref().unwrap_or("default"));
    Some(provider.build())
}

fn instance(machine: &Machine, config: &ProviderConfig) -> Result<ImdsCredentialsProvider, CredentialsError> {
    let client = imds::Client::builder()
        .configure(config)
        .endpoint(machine.instance_endpoint.as_deref().unwrap_or(INSTANCE))
        .map_err(CredentialsError::invalid_configuration)?
        .max_attempts(2)
        .connect_timeout(INSTANCE_PATIENCE)
        .read_timeout(INSTANCE_PATIENCE)
        .build();
    Ok(ImdsCredentialsProvider::builder().configure(config).imds_client(client).build())
}
