//! The settings of the engine alone, under the names that Hasura has for them. What Hasura has and means nothing
//! here is named in one line at the start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use changes::FeedOptions;
use clap::Args;
use db::PoolOptions;
use graphql::schema::SchemaOptions;
use graphql::{EndpointOptions, EngineOptions, LimitOptions};
use secrecy::SecretString;

use super::variable_names;

/// What every variable of Hasura's begins with.
const PREFIX: &str = "HASURA_GRAPHQL_";

/// How many shared connections are enough, however many one may have.
const MAX_LANES: usize = 8;

/// Which database and metadata the engine serves, and to whom.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct EngineConfig {
    /// The database, `postgres://user:password@host/name`
    #[arg(long, env = "HASURA_GRAPHQL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: SecretString,
    /// Folder with Hasura's metadata, version 3; without one nothing is tracked at first
    #[arg(long, env = "HASURA_GRAPHQL_METADATA_DIR", value_name = "FOLDER")]
    pub(crate) metadata: Option<PathBuf>,
    /// Address and port; without it, those of the next two settings
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Address
    #[arg(long, env = "HASURA_GRAPHQL_SERVER_HOST", value_name = "ADDRESS", default_value = "127.0.0.1",
          value_parser = host)]
    server_host: IpAddr,
    /// Port
    #[arg(long, env = "HASURA_GRAPHQL_SERVER_PORT", value_name = "PORT", default_value_t = 8080)]
    server_port: u16,
    /// The administrator's secret; without one everybody is the administrator
    #[arg(long, env = "HASURA_GRAPHQL_ADMIN_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) admin_secret: Option<SecretString>,
    /// The key of access tokens, in Hasura's and Nhost's JSON form (`jwk_url` too), or a list of such
    #[arg(long, env = "HASURA_GRAPHQL_JWT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) jwt_secret: Option<SecretString>,
    /// The role of a request that shows neither secret nor token
    #[arg(long, env = "HASURA_GRAPHQL_UNAUTHORIZED_ROLE", value_name = "ROLE")]
    pub(crate) unauthorized_role: Option<String>,
    /// Whether bigint, numeric and float8 are answered as strings
    #[arg(long, env = "HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, value_parser = switch)]
    stringify_numeric_types: bool,
    /// Whether a role that may read a table may call the queries that return its rows
    #[arg(long, env = "HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set, value_parser = switch)]
    infer_function_permissions: bool,
    /// Whether callers may send those documents only that the metadata's allow list has
    #[arg(long, env = "HASURA_GRAPHQL_ENABLE_ALLOWLIST", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, value_parser = switch)]
    enable_allowlist: bool,
    /// Which APIs there are: `graphql` always, `metadata` (which runs SQL, too) only with an admin secret
    #[arg(
        long,
        env = "HASURA_GRAPHQL_ENABLED_APIS",
        value_name = "NAMES",
        default_value = "metadata,graphql",
        value_delimiter = ','
    )]
    enabled_apis: Vec<String>,
    /// Origins that browsers may call from: `*`, or a list in which `https://*.example.com` is every host below
    #[arg(
        long,
        env = "HASURA_GRAPHQL_CORS_DOMAIN",
        value_name = "ORIGINS",
        default_value = "*",
        value_delimiter = ','
    )]
    cors_domain: Vec<String>,
    /// Whether browsers are told of no origin that may call
    #[arg(long, env = "HASURA_GRAPHQL_DISABLE_CORS", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, value_parser = switch)]
    disable_cors: bool,
    /// Whether GraphiQL is served at /graphiql
    #[arg(long, env = "HASURA_GRAPHQL_ENABLE_CONSOLE", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, value_parser = switch)]
    pub(crate) enable_console: bool,
    /// What is logged: debug, info, warn or error
    #[arg(long, env = "HASURA_GRAPHQL_LOG_LEVEL", value_name = "LEVEL",
          value_parser = ["debug", "info", "warn", "error"])]
    pub(crate) log_level: Option<String>,
    /// How often live queries are read where the database's log cannot be, in milliseconds
    #[arg(long, env = "HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL", value_name = "MILLISECONDS",
          default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    refetch_interval: u64,
    /// Whether the administrator sees what the database said of an error
    #[arg(long, env = "HASURA_GRAPHQL_DEV_MODE", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, value_parser = switch)]
    dev_mode: bool,
    /// The same as the one before
    #[arg(long, env = "HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set, value_parser = switch)]
    admin_internal_errors: bool,
    /// How many connections to the database there may be
    #[arg(long, env = "HASURA_GRAPHQL_PG_CONNECTIONS", value_name = "N", default_value_t = 24,
          value_parser = clap::value_parser!(u16).range(2..=1000))]
    pg_connections: u16,
    /// How often the other side of a socket is asked for a sign of life, in seconds
    #[arg(long, env = "HASURA_GRAPHQL_WEBSOCKET_KEEPALIVE", value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    websocket_keepalive: u64,
    /// How long a client may take to introduce itself on a socket, in seconds
    #[arg(long, env = "HASURA_GRAPHQL_WEBSOCKET_CONNECTION_INIT_TIMEOUT", value_name = "SECONDS",
          default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    websocket_init_timeout: u64,
    /// How many rows a list may have for all but the administrator; 0 is no limit
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_ROWS", value_name = "N", default_value_t = 0)]
    max_rows: u64,
    /// How many requests a batch may hold
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_BATCH", value_name = "N", default_value_t = 100)]
    max_batch: usize,
    /// The largest body of a request, and the largest message on a socket
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 1_048_576,
          value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824))]
    max_body_bytes: u32,
}

impl EngineConfig {
    /// Where to listen.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen.unwrap_or(SocketAddr::new(self.server_host, self.server_port))
    }

    /// The settings as the engine takes them.
    pub(crate) fn options(&self) -> EngineOptions {
        let schema = SchemaOptions {
            stringify_numbers: self.stringify_numeric_types,
            infer_function_permissions: self.infer_function_permissions,
        };
        let poll_interval = Duration::from_millis(self.refetch_interval);
        EngineOptions {
            schema,
            feed: FeedOptions { poll_interval, ..FeedOptions::default() },
            limits: LimitOptions {
                rows: Some(self.max_rows).filter(|limit| *limit > 0),
                ..LimitOptions::default()
            },
            allow_list: self.enable_allowlist,
        }
    }

    /// The settings as the endpoint takes them.
    pub(crate) fn endpoint(&self) -> EndpointOptions {
        EndpointOptions {
            body_bytes: usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX),
            batch: self.max_batch,
            keep_alive: Duration::from_secs(self.websocket_keepalive),
            init_timeout: Duration::from_secs(self.websocket_init_timeout),
            internal_errors: self.dev_mode || self.admin_internal_errors,
            ..EndpointOptions::default()
        }
    }

    /// The settings as the pool takes them: some connections are shared, the others are for transactions.
    pub(crate) fn pool(&self) -> PoolOptions {
        let all = usize::from(self.pg_connections);
        let lanes = (all / 2).clamp(1, MAX_LANES);
        PoolOptions { lanes, exclusive: all.saturating_sub(lanes).max(1), ..PoolOptions::default() }
    }

    /// Whether the administrator may change the metadata and run SQL. Without a secret everybody would be the
    /// administrator, any page in a browser included.
    pub(crate) fn metadata_api(&self) -> bool {
        self.admin_secret.is_some() && self.enabled_apis.iter().any(|api| api.trim() == "metadata")
    }

    /// The origins that browsers may call from; none where they are told of none.
    pub(crate) fn origins(&self) -> Option<Vec<String>> {
        let origins = self.cors_domain.iter().map(|origin| origin.trim().to_owned());
        (!self.disable_cors).then(|| origins.filter(|origin| !origin.is_empty()).collect())
    }
}

/// The variables of Hasura's that are set and mean nothing here.
pub(crate) fn ignored_variables() -> Vec<String> {
    let known = super::command();
    let known: Vec<_> = known
        .find_subcommand("engine")
        .into_iter()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| argument.get_env().and_then(|name| name.to_str()).map(str::to_owned))
        .collect();
    let mut ignored: Vec<String> =
        variable_names().filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect();
    ignored.sort_unstable();
    ignored
}

/// A switch as Hasura reads it.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" => Ok(true),
        "false" | "f" | "no" | "n" => Ok(false),
        _ => Err("true or false is expected".to_owned()),
    }
}

/// An address as Hasura reads it: `*` is every one.
fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "*" | "*4" | "!4" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "*6" | "!6" => Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        address => address.parse().map_err(|_| "an address, or `*`, is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Command, CommandLine};
    use super::*;

    fn engine(arguments: &[&str]) -> EngineConfig {
        let line = ["brainmessenger", "engine", "--database-url", "postgres://h/d"];
        let line = CommandLine::try_parse_from(line.iter().chain(arguments)).unwrap();
        match line.command {
            Some(Command::Engine(engine)) => *engine,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_metadata_api_needs_a_secret() {
        assert!(!engine(&[]).metadata_api());
        assert!(engine(&["--admin-secret", "s"]).metadata_api());
        assert!(!engine(&["--admin-secret", "s", "--enabled-apis", "graphql"]).metadata_api());
    }

    #[test]
    fn addresses_and_switches_are_read_as_hasura_reads_them() {
        assert_eq!(engine(&[]).address(), "127.0.0.1:8080".parse().unwrap());
        let open = engine(&["--server-host", "*", "--server-port", "81", "--dev-mode", "Yes"]);
        assert_eq!(open.address(), "0.0.0.0:81".parse().unwrap());
        assert!(open.endpoint().internal_errors);
        assert_eq!(engine(&["--listen", "127.0.0.1:5"]).address(), "127.0.0.1:5".parse().unwrap());
        assert!(switch("maybe").is_err() && host("nowhere").is_err());
    }

    #[test]
    fn connections_are_shared_out() {
        let pool = |count: &str| {
            let options = engine(&["--pg-connections", count]).pool();
            (options.lanes, options.exclusive)
        };
        assert_eq!((pool("2"), pool("10"), pool("50")), ((1, 1), (5, 5), (8, 42)));
    }
}
