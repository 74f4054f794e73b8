//! The bucket's keys are replaced by SIGHUP while people put files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clients::testing::{Store, StoreOptions};
use rustix::process::Signal;

use super::check::files_are_whole;
use super::kills::reach;
use super::load::Client;
use super::server::{Server, bucket};

/// How often keys are replaced.
const TIMES: usize = 5;

/// How long it may take until people have gone on so far.
const PATIENCE: Duration = Duration::from_secs(20);

/// Any answer but the wanted one ends the test in the client that got it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_replaced_while_people_put_files() {
    let folder = std::env::temp_dir().join(format!("brain-keys-bucket-{}", uuid::Uuid::new_v4().simple()));
    let store = Store::start(&folder, StoreOptions::default()).await;
    let mut settings = bucket(&store.endpoint());
    settings.retain(|(name, _)| !matches!(*name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY"));
    let mut server = Server::new(&settings);
    let env = server.root().join(".env");
    let write = |id: &str, secret: &str| {
        std::fs::write(&env, format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={secret}\n")).unwrap();
    };
    write("first", "first-secret");
    server.start().await;

    let answers = Arc::new(AtomicUsize::new(0));
    let address = server.address().to_owned();
    let clients = (0..4).map(|seed| Client::new(seed, Arc::clone(&answers)));
    let working: Vec<_> = clients.map(|client| tokio::spawn(client.work(address.clone()))).collect();
    let gone_on = async |steps: usize| {
        let until = answers.load(Ordering::Relaxed) + steps;
        tokio::time::timeout(PATIENCE, reach(&answers, until)).await.expect("people go on");
    };
    gone_on(5).await;
    let mut old = "first".to_owned();
    for number in 1..=TIMES {
        let (id, secret) = (format!("keys-{number}"), format!("secret-{number}"));
        store.allow(&id, &secret);
        write(&id, &secret);
        server.signal(Signal::HUP);
        server.says("the bucket's keys are read anew", number).await;
        store.forbid(&old);
        gone_on(8).await;
        old = id;
    }
    server.kill().await;
    let mut clients = Vec::new();
    for client in working {
        clients.push(client.await.unwrap());
    }
    server.start().await;
    files_are_whole(&server, &clients).await;
    server.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
