//! What `brainmessenger storage setup` makes of a bucket beside what the server's own settings say.

use std::time::Duration;

use clap::Args;
use clients::s3::setup::{Archive, ArchiveClass, Wanted};

use super::{Config, Exit};

/// How the bucket is set up.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_field_names,
    reason = "all arguments are of one command: the name tells them apart from the server's"
)]
#[command(next_help_heading = "Setting up S3 (`brainmessenger storage setup`)")]
pub(crate) struct StorageConfig {
    /// After how many days files go to an archive; when it is not set: never
    #[arg(long, env = "AWS_S3_ARCHIVE_AFTER_DAYS", value_name = "DAYS",
          value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) s3_archive_after_days: Option<u16>,
    /// Which archive: `GLACIER_IR` (read at once), or GLACIER (restored within hours before it can be read); when it is
    /// not set: `GLACIER_IR`. GLACIER without days: no more files go there, and some still are there
    #[arg(long, env = "AWS_S3_ARCHIVE_CLASS", value_name = "CLASS", value_parser = ["GLACIER_IR", "GLACIER"])]
    pub(crate) s3_archive_class: Option<String>,
    /// Pages that may send and fetch files from browsers, beside those of `BRAIN_PUBLIC_URL`,
    /// `AUTH_CLIENT_URL`, `AUTH_SERVER_URL` and `AUTH_WEBAUTHN_RP_ORIGINS`: origins such as `https://chat.example.com`
    #[arg(long, env = "AWS_S3_ORIGINS", value_name = "URLS", value_delimiter = ',')]
    pub(crate) s3_origins: Vec<String>,
    /// Whether the bucket's policy is made to refuse calls that are not encrypted
    #[arg(long, env = "AWS_S3_REFUSE_PLAIN_HTTP", value_name = "BOOL", default_value_t = false,
          action = clap::ArgAction::Set)]
    pub(crate) s3_refuse_plain_http: bool,
}

impl StorageConfig {
    /// Refuses settings that contradict each other, or mean nothing.
    pub(crate) fn check(&self) -> Result<(), Exit> {
        // Of GLACIER_IR nobody has to know what is there.
        if self.s3_archive_after_days.is_none() && self.s3_archive_class.is_some() && !self.is_restored_from()
        {
            let what = "is needed where AWS_S3_ARCHIVE_CLASS is GLACIER_IR";
            return Err(Exit::wrong("AWS_S3_ARCHIVE_AFTER_DAYS", what));
        }
        match self.s3_origins.iter().find(|origin| origin_of(origin).as_deref() != Some(*origin)) {
            Some(wrong) => {
                let what =
                    format!("{wrong} is no origin: https://host or https://host:port, without a path or *");
                Err(Exit::wrong("AWS_S3_ORIGINS", &what))
            }
            None => Ok(()),
        }
    }

    /// When files go to an archive, and to which.
    pub(crate) fn archive(&self) -> Option<Archive> {
        let class = if self.is_restored_from() { ArchiveClass::Flexible } else { ArchiveClass::Instant };
        self.s3_archive_after_days.map(|after_days| Archive { after_days, class })
    }

    /// From which age on a file may be in an archive from which it must be restored, where there is one.
    pub(crate) fn restored_after(&self) -> Option<Duration> {
        // S3 moves nothing before its first day is over.
        let days = self.s3_archive_after_days.unwrap_or(1);
        self.is_restored_from().then(|| Duration::from_hours(24 * u64::from(days)))
    }

    fn is_restored_from(&self) -> bool {
        self.s3_archive_class.as_deref() == Some("GLACIER")
    }
}

impl Config {
    /// What the bucket must have.
    pub(crate) fn wanted_of_bucket(&self) -> Wanted {
        let client = self.auth.client_url(&self.server.here());
        let pages = [Some(&client), self.auth.auth_server_url.as_ref(), self.server.public_url.as_ref()];
        let pages = pages.into_iter().flatten();
        let mut origins: Vec<String> = pages
            .chain(&self.webauthn.webauthn_rp_origins)
            .chain(&self.storage.s3_origins)
            .filter_map(|page| origin_of(page))
            .collect();
        origins.sort_unstable();
        origins.dedup();
        Wanted {
            origins,
            archive: self.storage.archive(),
            may_restore: self.storage.restored_after().is_some(),
            refuse_plain_http: self.storage.s3_refuse_plain_http,
        }
    }
}

/// The origin of a page as browsers send it: scheme, host and a port that is not the scheme's own.
fn origin_of(page: &str) -> Option<String> {
    let uri: http::Uri = page.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let host = uri.host().filter(|host| !host.is_empty() && !host.contains('*'))?.to_ascii_lowercase();
    let own_port = if scheme == "https" { 443 } else { 80 };
    Some(match uri.port_u16().filter(|port| *port != own_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    fn read(arguments: &[&str]) -> Config {
        CommandLine::try_parse_from([&["brainmessenger"], arguments].concat()).unwrap().config
    }

    fn refusal(arguments: &[&str]) -> String {
        read(arguments).storage.check().err().map(|exit| exit.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn an_archive_has_a_time() {
        assert!(refusal(&["--s3-archive-class", "GLACIER_IR"]).starts_with("AWS_S3_ARCHIVE_AFTER_DAYS: "));
        let class = ["--s3-archive-class", "GLACIER"];
        // What is there from before must be restored, and no more goes there.
        let left = read(&class);
        assert!(left.storage.check().is_ok() && left.wanted_of_bucket().may_restore);
        assert_eq!(
            (left.storage.archive(), left.storage.restored_after()),
            (None, Some(Duration::from_hours(24)))
        );
        let days = ["--s3-archive-after-days", "30"];
        let instant = Archive { after_days: 30, class: ArchiveClass::Instant };
        assert_eq!(read(&days).storage.archive(), Some(instant));
        assert_eq!((read(&days).storage.restored_after(), read(&[]).storage.restored_after()), (None, None));
        let both = read(&[days, class].concat());
        assert!(both.storage.check().is_ok());
        assert_eq!(both.storage.archive().unwrap().class, ArchiveClass::Flexible);
        assert_eq!(both.storage.restored_after(), Some(Duration::from_hours(30 * 24)));
        assert_eq!(read(&[]).storage.archive(), None);
    }

    #[test]
    fn pages_are_known_by_their_origins() {
        let origins = |arguments: &[&str]| read(arguments).wanted_of_bucket().origins;
        assert_eq!(origins(&[]), ["http://127.0.0.1:3000"]);
        let elsewhere = ["--auth-client-url", "https://Chat.example.com:443/app?x=1", "--auth-server-url"];
        let elsewhere = [elsewhere.as_slice(), &["https://api.example.com/v1"]].concat();
        assert_eq!(origins(&elsewhere), ["https://api.example.com", "https://chat.example.com"]);
        let more =
            [elsewhere.as_slice(), &["--s3-origins", "https://chat.example.com,http://localhost:5173"]];
        assert_eq!(origins(&more.concat()).len(), 3);
        for wrong in ["*", "https://*.example.com", "https://a.example/", "a.example", "ftp://a.example"] {
            assert!(refusal(&["--s3-origins", wrong]).starts_with("AWS_S3_ORIGINS: "), "{wrong}");
        }
    }
}
