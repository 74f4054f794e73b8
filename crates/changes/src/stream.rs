//! One replication connection: a temporary slot, a start, and events until it breaks. A connection that says
//! nothing is as good as broken: the server is told to speak every few seconds.

use std::time::Duration;

use db::connect::{ReplicationAddress, SslMode};
use pgwire_replication::client::{ReplicationClient, ReplicationEvent};
use pgwire_replication::config::{ReplicationConfig, SslMode as WireSslMode, TlsConfig};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::Error;

/// Half of it is how often a server without news says so.
const SERVER_TIMEOUT: &str = "-c wal_sender_timeout=10s";

/// After this much silence the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(20);

/// How long connecting may take. Making a slot waits for the transactions that are running.
const START: Duration = Duration::from_mins(1);

/// The largest change that is read; a row in PostgreSQL can be larger, and then everything is read anew.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// A started stream of changes.
pub(crate) struct Stream {
    client: ReplicationClient,
}

impl Stream {
    /// Connects, makes a slot that ends with the connection, and starts reading the publications.
    pub(crate) async fn start(
        address: &ReplicationAddress,
        publications: &[&'static str],
    ) -> Result<Self, Error> {
        let started = tokio::time::timeout(START, Self::connect(address, publications)).await;
        started.map_err(|_| Error::Silent(START.as_secs()))?
    }

    async fn connect(address: &ReplicationAddress, publications: &[&'static str]) -> Result<Self, Error> {
        let slot = format!("brainmessenger_{}", Uuid::new_v4().simple());
        let publications: Vec<String> = publications.iter().map(|name| (*name).to_owned()).collect();
        let config = ReplicationConfig::new(
            address.host.clone(),
            address.user.clone(),
            address.password.expose_secret().to_owned(),
            address.database.clone(),
            slot.clone(),
            publications,
        )
        .with_port(address.port)
        .with_tls(tls(address))
        .with_options(SERVER_TIMEOUT)
        .with_max_message_size(MAX_MESSAGE_BYTES)
        .with_application_name("brainmessenger changes");
        let mut client = ReplicationClient::connect_gated(config).await?;
        // The name is made of letters and digits above.
        client
            .simple_query(&format!(
                "CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT"
            ))
            .await?;
        client.start().await?;
        client.wait_started().await?;
        Ok(Self { client })
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Result<ReplicationEvent, Error> {
        let event = tokio::time::timeout(SILENCE, self.client.recv()).await;
        let event = event.map_err(|_| Error::Silent(SILENCE.as_secs()))??.ok_or(Error::Ended)?;
        if let ReplicationEvent::Commit { end_lsn, .. } = &event {
            // Nothing is kept here, so what was read is done with.
            self.client.update_applied_lsn(*end_lsn);
        }
        Ok(event)
    }
}

fn tls(address: &ReplicationAddress) -> TlsConfig {
    let mode = match address.ssl_mode {
        SslMode::Disable => WireSslMode::Disable,
        SslMode::Prefer => WireSslMode::Prefer,
        SslMode::Require => WireSslMode::Require,
        SslMode::VerifyAuthority => WireSslMode::VerifyCa,
        SslMode::VerifyFull => WireSslMode::VerifyFull,
    };
    TlsConfig { mode, ca_pem_path: address.authorities.clone(), ..TlsConfig::default() }
}
