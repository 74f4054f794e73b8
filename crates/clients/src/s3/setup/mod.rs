//! Makes a bucket right for the messenger: there, closed to the public, encrypted, open to the web client's pages, and
//! with rules for what lies long. Each part is read first and written only where it differs, so that a second run
//! changes nothing; what others have set up beside it stays.
//!
//! Is for an operator's command, never for a server's start: its rights are wider than those that a server needs.

mod cors;
mod creation;
mod encryption;
mod lifecycle;
mod ownership;
mod public_access;
mod refusal;
mod transport;

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::Client;

use self::creation::Creation;
use self::refusal::Refusal;
use super::{Bucket, Settings};

/// How long to wait between looks at what was written: stores tell of it after some seconds at times.
const LOOKS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// What a bucket must have beside what [`Settings`] say.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The origins of the pages that send and fetch files from browsers, such as `https://chat.example.com`.
    pub origins: Vec<String>,
    /// When files go to an archive; `None` leaves them where they are.
    pub archive: Option<Archive>,
    /// Whether the server may have to restore files from an archive before they are read.
    pub may_restore: bool,
    /// Whether the bucket itself refuses calls that are not encrypted.
    pub refuse_plain_http: bool,
}

/// When and where files go that lie long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// So many days after they were put.
    pub after_days: u16,
    /// Where to.
    pub class: ArchiveClass,
}

/// A cheaper place for what is seldom read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveClass {
    /// Glacier Instant Retrieval: read as before, at a higher price.
    Instant,
    /// Glacier Flexible Retrieval: restored within hours before it can be read.
    Flexible,
}

/// What came of one part.
#[derive(Debug)]
pub struct Step {
    /// What it is about.
    pub subject: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was right; how it is.
    Right(String),
    /// It was made right; how it is now.
    Changed(String),
    /// The store has no such thing, and must be closed or opened by its own means.
    Unsupported,
    /// It is not right; why.
    Failed(String),
}

impl Step {
    /// Whether the bucket is not as it should be.
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, detail) = match &self.outcome {
            Outcome::Right(detail) => ("right", detail.as_str()),
            Outcome::Changed(detail) => ("changed", detail.as_str()),
            Outcome::Unsupported => ("skipped", "the store has no such setting"),
            Outcome::Failed(detail) => ("failed", detail.as_str()),
        };
        write!(f, "{word:<8} {}: {detail}", self.subject)
    }
}

/// The bucket that is being set up.
struct Target<'a> {
    client: Client,
    settings: &'a Settings,
}

/// One thing that a bucket has: how it is read, what it must be, and how it is written.
trait Part {
    /// How it is.
    type State;

    /// What it is called in what the operator reads.
    const SUBJECT: &'static str;
    /// The right to read it, by the name that policies have for it.
    const READ: &'static str;
    /// The right to write it.
    const WRITE: &'static str;

    /// Reads how it is.
    async fn read(&self, target: &Target<'_>) -> Result<Self::State, Refusal>;

    /// What is to be written; `None` where `found` is right.
    fn correction(&self, found: &Self::State) -> Option<Self::State>;

    /// Writes it.
    async fn write(&self, target: &Target<'_>, state: Self::State) -> Result<(), Refusal>;

    /// How it is, for the operator; `state` is right.
    fn describe(&self, state: &Self::State) -> String;
}

/// Makes the bucket right, and tells of each part as it is done. A part that fails does not keep the others from
/// being tried, but without a bucket there is none.
pub async fn setup(bucket: &Bucket, wanted: &Wanted, mut tell: impl FnMut(&Step)) {
    let settings = bucket.settings();
    let target = Target { client: bucket.0.client.clone(), settings };
    let creation = Creation::of(&target).await;
    let is_there = creation.is_there;
    tell(&creation.step);
    if !is_there {
        return;
    }
    if settings.object_acl.is_none() {
        tell(&make_right(&ownership::Ownership, &target).await);
    }
    tell(&make_right(&public_access::PublicAccess, &target).await);
    tell(&make_right(&encryption::AtRest(&settings.encryption), &target).await);
    if !wanted.origins.is_empty() {
        tell(&make_right(&cors::Browsers(&wanted.origins), &target).await);
    }
    tell(&make_right(&lifecycle::Lifecycle(wanted.archive), &target).await);
    if wanted.refuse_plain_http {
        tell(&make_right(&transport::Transport(settings), &target).await);
    }
}

/// The rights that [`setup`] needs, by the names that policies have for them.
pub(super) fn rights(settings: &Settings, wanted: &Wanted) -> Vec<&'static str> {
    fn of<P: Part>(_: &P) -> [&'static str; 2] {
        [P::READ, P::WRITE]
    }
    let mut rights = vec![creation::LOOK, creation::MAKE];
    if settings.object_acl.is_none() {
        rights.extend(of(&ownership::Ownership));
    }
    rights.extend(of(&public_access::PublicAccess));
    rights.extend(of(&encryption::AtRest(&settings.encryption)));
    if !wanted.origins.is_empty() {
        rights.extend(of(&cors::Browsers(&wanted.origins)));
    }
    rights.extend(of(&lifecycle::Lifecycle(wanted.archive)));
    if wanted.refuse_plain_http {
        rights.extend(of(&transport::Transport(settings)));
    }
    rights
}

async fn make_right<P: Part>(part: &P, target: &Target<'_>) -> Step {
    Step { subject: P::SUBJECT, outcome: outcome(part, target).await }
}

async fn outcome<P: Part>(part: &P, target: &Target<'_>) -> Outcome {
    let found = match part.read(target).await {
        Ok(found) => found,
        Err(refusal) => return refusal.outcome(P::READ),
    };
    let Some(correction) = part.correction(&found) else {
        return Outcome::Right(part.describe(&found));
    };
    if let Err(refusal) = part.write(target, correction).await {
        return refusal.outcome(P::WRITE);
    }
    for pause in LOOKS {
        tokio::time::sleep(pause).await;
        match part.read(target).await {
            Ok(now) if part.correction(&now).is_none() => return Outcome::Changed(part.describe(&now)),
            Ok(_) => {}
            Err(refusal) => return refusal.outcome(P::READ),
        }
    }
    Outcome::Failed("it was written, and the store shows it otherwise".to_owned())
}
