//! Nhost Storage's API over the project as it is (its database, its engine, its permissions) and each place where the bytes of
//! files can be. A test is a body that gets the place; `in_each_place!` runs it for all of them.

/// Runs each test with the bytes in each place.
macro_rules! in_each_place {
    ($($test:ident),* $(,)?) => {
        mod on_disk {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(crate::files::Place::Disk)).await;
            })*
        }
    };
}

mod download;
mod form;
mod service;
mod upload;
mod whole;

use self::form::{BOUNDARY, Form, upload_request};
use self::service::{ANNA, Answer, BORIS, Caller, Place, SECRET, Service};
