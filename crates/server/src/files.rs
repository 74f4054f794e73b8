//! The storage service as the configuration wants it: where files are kept, and on their way there.

use std::sync::Arc;

use anyhow::Context;
use app::files::{Capacity, DiskStore, Files, Limits, Options, S3Store, SpoolFolder, Store, Studio};
use base::authenticate::Authenticator;
use base::clock::Clock;
use base::project::Project;
use clients::s3::Bucket;
use secrecy::SecretString;

use crate::config::Config;

/// Bytes of uploads that are being received, of all together.
const SPOOL_BYTES: u64 = 8 << 30;

/// Starts it over the rows of `project`, with the files in `bucket`, or on the disk where there is none.
pub(crate) async fn start(
    config: &Config,
    project: Arc<dyn Project>,
    authenticator: Authenticator,
    clock: &Clock,
    signing_key: &SecretString,
    bucket: Option<Bucket>,
) -> anyhow::Result<Files> {
    let folder = config.server.data_dir.join("files");
    let store = match bucket {
        Some(bucket) => {
            let bucket = S3Store::new(bucket, clock.clone());
            Store::S3(match config.storage.restored_after() {
                Some(age) => bucket.archived_after(age),
                None => bucket,
            })
        }
        None => Store::Disk(DiskStore::open(&folder).await?),
    };
    // In the same file system: what is kept on the disk is moved there.
    let path = folder.join("spool");
    let spool = SpoolFolder::open(path.clone(), SPOOL_BYTES)
        .with_context(|| format!("the folder {} cannot be used", path.display()))?;
    let path = folder.join("pictures");
    let capacity = Capacity {
        cache_bytes: config.server.picture_cache << 20,
        memory_bytes: config.server.picture_memory_bytes(),
        ..Capacity::default()
    };
    let studio = Studio::open(path.clone(), capacity)
        .await
        .with_context(|| format!("the folder {} cannot be used", path.display()))?;
    let options = Options {
        studio,
        limits: Limits {
            concurrent_uploads: config.server.uploads.into(),
            uploads_per_person: config.server.uploads_per_person.into(),
            ..Limits::default()
        },
        clock: clock.clone(),
        signing_key: signing_key.clone(),
        public_url: config.server.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
    };
    Ok(Files::new(project, authenticator, store, spool, options))
}
