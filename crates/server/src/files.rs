//! The storage service as the configuration wants it: where files are kept, and on their way there.

use std::sync::Arc;

use anyhow::Context;
use app::files::{DiskStore, Files, Limits, Options, SpoolFolder, Store};
use base::authenticate::Authenticator;
use base::clock::Clock;
use base::project::Project;
use secrecy::SecretString;

use crate::config::Config;

/// Bytes of uploads that are being received, of all together.
const SPOOL_BYTES: u64 = 8 << 30;

/// Starts it over the rows of `project`.
pub(crate) async fn start(
    config: &Config,
    project: Arc<dyn Project>,
    authenticator: Authenticator,
    clock: &Clock,
    signing_key: &SecretString,
) -> anyhow::Result<Files> {
    let folder = config.server.data_dir.join("files");
    let store = Store::Disk(DiskStore::open(&folder).await?);
    // In the same file system: what is kept on the disk is moved there.
    let path = folder.join("spool");
    let spool = SpoolFolder::open(path.clone(), SPOOL_BYTES)
        .with_context(|| format!("the folder {} cannot be used", path.display()))?;
    let options = Options {
        limits: Limits::default(),
        clock: clock.clone(),
        signing_key: signing_key.clone(),
        public_url: config.server.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
    };
    Ok(Files::new(project, authenticator, store, spool, options))
}
