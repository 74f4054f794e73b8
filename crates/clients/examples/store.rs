//! The tests' store of objects as a program of its own, for those that measure the server with a bucket beside it:
//! `store FOLDER`. It says in one line of JSON where it is and what its keys are, and serves until it is ended.
//!
//! Never part of the product: anybody who can reach it on this machine can use it.

use std::error::Error;
use std::path::Path;

use clients::testing::{Store, StoreOptions};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: store FOLDER")?;
    let store = Store::start(Path::new(&folder), StoreOptions::default()).await;
    let settings = store.settings();
    let (id, secret) = Store::FIRST_KEYS;
    let told = json!({
        "endpoint": store.endpoint(),
        "bucket": settings.bucket,
        "region": settings.region,
        "accessKeyId": id,
        "secretAccessKey": secret,
    });
    #[expect(clippy::print_stdout, reason = "whoever started it reads this")]
    {
        println!("{told}");
    }
    std::future::pending().await
}
