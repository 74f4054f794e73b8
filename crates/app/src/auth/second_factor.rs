//! The second factor: what follows a right password where it is switched on, and how its codes are taken.
//!
//! Every code is counted before it is compared; a code of the app is good once, a recovery code too.

use data_encoding::BASE32_NOPAD;
use db::tokio_postgres::Row;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use secrecy::ExposeSecret;
use sha2::Sha256;
use uuid::Uuid;

use super::Auth;
use super::device::Device;
use super::error::AuthError;
use super::sessions::SessionPayload;
use super::tickets::{Kind, Ticket};
use super::totp;

/// How many codes a person may try within a quarter of an hour.
const TRIES: i32 = 10;
const WINDOW_SECONDS: u32 = 900;

/// How long the second half of a sign-in may take.
const TICKET_SECONDS: f64 = 300.0;

/// How many recovery codes a person has, and of how many bytes each is.
const RECOVERY_CODES: usize = 10;
const RECOVERY_BYTES: usize = 10;

/// What entitles to show a code.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// The first half of a sign-in.
    Ticket(&'a Ticket),
    /// An access token.
    User(Uuid),
}

impl Auth {
    /// What a person gets who has shown the first factor: a session, or a ticket for the second half.
    pub(super) async fn after_first_factor(
        &self,
        user: Uuid,
        device: &Device,
    ) -> Result<SessionPayload, AuthError> {
        let sql = "select from auth.users where id = $1 and active_mfa_type = 'totp'";
        if !self.0.options.mfa_enabled || self.0.pool.query_opt(sql, &[&user]).await?.is_none() {
            return Ok(SessionPayload::session(self.begin_session(user, device).await?));
        }
        let ticket = Ticket::generate(Kind::MfaTotp);
        let sql = "insert into brain.tickets (ticket_hash, user_id, kind, expires_at)
            values ($1::text, $2, $3::text, now() + $4::float8 * interval '1 second')";
        self.0.pool.execute(sql, &[&ticket.stored(), &user, &Kind::MfaTotp.name(), &TICKET_SECONDS]).await?;
        Ok(SessionPayload::challenge(&ticket))
    }

    /// Takes a code of the app, or a recovery code where the second factor is on: the person, if it is good.
    pub(super) async fn take_second_factor(&self, shown: Shown<'_>, code: &str) -> Result<Uuid, AuthError> {
        let (ticket, user) = match shown {
            Shown::Ticket(ticket) => (Some(ticket.stored()), None),
            Shown::User(user) => (None, Some(user)),
        };
        let row = self
            .0
            .pool
            .query_opt(include_str!("sql/count_totp_try.sql"), &[&ticket, &user, &f64::from(WINDOW_SECONDS)])
            .await?
            .ok_or(AuthError::InvalidTicket)?;
        if row.try_get::<_, i32>("tries")? > TRIES {
            return Err(AuthError::TooManyRequests(WINDOW_SECONDS));
        }
        let user: Uuid = row.try_get("id")?;
        let accepted = if let Some(step) = self.step(&row, code)? {
            let sql = include_str!("sql/accept_totp.sql");
            self.0.pool.query_opt(sql, &[&user, &step, &ticket]).await?
        } else {
            let mac = self.recovery_mac(user, code)?;
            let sql = include_str!("sql/accept_recovery_code.sql");
            self.0.pool.query_opt(sql, &[&user, &mac, &ticket]).await?
        };
        accepted.map(|_| user).ok_or(AuthError::InvalidTotp)
    }

    fn step(&self, row: &Row, code: &str) -> Result<Option<i64>, AuthError> {
        let secret: Option<String> = row.try_get("totp_secret")?;
        let secret = secret.ok_or(AuthError::NoTotpSecret)?;
        Ok(totp::step_of(&secret, code, self.0.jwt.now(), row.try_get("last_step")?))
    }

    /// New recovery codes, in the place of those that were.
    pub(super) async fn renew_recovery_codes(&self, user: Uuid) -> Result<Vec<String>, AuthError> {
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let macs = codes.iter().map(|code| self.recovery_mac(user, code)).collect::<Result<Vec<_>, _>>()?;
        self.0.pool.execute(include_str!("sql/renew_recovery_codes.sql"), &[&user, &macs]).await?;
        Ok(codes)
    }

    fn recovery_mac(&self, user: Uuid, code: &str) -> Result<Vec<u8>, AuthError> {
        let key = self.0.options.code_key.expose_secret().as_bytes();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key).map_err(|error| AuthError::Hash(error.to_string()))?;
        let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        for part in ["recovery", &user.to_string(), &plain.to_ascii_lowercase()] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

/// 80 bits, as four groups of four letters and digits.
fn recovery_code() -> String {
    let text = BASE32_NOPAD.encode(&rand::rng().random::<[u8; RECOVERY_BYTES]>()).to_ascii_lowercase();
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
