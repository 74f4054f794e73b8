//! The settings of the GraphQL API: what callers may use of it, and what administrators may.

use clap::Args;
use graphql::{EndpointOptions, EngineOptions, LimitOptions};

use super::Environment;

/// What callers may use of the GraphQL API. 0 is no limit, where there can be none; nothing of this holds for the
/// administrator but sizes and numbers of connections.
#[derive(Debug, Args)]
#[command(next_help_heading = "GraphQL")]
pub(crate) struct GraphqlConfig {
    /// How deep the fields of an operation may nest
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_DEPTH", value_name = "N", default_value_t = 20)]
    max_depth: usize,
    /// How many fields with a selection of their own an operation may have
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_NODES", value_name = "N", default_value_t = 300)]
    max_nodes: usize,
    /// How many rows a list may have, also where the request asks for no limit
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_ROWS", value_name = "N", default_value_t = 10_000)]
    max_rows: u64,
    /// How many requests a batch may hold
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_BATCH", value_name = "N", default_value_t = 50)]
    max_batch: usize,
    /// How long a statement of a caller's may run, in seconds; it is never more than `BRAIN_PG_STATEMENT_TIMEOUT`
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_SECONDS", value_name = "SECONDS", default_value_t = 0)]
    max_seconds: u64,
    /// The largest body of a request, and the largest message on a socket
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 1_048_576,
          value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824))]
    max_body_bytes: u32,
    /// How many sockets there may be at once
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_SOCKETS", value_name = "N", default_value_t = 20_000)]
    max_sockets: usize,
    /// How many sockets one person may have at once
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_SOCKETS_PER_USER", value_name = "N", default_value_t = 64)]
    max_sockets_per_user: usize,
    /// How many operations may run on one socket at once
    #[arg(long, env = "BRAIN_GRAPHQL_MAX_OPERATIONS", value_name = "N", default_value_t = 128)]
    max_operations: usize,
    /// Whether callers may send those documents only that the metadata's allow list has
    #[arg(long, env = "BRAIN_GRAPHQL_ALLOW_LIST", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    allow_list: bool,
    /// Whether the administrator may change permissions and run SQL over HTTP, until the next start
    #[arg(long, env = "BRAIN_GRAPHQL_METADATA_API", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) metadata_api: bool,
    /// Whether GraphiQL is served at /graphiql; without this it is, unless `BRAIN_ENV` is production
    #[arg(long, env = "BRAIN_GRAPHIQL", value_name = "BOOL", action = clap::ArgAction::Set)]
    graphiql: Option<bool>,
}

impl GraphqlConfig {
    /// The settings as the engine takes them.
    pub(crate) fn engine(&self) -> EngineOptions {
        let limits = LimitOptions {
            depth: Some(self.max_depth).filter(|limit| *limit > 0),
            nodes: Some(self.max_nodes).filter(|limit| *limit > 0),
            rows: Some(self.max_rows).filter(|limit| *limit > 0),
            batch: None,
            seconds: Some(self.max_seconds).filter(|limit| *limit > 0),
        };
        EngineOptions { limits, allow_list: self.allow_list, ..EngineOptions::default() }
    }

    /// The settings as the endpoints take them.
    pub(crate) fn endpoint(&self) -> EndpointOptions {
        EndpointOptions {
            body_bytes: usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX),
            batch: self.max_batch,
            sockets: self.max_sockets,
            sockets_per_user: self.max_sockets_per_user,
            operations: self.max_operations,
            ..EndpointOptions::default()
        }
    }

    /// Whether GraphiQL is served.
    pub(crate) fn graphiql(&self, environment: Environment) -> bool {
        self.graphiql.unwrap_or(environment == Environment::Development)
    }
}
