//! Notices that the file with the keys of access tokens has changed, and takes what it holds. A file that cannot be
//! used leaves the keys as they are.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base::jwt::JwtKeys;
use tokio_util::sync::CancellationToken;

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_secs(2);

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// Watches until `stop`.
pub(crate) async fn watch(keys: JwtKeys, path: PathBuf, stop: CancellationToken) {
    let mut known = stamp(&path).await;
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
        let current = stamp(&path).await;
        if current == known {
            continue;
        }
        known = current;
        let outcome = match take(&keys, &path).await {
            Ok(()) => {
                tracing::info!("the keys of access tokens have changed");
                "ok"
            }
            Err(error) => {
                tracing::error!("{} is not used: {error:#}", path.display());
                "failed"
            }
        };
        metrics::counter!("jwt_keys_reloads_total", "outcome" => outcome).increment(1);
    }
}

async fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
}

async fn take(keys: &JwtKeys, path: &Path) -> anyhow::Result<()> {
    let text = tokio::fs::read_to_string(path).await?;
    Ok(keys.replace(&text.into())?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use base::clock::Clock;
    use base::ids::UserId;

    use super::super::list::{KeyFile, KeyType};
    use super::super::{JWT_FILE, kept};
    use super::*;

    fn token(keys: &JwtKeys) -> String {
        keys.sign(UserId(uuid::Uuid::nil()), 900, "user", &["user".to_owned()], &BTreeMap::new()).unwrap()
    }

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("brain-keys-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Clients that refresh and call without pause, until told to stop.
    fn clients(
        keys: &JwtKeys,
        stop: &Arc<AtomicBool>,
        calls: &Arc<AtomicU64>,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let client = |_| {
            let (keys, stop, calls) = (keys.clone(), Arc::clone(stop), Arc::clone(calls));
            tokio::spawn(async move {
                let mut old = token(&keys);
                while !stop.load(Ordering::Relaxed) {
                    let new = token(&keys);
                    for token in [&old, &new] {
                        keys.verify_own(token).unwrap();
                        keys.verify(token).unwrap();
                    }
                    old = new;
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        };
        (0..8).map(client).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn keys_rotate_while_clients_call_and_none_of_them_fails() {
        let folder = folder();
        let secret = kept::secret(&folder, JWT_FILE).unwrap();
        let keys = JwtKeys::parse(&secret, Clock::system()).unwrap();
        let first = token(&keys);
        let (end, stop) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let watching = tokio::spawn(watch(keys.clone(), folder.join(JWT_FILE), end.clone()));
        let calls = Arc::new(AtomicU64::new(0));
        let clients = clients(&keys, &stop, &calls);
        for kind in [KeyType::Es512, KeyType::Eddsa, KeyType::Hs512] {
            let name = KeyFile::open(&folder).unwrap().rotate(Some(kind), 1_000).unwrap();
            let signs = || token(&keys).split('.').next().map(str::to_owned);
            let before = signs();
            let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
            while signs() == before {
                assert!(tokio::time::Instant::now() < deadline, "{name} was not noticed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(keys.verify_own(&first).is_ok());
        }
        // Half a file changes nothing.
        let before = calls.load(Ordering::Relaxed);
        kept::write(&folder.join(JWT_FILE), "[{").unwrap();
        tokio::time::sleep(PAUSE + Duration::from_secs(1)).await;
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }
        assert!(calls.load(Ordering::Relaxed) > before);
        end.cancel();
        watching.await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_is_retired_when_another_one_signs() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        assert!(KeyFile::open(&folder).is_err());
        let secret = kept::secret(&folder, JWT_FILE).unwrap();
        let old = JwtKeys::parse(&secret, Clock::manual(0)).unwrap();
        assert!(KeyFile::open(&folder).unwrap().retire("unnamed").is_err());
        let name = KeyFile::open(&folder).unwrap().rotate(None, 0).unwrap();
        let now = || JwtKeys::parse(&kept::secret(&folder, JWT_FILE).unwrap(), Clock::manual(0)).unwrap();
        assert!(now().verify(&token(&old)).is_ok());
        assert!(KeyFile::open(&folder).unwrap().retire(&name).is_err());
        KeyFile::open(&folder).unwrap().retire("unnamed").unwrap();
        assert!(now().verify(&token(&old)).is_err() && now().can_sign());
        // Every kind can be made, and is read again.
        for kind in <KeyType as clap::ValueEnum>::value_variants() {
            KeyFile::open(&folder).unwrap().rotate(Some(*kind), 0).unwrap();
            assert!(now().verify_own(&token(&now())).is_ok(), "{kind:?}");
        }
        assert_eq!(now().public_keys().len(), 5);
        let mode = std::fs::metadata(folder.join(JWT_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
