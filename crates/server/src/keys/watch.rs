//! Notices that the file with the keys of access tokens has changed, and takes what it holds. A file that cannot be
//! used leaves the keys as they are.

use std::path::PathBuf;
use std::time::Duration;

use base::jwt::JwtKeys;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_secs(2);

/// What was read of a file with keys: any other text is news, however soon after that it came.
pub(crate) struct KeysRead {
    pub(crate) path: PathBuf,
    pub(crate) text: SecretString,
}

/// Watches until `stop`.
pub(crate) async fn watch(keys: JwtKeys, mut read: KeysRead, stop: CancellationToken) {
    loop {
        let outcome = match look(&keys, &mut read).await {
            Ok(false) => None,
            Ok(true) => {
                tracing::info!("the keys of access tokens have changed");
                Some("ok")
            }
            Err(error) => {
                tracing::error!("{} is not used: {error:#}", read.path.display());
                Some("failed")
            }
        };
        if let Some(outcome) = outcome {
            metrics::counter!("jwt_keys_reloads_total", "outcome" => outcome).increment(1);
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Takes what the file holds, where that is another text than the last; whether it was. A file that cannot be read is
/// an empty one, so that it is told once.
async fn look(keys: &JwtKeys, read: &mut KeysRead) -> anyhow::Result<bool> {
    let found = tokio::fs::read_to_string(&read.path).await;
    let text = found.as_deref().unwrap_or_default().trim();
    if text == read.text.expose_secret() {
        return Ok(false);
    }
    read.text = text.to_owned().into();
    found?;
    keys.replace(&read.text)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use base::clock::Clock;
    use base::ids::UserId;
    use clap::Parser as _;

    use super::super::list::{KeyFile, KeyType, NOTICE_SECONDS};
    use super::super::{JWT_FILE, Keys, kept};
    use super::*;
    use crate::config::CommandLine;

    fn token(keys: &JwtKeys) -> String {
        keys.sign(UserId(uuid::Uuid::nil()), 900, "user", &["user".to_owned()], &BTreeMap::new()).unwrap()
    }

    /// The keys of a folder, as a server that starts reads them.
    fn read(folder: &Path) -> (JwtKeys, KeysRead) {
        let folder = folder.display().to_string();
        let config = CommandLine::try_parse_from(["brainmessenger", "--data-dir", &folder]).unwrap().config;
        let keys = Keys::read(&config).unwrap();
        (keys.jwt, keys.jwt_file.unwrap())
    }

    /// Waits until another key signs than the one that signed `before`.
    async fn until_another_signs(keys: &JwtKeys, before: &str) {
        let header = |token: &str| token.split('.').next().map(str::to_owned);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while header(&token(keys)) == header(before) {
            assert!(tokio::time::Instant::now() < deadline, "a new key was not noticed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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
        let (keys, taken) = read(&folder);
        let first = token(&keys);
        let (end, stop) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let watching = tokio::spawn(watch(keys.clone(), taken, end.clone()));
        let calls = Arc::new(AtomicU64::new(0));
        let clients = clients(&keys, &stop, &calls);
        for kind in [KeyType::Es512, KeyType::Eddsa, KeyType::Hs512] {
            let before = token(&keys);
            KeyFile::open(&folder).unwrap().rotate(Some(kind), 1_000, 0).unwrap();
            until_another_signs(&keys, &before).await;
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

    #[tokio::test]
    async fn keys_that_change_while_the_server_starts_are_taken() {
        let folder = folder();
        let (keys, taken) = read(&folder);
        let before = token(&keys);
        KeyFile::open(&folder).unwrap().rotate(Some(KeyType::Es256), 1_000, 0).unwrap();
        let stop = CancellationToken::new();
        let watching = tokio::spawn(watch(keys.clone(), taken, stop.clone()));
        until_another_signs(&keys, &before).await;
        stop.cancel();
        watching.await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_told_once() {
        let folder = folder();
        let (keys, mut taken) = read(&folder);
        assert!(!look(&keys, &mut taken).await.unwrap());
        let path = folder.join(JWT_FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(look(&keys, &mut taken).await.is_err());
        assert!(!look(&keys, &mut taken).await.unwrap());
        std::fs::write(&path, "[{").unwrap();
        assert!(look(&keys, &mut taken).await.is_err());
        assert!(!look(&keys, &mut taken).await.unwrap());
        std::fs::write(&path, text).unwrap();
        assert!(look(&keys, &mut taken).await.unwrap());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_new_key_verifies_at_once_and_signs_when_it_is_known() {
        let folder = folder();
        kept::secret(&folder, JWT_FILE).unwrap();
        let now = 1_000;
        let name = KeyFile::open(&folder).unwrap().rotate(Some(KeyType::Es256), now, NOTICE_SECONDS).unwrap();
        let clock = Clock::manual(now);
        let keys = JwtKeys::parse(&kept::secret(&folder, JWT_FILE).unwrap(), clock.clone()).unwrap();
        assert_eq!(keys.public_keys().len(), 1);
        assert!(keys.is_signer(None));
        let open = || KeyFile::open(&folder).unwrap();
        assert!(open().retire("unnamed", now + NOTICE_SECONDS - 1).is_err());
        clock.advance(NOTICE_SECONDS);
        assert!(keys.is_signer(Some(&name)));
        assert!(open().retire(&name, now + NOTICE_SECONDS).is_err());
        open().retire("unnamed", now + NOTICE_SECONDS).unwrap();
        // A key that does not sign yet can be taken back.
        let name = open().rotate(None, now + NOTICE_SECONDS, NOTICE_SECONDS).unwrap();
        open().retire(&name, now + NOTICE_SECONDS).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_is_retired_when_another_one_signs() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        assert!(KeyFile::open(&folder).is_err());
        let secret = kept::secret(&folder, JWT_FILE).unwrap();
        let old = JwtKeys::parse(&secret, Clock::manual(0)).unwrap();
        assert!(KeyFile::open(&folder).unwrap().retire("unnamed", 0).is_err());
        let name = KeyFile::open(&folder).unwrap().rotate(None, 0, 0).unwrap();
        let now = || JwtKeys::parse(&kept::secret(&folder, JWT_FILE).unwrap(), Clock::manual(0)).unwrap();
        assert!(now().verify(&token(&old)).is_ok());
        assert!(KeyFile::open(&folder).unwrap().retire(&name, 0).is_err());
        KeyFile::open(&folder).unwrap().retire("unnamed", 0).unwrap();
        assert!(now().verify(&token(&old)).is_err() && now().can_sign());
        // Every kind can be made, and is read again.
        for kind in <KeyType as clap::ValueEnum>::value_variants() {
            KeyFile::open(&folder).unwrap().rotate(Some(*kind), 0, 0).unwrap();
            assert!(now().verify_own(&token(&now())).is_ok(), "{kind:?}");
        }
        assert_eq!(now().public_keys().len(), 5);
        let mode = std::fs::metadata(folder.join(JWT_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
