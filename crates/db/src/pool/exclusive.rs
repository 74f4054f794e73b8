//! Connections that one caller has for itself, for transactions and sessions: bounded in number, waited for
//! with a limit, and looked at before they are used again.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use tokio_postgres::Client;

use super::lane;
use super::measure;
use super::options::PoolOptions;
use super::wire::Wire;
use crate::connect::Address;
use crate::error::{Error, in_one_line};

/// Outside a transaction a query of the simple protocol begins one of its own, at the same moment.
const IS_IDLE: &str = "select now() = statement_timestamp()";

/// The bounded set of exclusive connections.
pub(super) struct Exclusives {
    pool: Pool<Maker>,
    options: Arc<PoolOptions>,
}

/// A connection on loan.
pub(super) type Loan = Object<Maker>;

/// A connection and what is known about the state that its last user left.
pub(super) struct Exclusive {
    pub(super) wire: Wire,
    /// Whether the last user is known to have left no transaction open.
    pub(super) clean: bool,
}

pub(super) struct Maker {
    address: Address,
    options: Arc<PoolOptions>,
}

impl Exclusives {
    pub(super) fn new(address: &Address, options: &Arc<PoolOptions>) -> Self {
        let maker = Maker { address: address.clone(), options: Arc::clone(options) };
        let timeouts = Timeouts {
            wait: Some(options.wait_timeout),
            create: Some(options.connect_timeout),
            recycle: Some(options.connect_timeout),
        };
        #[expect(clippy::expect_used, reason = "fails only where time limits are set and no runtime is")]
        let pool = Pool::builder(maker)
            .max_size(options.exclusive.max(1))
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a pool with a runtime");
        Self { pool, options: Arc::clone(options) }
    }

    pub(super) fn options(&self) -> &PoolOptions {
        &self.options
    }

    pub(super) async fn take(&self) -> Result<Loan, Error> {
        let since = Instant::now();
        let taken = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => Error::Wait { after: self.options.wait_timeout },
        });
        measure::waited(since);
        taken
    }
}

impl Manager for Maker {
    type Type = Exclusive;
    type Error = Error;

    async fn create(&self) -> Result<Exclusive, Error> {
        let (client, connection) = lane::connect(&self.address, &self.options).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = in_one_line(&error), "an exclusive connection broke");
            }
        });
        Ok(Exclusive { wire: Wire::new(client, &self.options), clean: true })
    }

    async fn recycle(&self, used: &mut Exclusive, _: &Metrics) -> RecycleResult<Error> {
        if used.wire.client().is_closed() {
            measure::reconnecting();
            return Err(RecycleError::message("the connection is closed"));
        }
        if used.clean {
            return Ok(());
        }
        if !used.wire.ask(IS_IDLE).await.map_err(RecycleError::Backend)? {
            return Err(RecycleError::message("a transaction was left open"));
        }
        used.clean = true;
        Ok(())
    }
}

/// A connection for one caller, which goes back to the pool when dropped. It is a [`Client`].
pub struct PoolClient(Loan);

impl PoolClient {
    pub(super) fn new(mut loan: Loan) -> Self {
        loan.clean = false;
        Self(loan)
    }

    /// Closes the connection instead of giving it back.
    pub fn discard(self) {
        drop(Object::take(self.0));
    }
}

impl Deref for PoolClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.wire.client()
    }
}

impl DerefMut for PoolClient {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.wire.client_mut()
    }
}
