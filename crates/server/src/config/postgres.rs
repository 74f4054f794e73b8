//! Which PostgreSQL is used, and how.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

/// Which PostgreSQL is used.
#[derive(Debug, Args)]
#[command(next_help_heading = "PostgreSQL")]
pub(crate) struct PostgresConfig {
    /// An existing database, `postgres://user:password@host/name`; without it the server runs a private one
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<SecretString>,
    /// Folder with the programs of PostgreSQL 14 or newer; without it they are looked for
    #[arg(long, env = "BRAIN_PG_BIN", value_name = "FOLDER")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Shared connections, on which statements are pipelined; a few are enough
    #[arg(long, env = "BRAIN_PG_CONNECTIONS", value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) pg_connections: u16,
    /// The longest that one statement may run, in seconds
    #[arg(long, env = "BRAIN_PG_STATEMENT_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) pg_statement_timeout: u32,
}
