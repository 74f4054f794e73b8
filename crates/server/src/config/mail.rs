//! The settings of letters: a mailbox at Gmail, else a mail server under the names that Nhost Auth has for it, else
//! the outbox folder.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::clock::Clock;
use clap::Args;
use clients::mail::{Gmail, Mailer, Outbox, Security, Sender, Smtp, SmtpOptions, Way};
use secrecy::SecretString;

use super::Exit;
use super::gmail::GmailConfig;

/// Who writes the letters of an installation that names nobody.
const NOBODY: &str = "BrainMessenger <no-reply@localhost.localdomain>";

/// How letters reach people.
#[derive(Debug, Args)]
#[command(next_help_heading = "Letters")]
pub(crate) struct MailConfig {
    #[command(flatten)]
    pub(crate) gmail: GmailConfig,
    /// The mail server; without one, letters become files in the folder `outbox` of the data folder
    #[arg(long, env = "AUTH_SMTP_HOST", value_name = "HOST")]
    pub(crate) auth_smtp_host: Option<String>,
    /// Its port
    #[arg(long, env = "AUTH_SMTP_PORT", value_name = "PORT", default_value_t = 587)]
    pub(crate) auth_smtp_port: u16,
    /// Whether the connection is encrypted from its first byte (port 465), and not by STARTTLS. A server on this
    /// machine is spoken to without
    #[arg(long, env = "AUTH_SMTP_SECURE", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) auth_smtp_secure: bool,
    /// The user's name at the mail server
    #[arg(long, env = "AUTH_SMTP_USER", value_name = "USER", requires = "auth_smtp_pass")]
    pub(crate) auth_smtp_user: Option<String>,
    /// The user's password at the mail server
    #[arg(
        long,
        env = "AUTH_SMTP_PASS",
        value_name = "PASSWORD",
        hide_env_values = true,
        requires = "auth_smtp_user"
    )]
    pub(crate) auth_smtp_pass: Option<SecretString>,
    /// Who writes: `address`, or `Name <address>`
    #[arg(long, env = "AUTH_SMTP_SENDER", value_name = "SENDER")]
    pub(crate) auth_smtp_sender: Option<String>,
    /// How long a letter may take at the mail server altogether, in seconds. A server that answers later has perhaps
    /// taken it, and gets it twice
    #[arg(long, env = "BRAIN_SMTP_TIMEOUT", value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u16).range(1..=1200))]
    pub(crate) smtp_timeout: u16,
    /// How long each step before the letter's text may take, connecting the first of them, in seconds
    #[arg(long, env = "BRAIN_SMTP_STEP_TIMEOUT", value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u16).range(1..=120))]
    pub(crate) smtp_step_timeout: u16,
    /// How often a letter is tried there; 0 is until its deadline
    #[arg(long, env = "BRAIN_SMTP_TRIES", value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) smtp_tries: u32,
    /// Folder with texts of letters, `LOCALE/LETTER/subject.txt`, `body.txt`, `body.html`, to be used before
    /// those that are built in
    #[arg(long, env = "BRAIN_LETTERS", value_name = "FOLDER")]
    pub(crate) letters: Option<PathBuf>,
}

impl MailConfig {
    /// Whether letters reach people.
    pub(crate) fn is_on(&self) -> bool {
        self.gmail.is_on() || self.auth_smtp_host.is_some()
    }

    /// Refuses settings that contradict each other.
    pub(crate) fn check(&self, is_production: bool) -> Result<(), Exit> {
        self.gmail.check()?;
        if is_production && !self.is_on() {
            let what = "in production letters need GMAIL_SENDER or a mail server: a folder is no way to reach people";
            return Err(Exit::wrong("AUTH_SMTP_HOST", what));
        }
        if self.auth_smtp_host.is_some() && self.auth_smtp_sender.is_none() {
            return Err(Exit::wrong("AUTH_SMTP_SENDER", "a mail server needs to be told who writes"));
        }
        if self.gmail.gmail_overflow_to_smtp && !(self.gmail.is_on() && self.auth_smtp_host.is_some()) {
            let what = "needs both ways, GMAIL_SENDER and AUTH_SMTP_HOST";
            return Err(Exit::wrong("GMAIL_OVERFLOW_TO_SMTP", what));
        }
        if let Some(folder) = &self.letters
            && !folder.is_dir()
        {
            return Err(Exit::wrong("BRAIN_LETTERS", &format!("{} is not a folder", folder.display())));
        }
        self.sender().map(|_| ()).map_err(|error| Exit::wrong("AUTH_SMTP_SENDER", &error.to_string()))
    }

    /// The ways for letters.
    pub(crate) async fn mailer(&self, data_dir: &Path, clock: &Clock) -> Result<Mailer, clients::Error> {
        let smtp = self.smtp()?.map(Way::Smtp);
        if let Some((options, sender)) = self.gmail.options()? {
            let gmail = Gmail::new(options, sender, clock.clone())?;
            gmail.check().await?;
            let first = Mailer::from(Way::Gmail(gmail));
            return Ok(match smtp.filter(|_| self.gmail.gmail_overflow_to_smtp) {
                Some(second) => first.with_second(second),
                None => first,
            });
        }
        match smtp {
            Some(smtp) => Ok(smtp.into()),
            None => Ok(Way::Outbox(Outbox::open(&data_dir.join("outbox"), self.sender()?)?).into()),
        }
    }

    /// The mail server, where there is one.
    fn smtp(&self) -> Result<Option<Smtp>, clients::Error> {
        let Some(host) = &self.auth_smtp_host else { return Ok(None) };
        let options = SmtpOptions {
            host: host.clone(),
            port: self.auth_smtp_port,
            security: self.security(host),
            credentials: self.auth_smtp_user.clone().zip(self.auth_smtp_pass.clone()),
            step_timeout: Duration::from_secs(self.smtp_step_timeout.into()),
            timeout: Duration::from_secs(self.smtp_timeout.into()),
            tries: NonZeroU32::new(self.smtp_tries),
        };
        Ok(Some(Smtp::new(options, self.sender()?)?))
    }

    fn sender(&self) -> Result<Sender, clients::Error> {
        Sender::parse(self.auth_smtp_sender.as_deref().unwrap_or(NOBODY))
    }

    fn security(&self, host: &str) -> Security {
        match host {
            _ if self.auth_smtp_secure => Security::Implicit,
            "localhost" | "127.0.0.1" | "::1" => Security::None,
            _ => Security::StartTls,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    fn read(arguments: &[&str]) -> MailConfig {
        let all = [&["brainmessenger"], arguments].concat();
        CommandLine::try_parse_from(all).unwrap().config.mail
    }

    fn refusal(config: &MailConfig, is_production: bool) -> String {
        config.check(is_production).unwrap_err().message().to_owned()
    }

    #[test]
    fn production_needs_a_way_to_people() {
        assert!(read(&[]).check(false).is_ok() && !read(&[]).is_on());
        assert!(refusal(&read(&[]), true).starts_with("AUTH_SMTP_HOST: "));
        let server = ["--auth-smtp-host", "mail.example.com"];
        assert!(refusal(&read(&server), true).starts_with("AUTH_SMTP_SENDER: "));
        let complete = read(&[server.as_slice(), &["--auth-smtp-sender", "Brain <a@b.c>"]].concat());
        assert!(complete.check(true).is_ok() && complete.is_on());
        let wrong = read(&["--auth-smtp-sender", "nobody"]);
        assert!(refusal(&wrong, false).starts_with("AUTH_SMTP_SENDER: "));
        let gmail =
            "--gmail-sender a@b.c --gmail-client-id i --gmail-client-secret s --gmail-refresh-token r";
        let gmail = read(&gmail.split(' ').collect::<Vec<_>>());
        assert!(gmail.check(true).is_ok() && gmail.is_on());
    }

    #[test]
    fn what_goes_over_needs_both_ways() {
        let gmail =
            "--gmail-sender a@b.c --gmail-client-id i --gmail-client-secret s --gmail-refresh-token r";
        let smtp = "--auth-smtp-host mail.example.com --auth-smtp-sender a@b.c";
        let of = |ways: &str| {
            let all = format!("--gmail-overflow-to-smtp true {ways}");
            read(&all.split_whitespace().collect::<Vec<_>>())
        };
        for one in ["", gmail, smtp] {
            assert!(refusal(&of(one), false).starts_with("GMAIL_OVERFLOW_TO_SMTP: "), "{one}");
        }
        assert!(of(&format!("{gmail} {smtp}")).check(true).is_ok());
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted() {
        assert_eq!(read(&[]).security("mail.example.com"), Security::StartTls);
        assert_eq!(read(&["--auth-smtp-secure", "true"]).security("mail.example.com"), Security::Implicit);
        assert_eq!(read(&[]).security("127.0.0.1"), Security::None);
    }
}
