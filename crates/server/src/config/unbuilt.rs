//! Services that this version does not have. Whoever configures one must not believe that it is on: files that
//! seem to go to S3 and stay on a disk are worse than a server that does not start.

use super::{Exit, variable};

/// The variable that switches a service on, and what is the case without that service.
const UNBUILT: &[(&str, &str)] = &[
    (
        "NHOST_SUBDOMAIN",
        "this version runs alone and serves Nhost's APIs itself; it cannot run on an Nhost project yet",
    ),
    ("FIREBASE_CREDENTIALS_PATH", "this version cannot send push notifications yet"),
    ("STRIPE_SECRET_KEY", "this version has no subscriptions yet"),
];

/// Refuses a configuration that counts on one of them.
pub(super) fn refuse() -> Result<(), Exit> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    match UNBUILT.iter().find(|(name, _)| is_set(name)) {
        Some((name, what)) => Err(Exit::wrong(name, &format!("{what}; unset the variable to go on"))),
        None => Ok(()),
    }
}
