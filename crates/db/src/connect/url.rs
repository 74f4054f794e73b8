//! Reading a database URL: what the driver does not know (`sslmode=verify-…`, `sslrootcert`) is taken out
//! first, the rest is the driver's. An error never repeats what was given, for a password may be in it.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode as DriverSslMode;

use super::tls::SslMode;
use crate::error::Error;

const EXPECTED: &str = "expected postgres://user:password@host:port/database";

/// Parameters that libpq knows and this program does not honour. Their names are safe to repeat.
const NOT_HONOURED: &[&str] = &[
    "gssencmode",
    "krbsrvname",
    "passfile",
    "require_auth",
    "requirepeer",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslpassword",
    "pgbouncer",
    "schema",
    "pool_timeout",
    "connection_limit",
];

/// What a URL says.
pub(super) struct Parsed {
    pub(super) config: Config,
    pub(super) ssl_mode: SslMode,
    pub(super) authorities: Option<PathBuf>,
}

/// Reads a URL or a `key=value` text.
pub(super) fn parse(text: &str) -> Result<Parsed, Error> {
    let text = text.trim();
    let (start, query) = split_query(text);
    let mut ssl_mode = None;
    let mut authorities = None;
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => ssl_mode = Some(read_mode(value)?),
            Some(("sslrootcert", "system")) => authorities = None,
            Some(("sslrootcert", value)) => authorities = Some(PathBuf::from(decode(value)?)),
            Some((name, _)) if NOT_HONOURED.contains(&name) => {
                return Err(Error::ParseAddress(format!("the parameter {name} is not supported")));
            }
            _ => rest.push(pair),
        }
    }
    let plain = if rest.is_empty() { start.to_owned() } else { format!("{start}?{}", rest.join("&")) };
    let mut config: Config = plain.parse().map_err(|_| Error::ParseAddress(EXPECTED.to_owned()))?;
    check(&config)?;
    let ssl_mode = ssl_mode.unwrap_or(match config.get_ssl_mode() {
        DriverSslMode::Disable => SslMode::Disable,
        DriverSslMode::Require => SslMode::Require,
        _ => SslMode::Prefer,
    });
    config.ssl_mode(ssl_mode.for_driver());
    Ok(Parsed { config, ssl_mode, authorities })
}

fn check(config: &Config) -> Result<(), Error> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Error::ParseAddress(format!("it names no host; {EXPECTED}")));
    }
    if config.get_user().is_none_or(str::is_empty) {
        return Err(Error::ParseAddress(format!("it names no user; {EXPECTED}")));
    }
    Ok(())
}

/// The part with parameters. A question mark before the `@` belongs to the password.
fn split_query(text: &str) -> (&str, &str) {
    let host = text.find('@').unwrap_or(0);
    let mark = text.bytes().enumerate().skip(host).find(|(_, byte)| *byte == b'?');
    match mark.and_then(|(mark, _)| text.split_at_checked(mark)) {
        Some((start, query)) if is_url(text) => (start, query.trim_start_matches('?')),
        _ => (text, ""),
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

fn read_mode(value: &str) -> Result<SslMode, Error> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "allow" | "prefer" => Ok(SslMode::Prefer),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyAuthority),
        "verify-full" => Ok(SslMode::VerifyFull),
        _ => Err(Error::ParseAddress(
            "sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned(),
        )),
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, Error> {
    let bad = || Error::ParseAddress("sslrootcert is not percent-encoded text".to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_that_the_driver_does_not_know_are_read() {
        let parsed =
            parse("postgres://ann@db/talk?sslmode=verify-full&sslrootcert=%2Fca%20s.pem&connect_timeout=3")
                .unwrap();

        assert_eq!(parsed.ssl_mode, SslMode::VerifyFull);
        assert_eq!(parsed.authorities, Some(PathBuf::from("/ca s.pem")));
        assert_eq!(parsed.config.get_dbname(), Some("talk"));
    }

    #[test]
    fn a_password_may_have_a_question_mark() {
        let parsed = parse("postgres://ann:p?sslmode=disable@db/talk?sslmode=require").unwrap();

        assert_eq!(parsed.config.get_password(), Some(b"p?sslmode=disable".as_slice()));
        assert_eq!(parsed.ssl_mode, SslMode::Require);
    }

    #[test]
    fn the_key_value_form_is_read() {
        let parsed = parse("host=db user=ann password=x dbname=talk sslmode=require").unwrap();

        assert_eq!(parsed.ssl_mode, SslMode::Require);
    }

    #[test]
    fn an_error_never_repeats_the_password() {
        for bad in [
            "postgres://ann:hunter2@db:notaport/talk",
            "postgres://ann:hunter2@db/talk?hunter2=1",
            "hunter2",
            "postgres://:hunter2@db/talk",
            "postgres://ann:hunter2@/talk",
            "postgres://ann:hunter2@db/talk?sslmode=hunter2",
        ] {
            let error = parse(bad).err().unwrap_or_else(|| panic!("{bad} was taken")).to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(!error.contains('\n'));
        }
    }
}
