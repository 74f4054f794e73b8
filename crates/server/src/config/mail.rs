//! The settings of letters: a mailbox at Gmail, else a mail server under the names that Nhost Auth has for it, else
//! the outbox folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::clock::Clock;
use clap::Args;
use clients::mail::{Gmail, Mailer, Outbox, Security, Sender, Smtp, SmtpOptions};
use secrecy::SecretString;

use super::Exit;
use super::gmail::GmailConfig;

/// How long a step of a mail server may take, and a letter altogether.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);
const TIMEOUT: Duration = Duration::from_mins(1);

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
        if let Some(folder) = &self.letters
            && !folder.is_dir()
        {
            return Err(Exit::wrong("BRAIN_LETTERS", &format!("{} is not a folder", folder.display())));
        }
        self.sender().map(|_| ()).map_err(|error| Exit::wrong("AUTH_SMTP_SENDER", &error.to_string()))
    }

    /// The way for letters.
    pub(crate) async fn mailer(&self, data_dir: &Path, clock: &Clock) -> Result<Mailer, clients::Error> {
        if let Some((options, sender)) = self.gmail.options()? {
            let gmail = Gmail::new(options, sender, clock.clone())?;
            gmail.check().await?;
            return Ok(Mailer::Gmail(gmail));
        }
        let sender = self.sender()?;
        let Some(host) = &self.auth_smtp_host else {
            return Ok(Mailer::Outbox(Outbox::open(&data_dir.join("outbox"), sender)?));
        };
        let options = SmtpOptions {
            host: host.clone(),
            port: self.auth_smtp_port,
            security: self.security(host),
            credentials: self.auth_smtp_user.clone().zip(self.auth_smtp_pass.clone()),
            step_timeout: STEP_TIMEOUT,
            timeout: TIMEOUT,
        };
        Ok(Mailer::Smtp(Smtp::new(options, sender)?))
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
    fn what_leaves_the_machine_is_encrypted() {
        assert_eq!(read(&[]).security("mail.example.com"), Security::StartTls);
        assert_eq!(read(&["--auth-smtp-secure", "true"]).security("mail.example.com"), Security::Implicit);
        assert_eq!(read(&[]).security("127.0.0.1"), Security::None);
    }
}
