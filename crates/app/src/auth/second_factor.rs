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
use super::codes::{Purpose, TypedCode};
use super::device::Device;
use super::error::AuthError;
use super::network::Network;
use super::sessions::{Claims, Opening, SessionPayload};
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

/// What is asked for beside a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Factor {
    /// A code of an authenticator app.
    Totp,
    /// A code in a letter.
    Email,
}

impl Factor {
    /// A person's factor, from the column `active_mfa_type`, where a letter is `email`.
    pub(super) fn from_row(row: &Row) -> Result<Option<Self>, AuthError> {
        Ok(match row.try_get::<_, Option<&str>>("active_mfa_type")? {
            Some("totp") => Some(Self::Totp),
            Some("email") => Some(Self::Email),
            _ => None,
        })
    }
}

/// What the first half of a sign-in has shown.
pub(super) enum Proof<'a> {
    /// That somebody knows the password which has this hash.
    Password(&'a str),
    /// That somebody reads the person's letters: another letter would show nothing more. With the project's claims from
    /// before the letter was used up.
    Mailbox(Claims),
    /// That another service knows them.
    Service,
}

/// What entitles to show a code.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// The first half of a sign-in.
    Ticket(&'a Ticket),
    /// An access token.
    User(Uuid),
    /// An access token, and the wish for codes in letters.
    Wish(Uuid),
}

impl Auth {
    /// What a person gets who has shown the first factor: a session, or a ticket for the second half.
    pub(super) async fn after_first_factor(
        &self,
        user: Uuid,
        proof: Proof<'_>,
        device: &Device,
    ) -> Result<SessionPayload, AuthError> {
        let factor = self.factor_to_ask(user, &proof).await?;
        let opening = match proof {
            Proof::Password(hash) => Opening::by_password(hash),
            Proof::Mailbox(claims) => Opening::with_claims(claims),
            Proof::Service => Opening::default(),
        };
        let Some((factor, email)) = factor else {
            return Ok(SessionPayload::session(self.begin_session(user, device, opening).await?));
        };
        if factor == Factor::Email {
            self.send_second_factor(&email).await?;
        }
        let ticket = Ticket::generate(Kind::MfaTotp);
        let (sql, kind) = (include_str!("sql/keep_mfa_ticket.sql"), Kind::MfaTotp.name());
        let hash = opening.password_hash;
        let kept =
            self.0.pool.execute(sql, &[&ticket.stored(), &user, &kind, &TICKET_SECONDS, &hash]).await?;
        if kept == 0 {
            return Err(opening.refused());
        }
        Ok(SessionPayload::challenge(&ticket, factor))
    }

    async fn factor_to_ask(
        &self,
        user: Uuid,
        proof: &Proof<'_>,
    ) -> Result<Option<(Factor, String)>, AuthError> {
        if !self.0.options.mfa_enabled {
            return Ok(None);
        }
        let row = self.0.pool.query_opt(include_str!("sql/find_factor.sql"), &[&user]).await?;
        let Some(row) = row else { return Ok(None) };
        let shows_nothing = |factor: &Factor| *factor == Factor::Email && matches!(proof, Proof::Mailbox(_));
        let factor = Factor::from_row(&row)?.filter(|factor| !shows_nothing(factor));
        let email: Option<String> = row.try_get("email")?;
        Ok(factor.zip(Some(email.unwrap_or_default())))
    }

    /// Sends a code, unless one that was sent a moment ago is still good.
    pub(super) async fn send_second_factor(&self, email: &str) -> Result<(), AuthError> {
        if self.send_code(Purpose::SecondFactor, email).await? {
            return Ok(());
        }
        let sql = include_str!("sql/find_live_code.sql");
        let alive = self.0.pool.query_opt(sql, &[&email, &Purpose::SecondFactor.name()]).await?;
        alive.map(|_| ()).ok_or(AuthError::TooManyRequests(self.0.options.letter_pause_seconds))
    }

    /// Takes a code of the app or of a letter, or a recovery code where the second factor is on: the person, if it is
    /// good.
    pub(super) async fn take_second_factor(
        &self,
        shown: Shown<'_>,
        code: &str,
        network: &Network,
    ) -> Result<Uuid, AuthError> {
        let (ticket, user) = match shown {
            Shown::Ticket(ticket) => (Some(ticket.stored()), None),
            Shown::User(user) | Shown::Wish(user) => (None, Some(user)),
        };
        let wants_letters = matches!(shown, Shown::Wish(_));
        let row = self
            .0
            .pool
            .query_opt(
                include_str!("sql/count_totp_try.sql"),
                &[&ticket, &user, &f64::from(WINDOW_SECONDS), &wants_letters],
            )
            .await?
            .ok_or(AuthError::InvalidTicket)?;
        if row.try_get::<_, i32>("tries")? > TRIES {
            return Err(AuthError::TooManyRequests(WINDOW_SECONDS));
        }
        let user: Uuid = row.try_get("id")?;
        if let Some(email) = row.try_get::<_, Option<String>>("email")?
            && let Ok(typed) = TypedCode::try_from(code.to_owned())
        {
            return self.take_code_of_letter(user, &email, &typed, ticket, network).await;
        }
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

    /// The code first: of several uses of it one wins, and uses up the ticket.
    async fn take_code_of_letter(
        &self,
        user: Uuid,
        email: &str,
        typed: &TypedCode,
        ticket: Option<String>,
        network: &Network,
    ) -> Result<Uuid, AuthError> {
        let taken = match self.compare_code(Purpose::SecondFactor, email, typed, network).await {
            Ok(right) => self.use_code(right).await,
            Err(error) => Err(error),
        };
        taken.map_err(|error| match error {
            AuthError::InvalidTicket => AuthError::InvalidTotp,
            error => error,
        })?;
        let sql = include_str!("sql/finish_email_factor.sql");
        let finished = self.0.pool.query_opt(sql, &[&user, &ticket]).await?;
        finished.map(|_| user).ok_or(AuthError::InvalidTicket)
    }

    fn step(&self, row: &Row, code: &str) -> Result<Option<i64>, AuthError> {
        let secret: Option<String> = row.try_get("totp_secret")?;
        let secret = match secret {
            Some(secret) => secret,
            // Recovery codes are for them, too.
            None if row.try_get::<_, bool>("has_email_factor")? => return Ok(None),
            None => return Err(AuthError::NoTotpSecret),
        };
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
