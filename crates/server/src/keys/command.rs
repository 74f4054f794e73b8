//! `brainmessenger keys list|rotate|retire`: the keys of access tokens, from the command line. A running server notices
//! within seconds; nobody is signed out by `rotate`.

use std::io::Write;

use anyhow::ensure;
use base::clock::Clock;
use clap::Subcommand;

use super::list::{Entry, KeyFile, KeyType, NOTICE_SECONDS};
use crate::config::Config;

/// What is done with the keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys; one signs, all verify
    List,
    /// Make a new key; it verifies at once, signs in two minutes, when all who verify tokens know it, and the old ones
    /// go on verifying
    Rotate {
        /// The kind of the new key; without it, that of the key that signs now
        #[arg(long = "type", value_name = "TYPE", value_enum)]
        kind: Option<KeyType>,
        /// Let it sign at once, because the key that signs now is known to others. Who verifies tokens by the published
        /// keys may refuse new ones for a minute
        #[arg(long)]
        now: bool,
    },
    /// Throw an old key away, best when the last token that it signed has ended (`AUTH_ACCESS_TOKEN_EXPIRES_IN`)
    Retire {
        /// The key's name in the list
        #[arg(value_name = "KEY")]
        name: String,
    },
}

/// Does it, and tells on the standard output.
pub(crate) fn run(config: &Config, command: &KeysCommand) -> anyhow::Result<()> {
    ensure!(
        config.keys.nhost_jwt_secret.is_none(),
        "NHOST_JWT_SECRET gives the keys: change them there (a list of keys is possible)"
    );
    let mut file = KeyFile::open(&config.server.data_dir)?;
    let now = Clock::system().unix_seconds();
    let mut out = std::io::stdout();
    match command {
        KeysCommand::List => {
            let keys = file.keys(now)?;
            for entry in &file.entries {
                let does = match entry.signs_from {
                    _ if keys.is_signer(entry.kid()) => "signs".to_owned(),
                    Some(from) if from > now => format!("signs in {} s", from - now),
                    _ => "verifies".to_owned(),
                };
                let line =
                    format!("{:<12}  {:<6}  {does:<14}  {}", entry.name(), entry.kind, age(entry, now));
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        KeysCommand::Rotate { kind, now: is_urgent } => {
            let notice = if *is_urgent { 0 } else { NOTICE_SECONDS };
            let name = file.rotate(*kind, now, notice)?;
            let from = if *is_urgent { "from now on".to_owned() } else { format!("in {notice} s") };
            writeln!(out, "{name} signs {from}; the old keys verify until they are retired")?;
        }
        KeysCommand::Retire { name } => {
            file.retire(name, now)?;
            writeln!(out, "{name} is retired")?;
        }
    }
    Ok(())
}

/// How old a key is, where that is known.
fn age(entry: &Entry, now: i64) -> String {
    let Some(created) = entry.created_at else { return String::new() };
    let hours = now.saturating_sub(created).max(0) / 3600;
    if hours < 48 { format!("{hours} h old") } else { format!("{} d old", hours / 24) }
}
