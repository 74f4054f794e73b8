//! The settings of letters through the Gmail API.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clients::google::{Credentials, Source};
use clients::http::{HttpOptions, is_safe_address};
use clients::mail::{GMAIL_BASE_URL, GmailOptions, Sender};
use secrecy::SecretString;

use super::Exit;

/// A mailbox at Gmail.
#[derive(Debug, Args)]
pub(crate) struct GmailConfig {
    /// The mailbox at Gmail that writes: `address`, or `Name <address>`. It goes before `AUTH_SMTP_HOST`
    #[arg(long, env = "GMAIL_SENDER", value_name = "SENDER")]
    pub(crate) gmail_sender: Option<String>,
    /// The client that the mailbox's owner has allowed to send
    #[arg(long, env = "GMAIL_CLIENT_ID", value_name = "ID")]
    pub(crate) gmail_client_id: Option<String>,
    /// That client's secret
    #[arg(long, env = "GMAIL_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) gmail_client_secret: Option<SecretString>,
    /// What the owner's consent gave, for the scope gmail.send
    #[arg(long, env = "GMAIL_REFRESH_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) gmail_refresh_token: Option<SecretString>,
    /// In the place of these three: Google's JSON file of a service account with delegation, or of an authorised
    /// user. It is read anew when it changes
    #[arg(long, env = "GMAIL_CREDENTIALS_PATH", value_name = "FILE")]
    pub(crate) gmail_credentials_path: Option<PathBuf>,
    /// Where the Gmail API is
    #[arg(long, env = "GMAIL_BASE_URL", value_name = "URL", default_value = GMAIL_BASE_URL)]
    pub(crate) gmail_base_url: String,
    /// Where Google's tokens are fetched; when it is not set: where the credentials say, or Google's own address
    #[arg(long, env = "GOOGLE_TOKEN_URL", value_name = "URL")]
    pub(crate) google_token_url: Option<String>,
    /// How long a call to Gmail may take, in seconds
    #[arg(long, env = "GMAIL_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u16).range(1..=30))]
    pub(crate) gmail_timeout: u16,
    /// How long a connection to Gmail may take to come about, in seconds
    #[arg(long, env = "GMAIL_CONNECT_TIMEOUT", value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=30))]
    pub(crate) gmail_connect_timeout: u16,
    /// How often a letter is tried; 0 is until its deadline
    #[arg(long, env = "GMAIL_TRIES", value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) gmail_tries: u32,
    /// Whether letters go through the mail server (`AUTH_SMTP_HOST`) while the mailbox may send no more today
    #[arg(long, env = "GMAIL_OVERFLOW_TO_SMTP", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) gmail_overflow_to_smtp: bool,
    /// The mailbox's units a minute, of which a letter costs 100
    #[arg(long, env = "GMAIL_UNITS_PER_MINUTE", value_name = "UNITS", default_value_t = 6000,
          value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) gmail_units_per_minute: u32,
    /// How many letters the mailbox may send a day: 500, or 2000 with Google Workspace
    #[arg(long, env = "GMAIL_LETTERS_PER_DAY", value_name = "LETTERS", default_value_t = 500,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) gmail_letters_per_day: u32,
}

impl GmailConfig {
    /// Whether letters go this way.
    pub(crate) fn is_on(&self) -> bool {
        self.gmail_sender.is_some()
    }

    /// Refuses settings that contradict each other, or are there in part.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        let three = [
            ("GMAIL_CLIENT_ID", self.gmail_client_id.is_some()),
            ("GMAIL_CLIENT_SECRET", self.gmail_client_secret.is_some()),
            ("GMAIL_REFRESH_TOKEN", self.gmail_refresh_token.is_some()),
        ];
        let given = three.iter().find(|(_, is_set)| *is_set);
        let missing = three.iter().find(|(_, is_set)| !is_set);
        let Some(sender) = &self.gmail_sender else {
            let path = self.gmail_credentials_path.as_ref().map(|_| &("GMAIL_CREDENTIALS_PATH", true));
            return match given.or(path) {
                Some((name, _)) => {
                    Err(Exit::wrong("GMAIL_SENDER", &format!("is needed where {name} is set")))
                }
                None => Ok(()),
            };
        };
        Sender::parse(sender).map_err(|error| Exit::wrong("GMAIL_SENDER", &error.to_string()))?;
        match (given, missing, &self.gmail_credentials_path) {
            (Some((name, _)), _, Some(_)) => {
                return Err(Exit::wrong(
                    "GMAIL_CREDENTIALS_PATH",
                    &format!("contradicts {name}: one of the two"),
                ));
            }
            (_, _, Some(path)) if !path.is_file() => {
                return Err(Exit::wrong(
                    "GMAIL_CREDENTIALS_PATH",
                    &format!("{} is not a file", path.display()),
                ));
            }
            (_, Some((name, _)), None) => {
                return Err(Exit::wrong(name, "is needed for GMAIL_SENDER, or else GMAIL_CREDENTIALS_PATH"));
            }
            _ => {}
        }
        let urls = [
            ("GMAIL_BASE_URL", Some(&self.gmail_base_url)),
            ("GOOGLE_TOKEN_URL", self.google_token_url.as_ref()),
        ];
        for (name, url) in urls {
            if url.is_some_and(|url| !is_safe_address(url)) {
                return Err(Exit::wrong(name, "is no https:// address, and none of this machine's"));
            }
        }
        Ok(())
    }

    /// The settings as the client takes them, with who writes; `None` where letters do not go this way.
    pub(crate) fn options(&self) -> Result<Option<(GmailOptions, Sender)>, clients::Error> {
        let Some(sender) = &self.gmail_sender else { return Ok(None) };
        let sender = Sender::parse(sender)?;
        let source = match (
            &self.gmail_credentials_path,
            &self.gmail_client_id,
            &self.gmail_client_secret,
            &self.gmail_refresh_token,
        ) {
            (Some(path), ..) => Source::File { path: path.clone(), subject: Some(sender.address()) },
            (None, Some(client_id), Some(client_secret), Some(refresh_token)) => {
                Source::Given(Credentials::RefreshToken {
                    client_id: client_id.clone(),
                    client_secret: client_secret.clone(),
                    refresh_token: refresh_token.clone(),
                })
            }
            _ => return Ok(None),
        };
        let options = GmailOptions {
            base_url: self.gmail_base_url.trim_end_matches('/').to_owned(),
            source,
            token_url: self.google_token_url.clone(),
            http: HttpOptions {
                connect_timeout: Duration::from_secs(self.gmail_connect_timeout.into()),
                timeout: Duration::from_secs(self.gmail_timeout.into()),
                ..HttpOptions::default()
            },
            units_per_minute: self.gmail_units_per_minute,
            letters_per_day: self.gmail_letters_per_day,
            tries: NonZeroU32::new(self.gmail_tries),
        };
        Ok(Some((options, sender)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    const SENDER: [&str; 2] = ["--gmail-sender", "Brain <brain@example.com>"];
    const REFRESH: [&str; 6] =
        ["--gmail-client-id", "id", "--gmail-client-secret", "s", "--gmail-refresh-token", "r"];

    fn read(arguments: &[&[&str]]) -> GmailConfig {
        let all = [&[["brainmessenger"].as_slice()], arguments].concat().concat();
        CommandLine::try_parse_from(all).unwrap().config.mail.gmail
    }

    fn refusal(arguments: &[&[&str]]) -> String {
        let config = read(arguments);
        config.check().err().map(|exit| exit.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn it_is_whole_or_refused() {
        assert!(read(&[]).check().is_ok() && read(&[]).options().unwrap().is_none());
        let whole = read(&[&SENDER, &REFRESH]);
        assert!(whole.check().is_ok() && whole.options().unwrap().is_some());
        assert!(refusal(&[&SENDER]).starts_with("GMAIL_CLIENT_ID: "));
        assert!(refusal(&[&SENDER, &REFRESH[..4]]).starts_with("GMAIL_REFRESH_TOKEN: "));
        assert!(refusal(&[&REFRESH]).starts_with("GMAIL_SENDER: "));
        assert!(refusal(&[&["--gmail-sender", "nobody"], &REFRESH]).starts_with("GMAIL_SENDER: "));
        let file = ["--gmail-credentials-path", "/nowhere/key.json"];
        assert!(refusal(&[&SENDER, &file]).starts_with("GMAIL_CREDENTIALS_PATH: "));
        assert!(refusal(&[&file]).starts_with("GMAIL_SENDER: "));
        assert!(refusal(&[&SENDER, &REFRESH, &file]).starts_with("GMAIL_CREDENTIALS_PATH: "));
    }

    #[test]
    fn letters_and_tokens_leave_the_machine_encrypted() {
        assert!(
            refusal(&[&SENDER, &REFRESH, &["--gmail-base-url", "http://gmail.example"]])
                .starts_with("GMAIL_BASE_URL: ")
        );
        assert!(
            refusal(&[&SENDER, &REFRESH, &["--google-token-url", "http://a.b"]])
                .starts_with("GOOGLE_TOKEN_URL: ")
        );
        assert_eq!(refusal(&[&SENDER, &REFRESH, &["--gmail-base-url", "http://127.0.0.1:1"]]), "");
    }

    #[test]
    fn a_service_account_acts_for_the_bare_address() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let config = read(&[&SENDER, &["--gmail-credentials-path", path]]);
        let (options, _) = config.options().unwrap().unwrap();
        let Source::File { subject, .. } = options.source else { panic!("no file") };
        assert_eq!(subject.as_deref(), Some("brain@example.com"));
    }
}
