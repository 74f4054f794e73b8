//! The server is killed while people put files, again and again: what it acknowledged is there whole, nothing is there
//! in half, and once the time of what was begun is over, nothing is left of it.
//!
//! `BRAIN_KILLS` says how often; `make chaos` runs many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clients::testing::{Store, StoreOptions};
use rand::RngExt as _;

use super::check::{all_agree, files_are_whole, is_tidied_up};
use super::load::Client;
use super::server::Server;

/// How often the server is killed when nobody says it.
const KILLS: usize = 5;

/// How many put files at the same time.
const CLIENTS: u64 = 6;

/// After so many kills it is looked whether all is tidied up, and at the end.
const TIDIED: usize = 10;

/// The server is killed somewhere among so many answers, or after so long.
const ANSWERS: usize = 20;
const PATIENCE: Duration = Duration::from_millis(1500);

#[expect(clippy::print_stdout, reason = "what it was is told beside the result")]
async fn files_survive_kills(mut server: Server, store: Option<&Store>) {
    let kills = super::environment("BRAIN_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let answers = Arc::new(AtomicUsize::new(0));
    let client = |_| Client::new(rand::rng().random(), Arc::clone(&answers));
    let mut clients: Vec<Client> = (0..CLIENTS).map(client).collect();
    server.start().await;
    for kill in 1..=kills {
        let address = server.address();
        let working: Vec<_> =
            clients.drain(..).map(|client| tokio::spawn(client.work(address.to_owned()))).collect();
        let until = answers.load(Ordering::Relaxed) + rand::rng().random_range(0..ANSWERS);
        let _ = tokio::time::timeout(PATIENCE, reach(&answers, until)).await;
        // Somewhere between two answers, too.
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..50))).await;
        server.kill().await;
        for client in working {
            clients.push(client.await.unwrap());
        }
        server.start().await;
        files_are_whole(&server, &clients).await;
        if kill % TIDIED == 0 || kill == kills {
            is_tidied_up(&mut server).await;
            all_agree(&server, store, &clients).await;
            for client in &mut clients {
                client.forget_what_is_gone();
            }
        }
    }
    let answered = answers.load(Ordering::Relaxed);
    let left = store.map_or(0, Store::uploads);
    println!("{kills} kills, {answered} steps answered, {left} unfinished uploads left in the bucket");
    assert!(answered > 0);
    server.stop().await;
}

/// Waits until so many steps were answered.
pub(super) async fn reach(answers: &AtomicUsize, number: usize) {
    while answers.load(Ordering::Relaxed) < number {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_a_folder_survive_kills() {
    Box::pin(files_survive_kills(Server::new(&[]), None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_a_bucket_survive_kills() {
    let folder = std::env::temp_dir().join(format!("brain-kills-bucket-{}", uuid::Uuid::new_v4().simple()));
    let store = Store::start(&folder, StoreOptions::default()).await;
    let server = Server::new(&super::server::bucket(&store.endpoint()));
    Box::pin(files_survive_kills(server, Some(&store))).await;
    std::fs::remove_dir_all(folder).unwrap();
}
