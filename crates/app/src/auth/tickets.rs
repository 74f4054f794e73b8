//! Tickets: what a link in a letter carries, for one use. The database keeps a digest of each, with what it is
//! for; several may be out at once, so that asking for one does not end another.

use db::Transaction;
use db::tokio_postgres::types::{Json, ToSql};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Auth;
use super::codes::{CODES_PER_HOUR, LIFETIME_SECONDS, Purpose};
use super::error::AuthError;
use super::letters::Template;
use super::redirects::Destination;
use super::refresh_token::digest;

/// What need not be escaped in a query's value.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const HOUR: u32 = 3600;

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    VerifyEmail,
    ConfirmEmailChange,
    PasswordReset,
    PasswordlessEmail,
    /// The first half of a sign-in; no letter brings it.
    MfaTotp,
}

impl Kind {
    /// The kinds that a visit of their link uses up.
    pub(super) const OF_LINKS: [Self; 4] =
        [Self::VerifyEmail, Self::ConfirmEmailChange, Self::PasswordReset, Self::PasswordlessEmail];

    /// What its text begins with, which is also the `type` after the redirect.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verifyEmail",
            Self::ConfirmEmailChange => "emailConfirmChange",
            Self::PasswordReset => "passwordReset",
            Self::PasswordlessEmail => "passwordlessEmail",
            Self::MfaTotp => "mfaTotp",
        }
    }

    /// The `type` in the link, which nothing reads here; the letter; and how many seconds it is good.
    fn letter(self) -> Option<(&'static str, Template, u32)> {
        match self {
            Self::VerifyEmail => Some(("emailVerify", Template::EmailVerify, 30 * 24 * HOUR)),
            Self::ConfirmEmailChange => Some(("emailConfirmChange", Template::EmailConfirmChange, HOUR)),
            Self::PasswordReset => Some(("passwordReset", Template::PasswordReset, HOUR)),
            Self::PasswordlessEmail => Some(("signinPasswordless", Template::SigninPasswordless, HOUR)),
            Self::MfaTotp => None,
        }
    }
}

/// A ticket, as its bearer has it.
#[derive(Clone, Debug)]
pub(super) struct Ticket(SecretString);

impl Ticket {
    /// A new one: 122 bits of the system's randomness.
    pub(super) fn generate(kind: Kind) -> Self {
        Self(SecretString::from(format!("{}:{}", kind.name(), Uuid::new_v4())))
    }

    /// Takes any text: one that is no ticket of ours is simply not found.
    pub(super) fn from_text(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Whether its text says that it is of this kind.
    pub(super) fn says(&self, kind: Kind) -> bool {
        self.0.expose_secret().split_once(':').is_some_and(|(name, _)| name == kind.name())
    }

    /// The text for its bearer.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the database keeps.
    pub(super) fn stored(&self) -> String {
        digest(self.0.expose_secret())
    }
}

/// A letter with a ticket, and whom it is for.
pub(super) struct TicketLetter<'a> {
    pub(super) kind: Kind,
    /// The address of the account.
    pub(super) email: &'a str,
    /// Where the link leads in the end.
    pub(super) destination: &'a Destination,
    /// The address to change to, which the letter then goes to.
    pub(super) new_email: Option<&'a str>,
    /// Whether the address must be verified, or must not be, or (`None`) either.
    pub(super) verified: Option<bool>,
}

/// A ticket as it is written down, with the letter that brings it.
struct NewTicket<'a> {
    letter: TicketLetter<'a>,
    kind: &'static str,
    stored: String,
    lifetime: f64,
    pause: f64,
    template: &'static str,
    variables: Json<Value>,
    code_mac: Option<Vec<u8>>,
}

impl NewTicket<'_> {
    const SQL: &'static str = include_str!("sql/send_ticket.sql");

    fn parameters(&self) -> [&(dyn ToSql + Sync); 12] {
        [
            &self.letter.email,
            &self.stored,
            &self.kind,
            &self.lifetime,
            &self.pause,
            &self.template,
            &self.variables,
            &self.letter.verified,
            &self.letter.new_email,
            &self.code_mac,
            &LIFETIME_SECONDS,
            &CODES_PER_HOUR,
        ]
    }
}

impl Auth {
    /// Writes the letter, if there is such a person and they did not get the same a moment ago: says whether.
    /// It takes as long either way.
    pub(super) async fn send_ticket(&self, letter: TicketLetter<'_>) -> Result<bool, AuthError> {
        let Some(new) = self.new_ticket(letter)? else { return Ok(false) };
        let row = self.0.pool.query_one(NewTicket::SQL, &new.parameters()).await?;
        self.0.letters_wait.notify_one();
        Ok(row.try_get::<_, String>("template")? == new.template)
    }

    /// The same as the last part of a transaction.
    pub(super) async fn send_ticket_and_commit(
        &self,
        mut transaction: Transaction,
        letter: TicketLetter<'_>,
    ) -> Result<bool, AuthError> {
        let Some(new) = self.new_ticket(letter)? else { return Ok(false) };
        let row = transaction.query_one(NewTicket::SQL, &new.parameters()).await?;
        transaction.commit().await?;
        self.0.letters_wait.notify_one();
        Ok(row.try_get::<_, String>("template")? == new.template)
    }

    fn new_ticket<'a>(&self, letter: TicketLetter<'a>) -> Result<Option<NewTicket<'a>>, AuthError> {
        let options = &self.0.options;
        let kind = letter.kind;
        let Some((link_type, template, lifetime)) = kind.letter() else { return Ok(None) };
        let ticket = Ticket::generate(kind);
        let text = ticket.0.expose_secret();
        let redirect = letter.destination.as_str();
        let link = format!(
            "{}/verify?redirectTo={}&ticket={}&type={}",
            options.server_url,
            utf8_percent_encode(redirect, QUERY),
            utf8_percent_encode(text, QUERY),
            link_type
        );
        let code = match kind {
            Kind::VerifyEmail => Some(self.new_code(Purpose::Verify, letter.email)?),
            _ => None,
        };
        let typed = code.as_ref().map_or("", |code| code.code.as_str());
        let variables = Json(json!({
            "link": link, "ticket": text, "redirectTo": redirect, "code": typed,
            "serverUrl": options.server_url, "clientUrl": options.client_url,
        }));
        Ok(Some(NewTicket {
            letter,
            kind: kind.name(),
            stored: ticket.stored(),
            lifetime: f64::from(lifetime),
            pause: f64::from(options.letter_pause_seconds),
            template: template.name(),
            variables,
            code_mac: code.map(|code| code.mac),
        }))
    }

    /// Whose ticket of one of these kinds this is, while it is good. It is not used up.
    pub(super) async fn owner_of_ticket(&self, ticket: &Ticket, kinds: &[Kind]) -> Result<Uuid, AuthError> {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let sql = "select user_id from brain.tickets
            where ticket_hash = $1::text and kind = any ($2::text[]) and expires_at > now()";
        let row = self.0.pool.query_opt(sql, &[&ticket.stored(), &kinds]).await?;
        Ok(row.ok_or(AuthError::InvalidTicket)?.try_get("user_id")?)
    }
}
