//! A thread that removes the databases of tests that have ended, one after the other.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::databases;
use crate::connect::Address;

type Removal = (Address, String);

/// Has the database of that name removed, soon.
pub(super) fn remove(server: Address, name: String) {
    static QUEUE: OnceLock<Sender<Removal>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (sender, receiver) = channel();
        thread::spawn(move || work(&receiver));
        sender
    });
    // Where the thread has ended, a later process sweeps.
    let _ = queue.send((server, name));
}

fn work(queue: &Receiver<Removal>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    for (server, name) in queue {
        let _ = runtime.block_on(databases::drop_forced(&server, &name));
    }
}
