//! What the outside is allowed of the endpoints, whoever it is: sizes, numbers and times.

use std::time::Duration;

/// Bounds of the endpoints.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// The largest body of a request, and the largest message on a socket.
    pub body_bytes: usize,
    /// How many requests a batch may hold at most.
    pub batch: usize,
    /// The most that the answers of a batch may have together.
    pub answer_bytes: usize,
    /// How many sockets there may be.
    pub sockets: usize,
    /// How many of them one person may have (`x-hasura-user-id`).
    pub sockets_per_user: usize,
    /// How many operations a socket may have at once.
    pub operations: usize,
    /// How long a client may take to introduce itself on a socket.
    pub init_timeout: Duration,
    /// How often the other side of a socket is asked for a sign of life.
    pub keep_alive: Duration,
    /// Whether the administrator sees what the database said of an error (`DEV_MODE`).
    pub internal_errors: bool,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            batch: 50,
            answer_bytes: 64 * 1024 * 1024,
            sockets: 20_000,
            sockets_per_user: 64,
            operations: 128,
            init_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(20),
            internal_errors: false,
        }
    }
}
