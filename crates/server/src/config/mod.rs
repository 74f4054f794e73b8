//! The configuration: one typed place for every variable. The environment and `.env` are read here and nowhere
//! else; a real environment variable wins over the file.
//!
//! What is wrong stops the start with one line that names the variable.

mod auth;
mod engine;
mod exit;
mod gmail;
mod graphql;
mod limits;
mod mail;
mod memory;
mod postgres;
mod providers;
mod s3;
mod storage;
mod unbuilt;
mod webauthn;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use app::auth::{Options, RelyingParty};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use secrecy::SecretString;

pub(crate) use auth::AuthConfig;
pub(crate) use engine::{EngineConfig, ignored_variables};
pub(crate) use exit::Exit;
pub(crate) use graphql::GraphqlConfig;
pub(crate) use limits::LimitsConfig;
pub(crate) use mail::MailConfig;
pub(crate) use postgres::PostgresConfig;
pub(crate) use providers::ProvidersConfig;
pub(crate) use s3::S3Config;
pub(crate) use storage::StorageConfig;
pub(crate) use webauthn::WebauthnConfig;

use crate::keys::KeysCommand;
use crate::people::PeopleCommand;
use crate::storage::StorageCommand;

/// BrainMessenger: a complete messenger server with a web client inside.
///
/// Every setting is an environment variable, or a line of the file `.env` in the working folder. None is needed.
#[derive(Debug, Parser)]
#[command(name = "brainmessenger", version, max_term_width = 110)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) config: Config,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (what happens without a command)
    Serve,
    /// Run the GraphQL engine alone, over any database
    Engine(Box<EngineConfig>),
    /// List and replace the keys of access tokens
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// List, block, sign out, verify and delete accounts
    People {
        #[command(subcommand)]
        command: PeopleCommand,
    },
    /// Set up and check where files are kept
    Storage {
        #[command(subcommand)]
        command: StorageCommand,
    },
    /// Print the database's schema as one SQL file: what `database/schema.sql` holds
    Schema,
}

/// All settings.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) server: ServerConfig,
    #[command(flatten)]
    pub(crate) postgres: PostgresConfig,
    #[command(flatten)]
    pub(crate) keys: KeyConfig,
    #[command(flatten)]
    pub(crate) auth: AuthConfig,
    #[command(flatten)]
    pub(crate) graphql: GraphqlConfig,
    #[command(flatten)]
    pub(crate) limits: LimitsConfig,
    #[command(flatten)]
    pub(crate) providers: ProvidersConfig,
    #[command(flatten)]
    pub(crate) webauthn: WebauthnConfig,
    #[command(flatten)]
    pub(crate) mail: MailConfig,
    #[command(flatten)]
    pub(crate) s3: S3Config,
    #[command(flatten)]
    pub(crate) storage: StorageConfig,
    /// The search path, by which PostgreSQL's programs are found.
    #[arg(skip)]
    pub(crate) path: Option<OsString>,
}

/// What the server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Environment {
    /// Somebody tries it or works on it.
    Development,
    /// People use it.
    Production,
}

/// Where the server listens and keeps its data.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerConfig {
    /// Address and port for clients
    #[arg(long, env = "BRAIN_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// Address and port for the metrics (Prometheus); nothing else is served there
    #[arg(long, env = "BRAIN_METRICS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9090")]
    pub(crate) metrics_listen: SocketAddr,
    /// The address that clients reach this server by, such as `https://chat.example.com`; when it is not set: `BRAIN_LISTEN`
    /// in links, and as a request calls it in addresses of files
    #[arg(long, env = "BRAIN_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// How much room changed pictures (`?w=320`) may take on the disk, in MiB; they are made anew when they are missing
    #[arg(long, env = "BRAIN_PICTURE_CACHE", value_name = "MIB", default_value_t = 1024,
          value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) picture_cache: u64,
    /// How much memory work on pictures may take, of all at once, in MiB; when it is not set: a quarter of the machine's
    /// or the container's
    #[arg(long, env = "BRAIN_PICTURE_MEMORY", value_name = "MIB",
          value_parser = clap::value_parser!(u64).range(64..=1_048_576))]
    pub(crate) picture_memory: Option<u64>,
    /// How many uploads are received at once; what is beyond is answered 429
    #[arg(long, env = "BRAIN_UPLOADS", value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) uploads: u16,
    /// How many of them may be one person's
    #[arg(long, env = "BRAIN_UPLOADS_PER_PERSON", value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) uploads_per_person: u16,
    /// Folder for everything that is kept: the database, files, generated keys
    #[arg(long, env = "BRAIN_DATA_DIR", value_name = "FOLDER", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// What the server is for: in production it refuses what only a developer can want
    #[arg(long, env = "BRAIN_ENV", value_name = "ENVIRONMENT", value_enum, default_value = "development")]
    pub(crate) env: Environment,
    /// What is logged, in tracing's filter syntax
    #[arg(long, env = "BRAIN_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
}

/// The keys that others know, too. What is not given is made at the first start and kept in the data folder.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyConfig {
    /// The administrator's secret for GraphQL and Storage (`x-hasura-admin-secret`)
    #[arg(long, env = "NHOST_ADMIN_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) nhost_admin_secret: Option<SecretString>,
    /// The key of access tokens: `{"type":"HS256","key":"…"}`, `{"type":"ES256","signing_key":"PEM","kid":"…"}`, a list of
    /// such of which the first signs, or a bare HS256 key of 32 bytes or more
    #[arg(long, env = "NHOST_JWT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) nhost_jwt_secret: Option<SecretString>,
}

impl ServerConfig {
    /// Where this server is for clients, without a slash at the end.
    fn here(&self) -> String {
        let public = self.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        public.unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// How much memory work on pictures may take, in bytes.
    pub(crate) fn picture_memory_bytes(&self) -> u64 {
        self.picture_memory.map_or_else(|| memory::available_bytes() / 4, |mib| mib << 20)
    }

    /// Refuses what cannot be meant.
    fn check(&self) -> Result<(), Exit> {
        if self.public_url.as_ref().is_some_and(|url| !auth::is_web_address(url)) {
            let what = "is not an address that begins with http:// or https://";
            return Err(Exit::wrong("BRAIN_PUBLIC_URL", what));
        }
        Ok(())
    }
}

impl Config {
    /// Who we are to security keys, where they are on.
    pub(crate) fn relying_party(&self) -> Result<Option<RelyingParty>, Exit> {
        self.webauthn.relying_party(&self.auth.client_url(&self.server.here()))
    }

    /// The settings as the sign-in service takes them; codes are kept under `code_key`.
    pub(crate) fn auth_options(&self, code_key: SecretString) -> Result<Options, clients::Error> {
        let breached_passwords = self.limits.breached_passwords()?;
        let rate_limits = self.limits.rate_limits(self.server.env == Environment::Production);
        let require_elevated_claim = self.webauthn.elevation();
        let options = self.auth.options(&self.server.here(), self.mail.is_on(), code_key);
        Ok(Options { breached_passwords, rate_limits, require_elevated_claim, ..options })
    }
}

impl CommandLine {
    /// Reads `.env`, the environment and the arguments.
    pub(crate) fn read() -> Result<Self, Exit> {
        let kept_elsewhere = s3::KEY_VARIABLES.iter().filter(|name| is_set(name));
        let mut kept_elsewhere: Vec<&'static str> = kept_elsewhere.copied().collect();
        // No thread runs yet, so the environment may be added to.
        match dotenvy::dotenv() {
            Err(error) if !error.not_found() => return Err(Exit::wrong(".env", &error.to_string())),
            _ => {}
        }
        let matches = command().try_get_matches().map_err(|error| Exit::from_clap(&error))?;
        let mut line = Self::from_arg_matches(&matches).map_err(|error| Exit::from_clap(&error))?;
        line.config.path = variable("PATH");
        kept_elsewhere.extend(s3::KEY_VARIABLES.iter().filter(|name| is_argument(&matches, name)));
        line.config.s3.settle(kept_elsewhere, variable("HOME"));
        if matches!(line.command, None | Some(Command::Serve)) {
            unbuilt::refuse()?;
            line.config.server.check()?;
            line.config.auth.check()?;
            line.config.limits.check()?;
            line.config.providers.check()?;
            line.config.relying_party()?;
            line.config.mail.check(line.config.server.env == Environment::Production)?;
        }
        if matches!(line.command, None | Some(Command::Serve | Command::Storage { .. })) {
            line.config.s3.check()?;
            line.config.storage.check()?;
        }
        Ok(line)
    }
}

/// The command line. An empty variable is one that is not set: containers cannot unset what their image sets.
fn command() -> clap::Command {
    CommandLine::command().mut_args(|argument: clap::Arg| {
        let value = argument.get_env().and_then(|name| name.to_str()).and_then(variable);
        if value.is_some_and(|value| value.is_empty()) { argument.env(None::<&str>) } else { argument }
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Whether a variable is set to something.
fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| !value.is_empty())
}

/// Whether the argument that a variable stands for was given on the command line.
fn is_argument(matches: &clap::ArgMatches, variable: &str) -> bool {
    let id = variable.to_ascii_lowercase();
    matches.value_source(&id) == Some(clap::parser::ValueSource::CommandLine)
}

/// The names of all variables that are set.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable_names() -> impl Iterator<Item = String> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    set.filter_map(|(name, _)| name.into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_variable_stands_in_the_example_file() {
        let example = include_str!("../../../../.env.example");
        for argument in CommandLine::command().get_arguments() {
            let Some(variable) = argument.get_env().and_then(|name| name.to_str()) else { continue };
            assert!(
                example
                    .lines()
                    .any(|line| line.trim_start_matches("# ").starts_with(&format!("{variable}="))),
                "{variable} is missing in .env.example"
            );
        }
    }

    #[test]
    fn links_lead_where_clients_reach_the_server() {
        let read = |arguments: &[&str]| {
            let all = [&["brainmessenger"], arguments].concat();
            let config = CommandLine::try_parse_from(all).unwrap().config;
            config.auth_options("key".to_owned().into()).unwrap()
        };
        let plain = read(&[]);
        assert_eq!(
            (plain.server_url.as_str(), plain.client_url.as_str()),
            ("http://127.0.0.1:3000/v1", "http://127.0.0.1:3000")
        );
        let public = read(&["--public-url", "https://chat.example.com/"]);
        assert_eq!(
            (public.server_url.as_str(), public.client_url.as_str()),
            ("https://chat.example.com/v1", "https://chat.example.com")
        );
        let said = read(&["--public-url", "https://a.example", "--auth-client-url", "https://b.example"]);
        assert_eq!(said.client_url, "https://b.example");
    }

    #[test]
    fn addresses_are_verified_where_letters_go() {
        let is_required = |arguments: &[&str]| {
            let all = [&["brainmessenger"], arguments].concat();
            let config = CommandLine::try_parse_from(all).unwrap().config;
            config.auth_options("key".to_owned().into()).unwrap().email_verification_required
        };
        assert!(!is_required(&[]));
        assert!(is_required(&["--auth-smtp-host", "smtp.example.com"]));
        assert!(is_required(&["--gmail-sender", "brain@example.com"]));
        let off =
            ["--auth-smtp-host", "smtp.example.com", "--auth-email-signin-email-verified-required", "false"];
        assert!(!is_required(&off));
    }

    #[test]
    fn secrets_do_not_show() {
        let line =
            CommandLine::try_parse_from(["brainmessenger", "--nhost-admin-secret", "hush-hush"]).unwrap();
        assert!(!format!("{line:?}").contains("hush-hush"));
    }

    #[test]
    fn a_wrong_value_is_one_line_that_names_the_variable() {
        let error = CommandLine::try_parse_from(["brainmessenger", "--listen", "nowhere"]).unwrap_err();
        assert_eq!(Exit::from_clap(&error).message(), "BRAIN_LISTEN: invalid socket address syntax");
    }
}
