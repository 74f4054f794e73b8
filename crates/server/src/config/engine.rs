//! The settings of the engine alone, under the names that Hasura has for them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use graphql::EngineOptions;
use graphql::schema::SchemaOptions;
use secrecy::SecretString;

/// Which database and metadata the engine serves, and to whom.
#[derive(Debug, Args)]
pub(crate) struct EngineConfig {
    /// The database, `postgres://user:password@host/name`
    #[arg(long, env = "HASURA_GRAPHQL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: SecretString,
    /// Folder with Hasura's metadata, version 3
    #[arg(long, env = "HASURA_GRAPHQL_METADATA_DIR", value_name = "FOLDER")]
    pub(crate) metadata: PathBuf,
    /// Address and port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
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
          action = clap::ArgAction::Set)]
    pub(crate) stringify_numeric_types: bool,
    /// Whether a role that may read a table may call the queries that return its rows
    #[arg(long, env = "HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS", value_name = "BOOL", default_value_t = true,
          action = clap::ArgAction::Set)]
    pub(crate) infer_function_permissions: bool,
}

impl EngineConfig {
    /// The settings as the engine takes them.
    pub(crate) fn options(&self) -> EngineOptions {
        let schema = SchemaOptions {
            stringify_numbers: self.stringify_numeric_types,
            infer_function_permissions: self.infer_function_permissions,
        };
        EngineOptions { schema, ..EngineOptions::default() }
    }
}
