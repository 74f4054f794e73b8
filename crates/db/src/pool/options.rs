//! What can be set about a pool.

use std::time::Duration;

/// Sizes and time limits of a [`Pool`](super::Pool).
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Shared connections for single statements.
    pub lanes: usize,
    /// Statements that may be under way on one lane; more wait for their turn.
    pub lane_depth: usize,
    /// Most connections for transactions and sessions.
    pub exclusive: usize,
    /// Prepared statements that each connection keeps; the least recently used goes first.
    pub statements: usize,
    /// After this the server itself cancels a statement.
    pub statement_timeout: Duration,
    /// How long to wait for a free connection.
    pub wait_timeout: Duration,
    /// How long making one connection may take.
    pub connect_timeout: Duration,
    /// How long [`Pool::open`](super::Pool::open) waits for the first connection.
    pub open_timeout: Duration,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            lanes: 8,
            lane_depth: 64,
            exclusive: 16,
            statements: 512,
            statement_timeout: Duration::from_secs(30),
            wait_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            open_timeout: Duration::from_secs(30),
            application_name: "brainmessenger".to_owned(),
        }
    }
}

impl PoolOptions {
    /// How long a caller waits for an answer: what the server allows itself, and some for the way.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.statement_timeout + Duration::from_secs(5)
    }

    /// Server settings of a connection.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("statement_timeout", self.statement_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", self.answer_timeout().as_millis().to_string()),
            ("timezone", "UTC".to_owned()),
            // Compiling a plan costs more than running the short statements that we send.
            ("jit", "off".to_owned()),
            // What they read is in memory, or on a disk without arms: a few rows by their index beat a whole table.
            ("random_page_cost", "1.1".to_owned()),
        ]
    }
}
