//! `brainmessenger storage …`: makes the store of files right, tries it, and compares it with the book of what is in it.
//! It works beside a running server or without one, for a bucket and for a folder.

mod book;
mod compare;

use std::io::Write;
use std::path::Path;

use anyhow::{bail, ensure};
use app::files::{DiskStore, S3Store, Store};
use base::clock::Clock;
use clap::{Subcommand, ValueEnum};
use clients::s3::check::check;
use clients::s3::policy;
use clients::s3::setup::{Outcome, Step, setup};
use clients::s3::{Bucket, PREFIX};

use self::book::Book;
use self::compare::{Inspection, Repair};
use crate::beside::with_database;
use crate::config::Config;

/// What is done with the store of files.
#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Make the bucket right: there, closed, encrypted, with its rules; a second run changes nothing
    Setup {
        /// Print the least policy of IAM instead: for the server, or for this command (setup)
        #[arg(long, value_name = "WHO", value_enum, num_args = 0..=1, default_missing_value = "server")]
        print_policy: Option<Who>,
    },
    /// Try the store, and compare what is in it with what the database knows of it
    Check {
        /// Give up what the store has and nobody knows, and tell of files that it does not have that they are not there
        #[arg(long)]
        repair: bool,
        /// Repair even where most differs, as after a lost bucket
        #[arg(long, requires = "repair")]
        yes: bool,
    },
}

/// Whose rights a policy is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Who {
    /// The server's.
    Server,
    /// Those of whoever sets the bucket up.
    Setup,
}

/// Does it, and tells on the standard output.
pub(crate) async fn run(config: &Config, command: &StorageCommand) -> anyhow::Result<()> {
    match command {
        StorageCommand::Setup { print_policy: Some(who) } => print_policy(config, *who),
        StorageCommand::Setup { print_policy: None } => set_up(config).await,
        StorageCommand::Check { repair, yes } => {
            let repair = match (repair, yes) {
                (false, _) => Repair::Nothing,
                (true, false) => Repair::WhereFewDiffer,
                (true, true) => Repair::All,
            };
            check_store(config, repair).await
        }
    }
}

fn bucket(config: &Config) -> anyhow::Result<Bucket> {
    match config.s3.bucket()? {
        Some(bucket) => Ok(bucket),
        None => bail!(
            "AWS_S3_BUCKET is not set: files are kept in the data folder, and there is nothing to set up"
        ),
    }
}

fn print_policy(config: &Config, who: Who) -> anyhow::Result<()> {
    let (bucket, wanted) = (bucket(config)?, config.wanted_of_bucket());
    let policy = match who {
        Who::Server => policy::for_server(bucket.settings(), &wanted),
        Who::Setup => policy::for_setup(bucket.settings(), &wanted),
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&policy)?)?;
    Ok(())
}

async fn set_up(config: &Config) -> anyhow::Result<()> {
    let bucket = bucket(config)?;
    let mut tally = Tally::default();
    setup(&bucket, &config.wanted_of_bucket(), |step| tally.tell(step)).await;
    tally.end()
}

async fn check_store(config: &Config, repair: Repair) -> anyhow::Result<()> {
    let mut tally = Tally::default();
    let store = if let Some(bucket) = config.s3.bucket()? {
        let (wanted, clock) = (config.wanted_of_bucket(), Clock::system());
        let key = format!("{PREFIX}{}/check", uuid::Uuid::new_v4());
        check(&bucket, &wanted, &key, &clock, |step| tally.tell(step)).await;
        Store::S3(S3Store::new(bucket, clock))
    } else {
        let folder = config.server.data_dir.join("files");
        let (store, outcome) = try_folder(&folder).await?;
        tally.tell(&Step { subject: "folder", outcome });
        store
    };
    let compared = with_database(config, async |pool| {
        let book = Book::open(pool).await?;
        Inspection { store: &store, book: &book, repair }.run().await
    });
    let outcome = match Box::pin(compared).await {
        Ok(summary) => Outcome::Right(summary),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    };
    tally.tell(&Step { subject: "store and database", outcome });
    tally.end()
}

/// The store in a folder, and whether files can be kept there.
async fn try_folder(folder: &Path) -> anyhow::Result<(Store, Outcome)> {
    let store = Store::Disk(DiskStore::open(folder).await?);
    let outcome = match store.try_out().await {
        Ok(()) => Outcome::Right(format!("files are put, read and removed in {}", folder.display())),
        Err(error) => Outcome::Failed(format!("{}: {error}", folder.display())),
    };
    Ok((store, outcome))
}

/// Tells of steps, and counts those that failed.
#[derive(Default)]
struct Tally {
    steps: u32,
    failed: u32,
}

impl Tally {
    fn tell(&mut self, step: &Step) {
        self.steps += 1;
        self.failed += u32::from(step.is_failure());
        // Where nobody listens there is nobody to tell.
        let _ = writeln!(std::io::stdout(), "{step}");
    }

    fn end(self) -> anyhow::Result<()> {
        ensure!(self.failed == 0, "{} of {} steps failed", self.failed, self.steps);
        Ok(())
    }
}
