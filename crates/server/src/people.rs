//! `brainmessenger people …`: accounts from the command line, beside a running server or without one.

use std::io::Write;

use anyhow::{bail, ensure};
use app::auth::{Deed, People, Person};
use clap::Subcommand;

use crate::beside::with_database;
use crate::config::Config;

/// What is done with accounts. WHO is an id or an e-mail address.
#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// List accounts, the newest first
    List {
        /// Those alone whose address or name contains this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Those alone that are blocked
        #[arg(long)]
        blocked: bool,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show an account and its sessions
    Show { who: String },
    /// Keep somebody out, and end their sessions
    Block { who: String },
    /// Let somebody in again
    Unblock { who: String },
    /// End somebody's sessions and personal access tokens
    SignOut { who: String },
    /// Take somebody's address for verified
    Verify { who: String },
    /// Delete an account, for good
    Delete {
        who: String,
        /// That this is meant
        #[arg(long)]
        yes: bool,
    },
}

/// Does it, and tells on the standard output.
pub(crate) async fn run(config: &Config, command: &PeopleCommand) -> anyhow::Result<()> {
    if let PeopleCommand::Delete { yes, .. } = command {
        ensure!(*yes, "deleting cannot be undone; say --yes");
    }
    with_database(config, async |pool| run_on(&People::new(pool), command).await).await
}

async fn run_on(people: &People, command: &PeopleCommand) -> anyhow::Result<()> {
    ensure!(
        people.are_kept().await?,
        "the database has no accounts; the server makes their tables at its start"
    );
    let (who, deed, done) = match command {
        PeopleCommand::List { search, blocked, limit } => {
            let found = people.list(search.as_deref(), *blocked, i64::from(*limit)).await?;
            return list(&found);
        }
        PeopleCommand::Show { who } => return show(people, &find(people, who).await?).await,
        PeopleCommand::Block { who } => (who, Deed::Block, "is blocked"),
        PeopleCommand::Unblock { who } => (who, Deed::Unblock, "may come in again"),
        PeopleCommand::SignOut { who } => (who, Deed::SignOut, "is signed out everywhere"),
        PeopleCommand::Verify { who } => (who, Deed::Verify, "has a verified address"),
        PeopleCommand::Delete { who, .. } => (who, Deed::Delete, "is deleted"),
    };
    let person = find(people, who).await?;
    ensure!(people.do_to(person.id, deed).await?, "{who} has gone meanwhile, or has no address");
    writeln!(std::io::stdout(), "{} {done}", name(&person))?;
    Ok(())
}

async fn find(people: &People, who: &str) -> anyhow::Result<Person> {
    match people.find(who).await? {
        Some(person) => Ok(person),
        None => bail!("there is no account with the id or the address {who}"),
    }
}

fn list(found: &[Person]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for person in found {
        let seen = person.last_seen.as_deref().unwrap_or("never");
        let line = format!("{}  {seen:<16}  {}  {}", person.id, name(person), marks(person).join(", "));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

async fn show(people: &People, person: &Person) -> anyhow::Result<()> {
    let sessions = people.sessions(person.id).await?;
    let mut out = std::io::stdout().lock();
    let marks = marks(person);
    for (label, value) in [
        ("id", person.id.to_string()),
        ("name", printable(&person.display_name)),
        ("address", person.email.clone().unwrap_or_else(|| "none".to_owned())),
        ("made", person.created_at.clone()),
        ("last seen", person.last_seen.clone().unwrap_or_else(|| "never".to_owned())),
        ("roles", person.roles.join(", ")),
        ("is", if marks.is_empty() { "as usual".to_owned() } else { marks.join(", ") }),
    ] {
        writeln!(out, "{label:<10} {value}")?;
    }
    for session in sessions {
        let kind = if session.kind == "pat" { "token" } else { "session" };
        let (begun, ends) = (&session.created_at, &session.expires_at);
        writeln!(out, "{kind:<10} {}  {begun} to {ends}  {}", session.id, printable(&session.device))?;
    }
    Ok(())
}

/// What is unusual about an account.
fn marks(person: &Person) -> Vec<&'static str> {
    let all = [
        (person.disabled, "blocked"),
        (person.is_anonymous, "anonymous"),
        (!person.email_verified && !person.is_anonymous, "not verified"),
        (person.has_second_factor, "second factor"),
    ];
    all.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect()
}

fn name(person: &Person) -> String {
    person.email.clone().unwrap_or_else(|| printable(&person.display_name))
}

/// People choose their names, and programs theirs: a terminal must not obey them.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
