//! Opens sessions: an access token, a refresh token and the person, in the shape of Nhost Auth's `Session`.

use std::collections::BTreeMap;

use db::tokio_postgres::Row;
use serde::Serialize;
use uuid::Uuid;

use super::Auth;
use super::device::Device;
use super::error::AuthError;
use super::refresh_token::RefreshToken;
use super::second_factor::Factor;
use super::tickets::Ticket;
use super::user::User;

/// Claims by their names.
pub(super) type Claims = BTreeMap<String, String>;

/// The claim that names the session of an access token, so that what is revoked can be told from what is not.
pub(super) const REFRESH_TOKEN_ID: &str = "x-hasura-refresh-token-id";

/// The claim that a person has shown a security key since they signed in: their id.
pub(super) const ELEVATED: &str = "x-hasura-auth-elevated";

/// What a person holds who is signed in. `POST /token` answers it bare.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenSession {
    access_token: String,
    access_token_expires_in: u32,
    refresh_token: String,
    refresh_token_id: Uuid,
    user: User,
}

impl OpenSession {
    /// The refresh token, for an address that a browser is sent to.
    pub(super) fn refresh_token(&self) -> &str {
        &self.refresh_token
    }
}

/// What every endpoint but `POST /token` answers: no key `session` when there is none.
#[derive(Serialize)]
pub(super) struct SessionPayload {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<OpenSession>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mfa: Option<Challenge>,
}

/// What is asked of a person whose second factor is on.
#[derive(Serialize)]
pub(super) struct Challenge {
    pub(super) ticket: String,
    /// `email` where the code comes in a letter. Nhost Auth, which knows apps alone, has no such key.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
}

impl SessionPayload {
    /// A session.
    pub(super) fn session(session: OpenSession) -> Self {
        Self { session: Some(session), mfa: None }
    }

    /// The second factor is asked for.
    pub(super) fn challenge(ticket: &Ticket, factor: Factor) -> Self {
        let method = (factor == Factor::Email).then_some("email");
        Self { session: None, mfa: Some(Challenge { ticket: ticket.expose().to_owned(), method }) }
    }

    /// Neither: the address must be verified first.
    pub(super) fn nothing() -> Self {
        Self { session: None, mfa: None }
    }
}

/// What a session begins with, beside the person.
#[derive(Default)]
pub(super) struct Opening<'a> {
    /// The hash that their password was compared with: who has another one by now does not come in by the old one.
    pub(super) password_hash: Option<&'a str>,
    /// The project's claims from before a proof was used up, where one was. It may have changed them; but where they
    /// cannot be read any more, the proof is not lost.
    claims: Option<Claims>,
    /// The session's own claims.
    own: Claims,
}

impl<'a> Opening<'a> {
    /// Of a person whose password had this hash.
    pub(super) fn by_password(hash: &'a str) -> Self {
        Self { password_hash: Some(hash), ..Self::default() }
    }

    /// Of a person who had these claims before their proof was used up.
    pub(super) fn with_claims(claims: Claims) -> Self {
        Self { claims: Some(claims), ..Self::default() }
    }

    /// Of a person who has just shown a security key while they were signed in: the access token says so until it is
    /// renewed.
    pub(super) fn elevated(user: Uuid) -> Self {
        Self { own: BTreeMap::from([(ELEVATED.to_owned(), user.to_string())]), ..Self::default() }
    }

    /// Why there is no session, or no ticket for the second half of a sign-in: what was shown is good no more.
    pub(super) fn refused(&self) -> AuthError {
        if self.password_hash.is_some() { AuthError::InvalidEmailPassword } else { AuthError::DisabledUser }
    }
}

impl Auth {
    /// A new session of a person who has just shown who they are.
    pub(super) async fn begin_session(
        &self,
        user: Uuid,
        device: &Device,
        mut opening: Opening<'_>,
    ) -> Result<OpenSession, AuthError> {
        let mut claims = match (self.custom_claims(user).await, opening.claims.take()) {
            (Err(error), Some(claims)) => {
                error.log();
                claims
            }
            (claims, _) => claims?,
        };
        claims.append(&mut opening.own);
        let token = RefreshToken::generate();
        let lifetime = f64::from(self.0.options.refresh_token_expires_in);
        let row = self
            .0
            .pool
            .query_opt(
                include_str!("sql/open_session.sql"),
                &[&user, &token.stored(), &lifetime, &device.metadata(), &opening.password_hash],
            )
            .await?;
        let row = row.ok_or_else(|| opening.refused())?;
        self.open_session(&row, &token, claims)
    }

    /// The project's own claims of a person.
    pub(super) async fn custom_claims(&self, user: Uuid) -> Result<Claims, AuthError> {
        match &self.0.custom_claims {
            Some(claims) => claims.of(user).await,
            None => Ok(Claims::new()),
        }
    }

    /// The same of an account that was made a moment ago. Where they cannot be read it goes again: nobody has been told
    /// of it, and whoever asked must be able to ask again.
    pub(super) async fn first_claims(&self, user: Uuid) -> Result<Claims, AuthError> {
        let claims = self.custom_claims(user).await;
        if claims.is_err() {
            self.0.pool.execute("delete from auth.users where id = $1", &[&user]).await?;
        }
        claims
    }

    /// The session of the person in `row`, a user's row with the column `refresh_token_id`, whose stored
    /// refresh token is that of `token`, with further claims.
    pub(super) fn open_session(
        &self,
        row: &Row,
        token: &RefreshToken,
        mut claims: Claims,
    ) -> Result<OpenSession, AuthError> {
        let user = User::from_row(row)?;
        let options = &self.0.options;
        let refresh_token_id: Uuid = row.try_get("refresh_token_id")?;
        claims.extend([
            ("x-hasura-user-is-anonymous".to_owned(), user.is_anonymous.to_string()),
            (REFRESH_TOKEN_ID.to_owned(), refresh_token_id.to_string()),
        ]);
        let lifetime = i64::from(options.access_token_expires_in);
        let access_token = self
            .0
            .jwt
            .sign(user.id, lifetime, &user.default_role, &user.roles, &claims)
            .map_err(AuthError::Sign)?;
        Ok(OpenSession {
            access_token,
            access_token_expires_in: options.access_token_expires_in,
            refresh_token: token.expose().to_owned(),
            refresh_token_id,
            user: user.in_session(),
        })
    }
}
