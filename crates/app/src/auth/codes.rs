//! Codes that people type: digits from the system's randomness, good for ten minutes and one use. The database
//! keeps an HMAC of each, under a key that it does not have.
//!
//! Every guess is counted before it is compared, so that parallel guesses count as many: five from one network
//! end that network's guesses at this code, twenty in all end the code.

use db::tokio_postgres::types::Json;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use super::Auth;
use super::device::Device;
use super::error::AuthError;
use super::letters::Template;
use super::network::Network;
use super::second_factor::Proof;
use super::sessions::SessionPayload;

/// How long a code is good.
pub(super) const LIFETIME_SECONDS: f64 = 600.0;

/// How many codes a person may get an hour: with each, twenty guesses.
pub(super) const CODES_PER_HOUR: i32 = 5;

/// How many guesses at a code one network has, and all together.
const TRIES_PER_NETWORK: i32 = 5;
const TRIES: i32 = 20;

/// What a code is for: one for something else is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// In the place of a password.
    SignIn,
    /// To verify the address of an account.
    Verify,
    /// As the second factor.
    SecondFactor,
}

impl Purpose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "signin",
            Self::Verify => "verify",
            Self::SecondFactor => "mfa",
        }
    }

    /// The letter that brings a code for this.
    fn letter(self) -> Template {
        match self {
            Self::SignIn => Template::SigninOtp,
            Self::Verify => Template::EmailVerify,
            Self::SecondFactor => Template::MfaOtp,
        }
    }

    /// Whether whoever has the address takes the account over from whoever made it with an address that was never
    /// verified. Not where the code goes to who has just shown the password.
    fn takes_over(self) -> bool {
        self == Self::SignIn
    }
}

/// A code that was just made.
pub(super) struct NewCode {
    pub(super) code: String,
    pub(super) mac: Vec<u8>,
}

/// A code that somebody typed rightly.
pub(super) struct RightCode {
    id: Uuid,
    user: Uuid,
    mac: Vec<u8>,
    takes_over: bool,
}

/// A code that somebody typed: six or eight digits.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TypedCode(SecretString);

impl TypedCode {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TryFrom<String> for TypedCode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = matches!(text.len(), 6 | 8) && text.bytes().all(|byte| byte.is_ascii_digit());
        let secret = SecretString::from(text);
        if fits { Ok(Self(secret)) } else { Err("a code has 6 or 8 digits") }
    }
}

impl Auth {
    /// Writes a letter with a new code, if there is such a person and they did not get too many: says whether. It
    /// takes as long either way.
    pub(super) async fn send_code(&self, purpose: Purpose, email: &str) -> Result<bool, AuthError> {
        let options = &self.0.options;
        let NewCode { code, mac } = self.new_code(purpose, email)?;
        let template = purpose.letter().name();
        let variables = Json(json!({
            "code": code, "ticket": code, "serverUrl": options.server_url, "clientUrl": options.client_url,
        }));
        let row = self
            .0
            .pool
            .query_one(
                include_str!("sql/send_code.sql"),
                &[
                    &email,
                    &purpose.name(),
                    &mac,
                    &LIFETIME_SECONDS,
                    &f64::from(options.letter_pause_seconds),
                    &CODES_PER_HOUR,
                    &template,
                    &variables,
                ],
            )
            .await?;
        self.0.letters_wait.notify_one();
        Ok(row.try_get::<_, String>("template")? == template)
    }

    /// A code for somebody with this address, and what the database keeps of it.
    pub(super) fn new_code(&self, purpose: Purpose, email: &str) -> Result<NewCode, AuthError> {
        let code = generate(self.0.options.code_digits);
        let mac = self.code_mac(purpose, email, &code)?.finalize().into_bytes().to_vec();
        Ok(NewCode { code, mac })
    }

    /// What follows a code in the place of a password: a session, or the question for the second factor.
    pub(super) async fn sign_in_by_code(
        &self,
        purpose: Purpose,
        email: &str,
        typed: &TypedCode,
        device: &Device,
    ) -> Result<SessionPayload, AuthError> {
        let right = self.compare_code(purpose, email, typed, &device.network).await?;
        let claims = self.custom_claims(right.user).await?;
        let user = self.use_code(right).await?;
        self.after_first_factor(user, Proof::Mailbox(claims), device).await
    }

    /// Whether this is the person's code. It is not used up, but the guess is counted.
    pub(super) async fn compare_code(
        &self,
        purpose: Purpose,
        email: &str,
        typed: &TypedCode,
        network: &Network,
    ) -> Result<RightCode, AuthError> {
        let pool = &self.0.pool;
        let name = purpose.name();
        let counted = pool
            .query_opt(
                include_str!("sql/count_try.sql"),
                &[&email, &name, &network.as_str(), &TRIES_PER_NETWORK, &TRIES],
            )
            .await?
            .ok_or(AuthError::InvalidTicket)?;
        let stored: Vec<u8> = counted.try_get("code_mac")?;
        // Takes as long wherever they differ.
        self.code_mac(purpose, email, typed.expose())?
            .verify_slice(&stored)
            .map_err(|_| AuthError::InvalidTicket)?;
        Ok(RightCode {
            id: counted.try_get("id")?,
            user: counted.try_get("user_id")?,
            mac: stored,
            takes_over: purpose.takes_over(),
        })
    }

    /// Uses a code up: of several uses of it one wins. The person's address is verified by it.
    pub(super) async fn use_code(&self, code: RightCode) -> Result<Uuid, AuthError> {
        let mut transaction = self.lock_person(code.user).await?;
        let sql = include_str!("sql/use_code.sql");
        let row = transaction.query_opt(sql, &[&code.id, &code.mac, &code.takes_over]).await?;
        let user = row.ok_or(AuthError::InvalidTicket)?.try_get("id")?;
        transaction.commit().await?;
        Ok(user)
    }

    fn code_mac(&self, purpose: Purpose, email: &str, code: &str) -> Result<Hmac<Sha256>, AuthError> {
        let key = self.0.options.code_key.expose_secret().as_bytes();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key).map_err(|error| AuthError::Hash(error.to_string()))?;
        // None of the parts contains the separator.
        for part in [purpose.name(), &email.to_ascii_lowercase(), code] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        Ok(mac)
    }
}

/// Digits from a cryptographic source.
fn generate(digits: u8) -> String {
    let mut random = rand::rng();
    (0..digits).map(|_| char::from(b'0' + random.random_range(0..10_u8))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_digits_and_differ() {
        for digits in [6, 8] {
            let codes: std::collections::BTreeSet<String> = (0..100).map(|_| generate(digits)).collect();
            assert!(codes.len() > 90);
            assert!(codes.into_iter().all(|code| TypedCode::try_from(code).is_ok()));
        }
        for bad in ["", "12345", "1234567", "123456789", "12345a", "１２３４５６", "12 456"] {
            assert!(TypedCode::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
