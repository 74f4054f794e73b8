//! Security keys and passkeys (WebAuthn): challenges that are good once, and the keys that answered them.
//!
//! A key counts only where it has verified its owner (a finger, a face, a PIN): it is both factors in one, so nothing
//! else is asked for. The rules are `webauthn-rs`'s (W3C, Web Authentication, level 3); the tables are Nhost Auth's,
//! and `brain.passkeys` beside them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::tokio_postgres::types::Json;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;
use webauthn_rs::prelude::{Passkey, PublicKeyCredential, Url, WebauthnError};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::Auth;
use super::error::AuthError;
use super::options::Options;
use super::refresh_token::digest;
use super::user::Standing;

/// No person has more keys.
pub(super) const MAX_KEYS: i64 = 32;

/// The longest name of a key.
const MAX_NICKNAME_CHARS: usize = 100;

/// Who we are to security keys: they keep a key for each, and show it to nobody else.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// `AUTH_WEBAUTHN_RP_ID`: a host name, which all origins are or are below.
    pub id: String,
    /// `AUTH_WEBAUTHN_RP_NAME`: what people see.
    pub name: String,
    /// `AUTH_WEBAUTHN_RP_ORIGINS`: the addresses of pages that may ask for a key. One at least.
    pub origins: Vec<String>,
    /// `AUTH_WEBAUTHN_ATTESTATION_TIMEOUT`: how long a person may take, in milliseconds.
    pub timeout_ms: u32,
}

impl RelyingParty {
    /// Whether there can be keys for it.
    pub fn check(&self) -> Result<(), AuthError> {
        self.build().map(|_| ())
    }

    /// What checks keys, or why there can be none.
    pub(super) fn build(&self) -> Result<Webauthn, AuthError> {
        let wrong = |what: String| AuthError::ConfigureWebauthn(what);
        let urls: Result<Vec<Url>, _> = self.origins.iter().map(|origin| Url::parse(origin)).collect();
        let urls = urls.map_err(|error| wrong(error.to_string()))?;
        let (first, further) = urls.split_first().ok_or_else(|| wrong("no origin".to_owned()))?;
        let builder = WebauthnBuilder::new(&self.id, first)
            .map_err(|_| wrong(format!("{first} is neither {} nor below it", self.id)))?
            .rp_name(&self.name)
            .timeout(Duration::from_millis(self.timeout_ms.into()));
        let builder = further.iter().fold(builder, WebauthnBuilder::append_allowed_origin);
        builder.build().map_err(|error| wrong(error.to_string()))
    }
}

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    SignUp,
    Add,
    SignIn,
    Elevate,
}

impl Ceremony {
    fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::Add => "add",
            Self::SignIn => "sign-in",
            Self::Elevate => "elevate",
        }
    }
}

/// The name that a person gives to a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Nickname(pub(super) String);

impl TryFrom<String> for Nickname {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.chars().count() <= MAX_NICKNAME_CHARS && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text))
        } else {
            Err("a nickname has 100 characters at most, and no control characters")
        }
    }
}

/// What the database keeps of a new key.
pub(super) struct NewKey {
    pub(super) credential_id: String,
    pub(super) transports: String,
    pub(super) passkey: Json<Value>,
}

impl NewKey {
    /// `transports`: how the browser says that the key is reached (`usb`, `internal`, …).
    pub(super) fn of(passkey: &Passkey, transports: Vec<String>) -> Result<Self, AuthError> {
        let credential_id = URL_SAFE_NO_PAD.encode(passkey.cred_id());
        let known = |name: &String| {
            ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"].contains(&name.as_str())
        };
        let transports: Vec<String> = transports.into_iter().filter(known).take(6).collect();
        let passkey =
            Json(serde_json::to_value(passkey).map_err(|error| AuthError::Keep(error.to_string()))?);
        Ok(Self { credential_id, transports: transports.join(","), passkey })
    }
}

/// Why a key's answer is refused: the log has the rule, the person a sentence.
pub(super) fn refuse(error: &WebauthnError) -> AuthError {
    tracing::info!(%error, "the answer of a security key is refused");
    AuthError::InvalidRequest("the security key's answer is not valid".to_owned())
}

impl Auth {
    /// What checks keys, where they are on.
    pub(super) fn webauthn(&self) -> Result<&Webauthn, AuthError> {
        self.0.webauthn.as_ref().ok_or(AuthError::DisabledEndpoint)
    }

    /// Keeps what a challenge was made with, until it is answered.
    pub(super) async fn keep_ceremony(
        &self,
        ceremony: Ceremony,
        challenge: &[u8],
        user: Option<Uuid>,
        state: &impl Serialize,
    ) -> Result<(), AuthError> {
        let state = serde_json::to_value(state).map_err(|error| AuthError::Keep(error.to_string()))?;
        let lifetime = self.0.options.relying_party.as_ref().map_or(0, |party| party.timeout_ms);
        let sql = "insert into brain.webauthn_ceremonies (challenge_hash, kind, user_id, state, expires_at)
            values ($1::text, $2::text, $3, $4::jsonb, now() + $5::float8 * interval '1 millisecond')";
        let hash = digest(&URL_SAFE_NO_PAD.encode(challenge));
        self.0
            .pool
            .execute(sql, &[&hash, &ceremony.name(), &user, &Json(&state), &f64::from(lifetime)])
            .await?;
        Ok(())
    }

    /// Uses up the challenge that an answer (`clientDataJSON`) names: whose key must answer, and what was kept.
    pub(super) async fn take_ceremony<T: DeserializeOwned>(
        &self,
        ceremony: Ceremony,
        client_data: &[u8],
    ) -> Result<(Option<Uuid>, T), AuthError> {
        #[derive(Deserialize)]
        struct ClientData {
            challenge: String,
        }
        let unknown = || AuthError::InvalidRequest("the challenge is unknown, used or too old".to_owned());
        let data: ClientData = serde_json::from_slice(client_data).map_err(|_| unknown())?;
        let sql = "delete from brain.webauthn_ceremonies
            where challenge_hash = $1::text and kind = $2::text and expires_at > now()
            returning user_id, state";
        let hash = digest(data.challenge.trim_end_matches('='));
        let row = self.0.pool.query_opt(sql, &[&hash, &ceremony.name()]).await?.ok_or_else(unknown)?;
        let Json(state) = row.try_get::<_, Json<T>>("state")?;
        Ok((row.try_get("user_id")?, state))
    }

    /// The credentials of a person, by id or by address, in the form that browsers take, and who it is.
    pub(super) async fn credentials(
        &self,
        user: Option<Uuid>,
        email: Option<&str>,
    ) -> Result<(Option<Uuid>, Vec<Value>), AuthError> {
        let rows = self.0.pool.query(include_str!("sql/list_credentials.sql"), &[&user, &email]).await?;
        let mut credentials = Vec::new();
        let mut owner = None;
        for row in &rows {
            owner = Some(row.try_get("id")?);
            let id: String = row.try_get("credential_id")?;
            let transports: String = row.try_get("transports")?;
            let transports: Vec<&str> = transports.split(',').filter(|name| !name.is_empty()).collect();
            credentials.push(if transports.is_empty() {
                json!({ "type": "public-key", "id": id })
            } else {
                json!({ "type": "public-key", "id": id, "transports": transports })
            });
        }
        Ok((owner, credentials))
    }

    /// The challenge for a key, as browsers take it (`PublicKeyCredentialRequestOptions`).
    pub(super) async fn challenge(
        &self,
        ceremony: Ceremony,
        user: Option<Uuid>,
        credentials: Vec<Value>,
    ) -> Result<Value, AuthError> {
        let (options, state) =
            self.webauthn()?.start_discoverable_authentication().map_err(|error| refuse(&error))?;
        self.keep_ceremony(ceremony, &options.public_key.challenge, user, &state).await?;
        let mut options =
            serde_json::to_value(&options.public_key).map_err(|error| AuthError::Keep(error.to_string()))?;
        if let Some(options) = options.as_object_mut() {
            options.insert("allowCredentials".to_owned(), Value::Array(credentials));
        }
        Ok(options)
    }

    /// The person whose key has answered: the challenge is used up, the key counted.
    pub(super) async fn answered(
        &self,
        ceremony: Ceremony,
        credential: &PublicKeyCredential,
        expected: Option<Uuid>,
    ) -> Result<Uuid, AuthError> {
        let webauthn = self.webauthn()?;
        let (asked, state) = self.take_ceremony(ceremony, &credential.response.client_data_json).await?;
        let unknown = || AuthError::InvalidRequest("the security key's answer is not valid".to_owned());
        let id = URL_SAFE_NO_PAD.encode(&credential.raw_id);
        let row = self.0.pool.query_opt(include_str!("sql/find_passkey.sql"), &[&id]).await?;
        let row = row.ok_or_else(unknown)?;
        let user: Uuid = row.try_get("id")?;
        let handle = credential.response.user_handle.as_deref();
        let is_owner = [asked, expected].into_iter().flatten().all(|person| person == user)
            && handle.is_none_or(|handle| handle.is_empty() || handle == user.as_bytes());
        if !is_owner {
            return Err(unknown());
        }
        let Json(mut passkey) = row.try_get::<_, Json<Passkey>>("passkey")?;
        let result = webauthn
            .finish_discoverable_authentication_v2(credential, state, &passkey)
            .map_err(|error| refuse(&error))?;
        Standing::from_row(&row)?.check(&self.0.options)?;
        if passkey.update_credential(&result) == Some(true) {
            let (key, counter) = (row.try_get::<_, Uuid>("key_id")?, i64::from(result.counter()));
            let sql = include_str!("sql/use_passkey.sql");
            self.0.pool.execute(sql, &[&key, &counter, &Json(&passkey)]).await?;
        }
        Ok(user)
    }
}

/// A credential that nobody has, always the same for an address: who has no key looks like somebody who has one.
pub(super) fn decoy(options: &Options, email: &str) -> Result<Value, AuthError> {
    let key = options.code_key.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| AuthError::Hash(error.to_string()))?;
    mac.update(b"passkey\0");
    mac.update(email.to_ascii_lowercase().as_bytes());
    let bytes = mac.finalize().into_bytes();
    // The lengths of the commonest keeps of passkeys.
    let length = if bytes.first().is_some_and(|byte| byte % 2 == 0) { 16 } else { 20 };
    let id: Vec<u8> = bytes.iter().rev().take(length).copied().collect();
    Ok(
        json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(id), "transports": ["internal", "hybrid"] }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(id: &str, origins: &[&str]) -> RelyingParty {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        RelyingParty { id: id.to_owned(), name: "Brain".to_owned(), origins, timeout_ms: 60_000 }
    }

    #[test]
    fn origins_are_the_party_or_below_it() {
        assert!(party("example.com", &["https://example.com", "https://app.example.com"]).build().is_ok());
        assert!(party("localhost", &["http://localhost:3000"]).build().is_ok());
        for wrong in [
            party("example.com", &["https://example.org"]),
            party("example.com", &["https://myexample.com"]),
            party("127.0.0.1", &["http://127.0.0.1:3000"]),
            party("example.com", &["nonsense"]),
            party("example.com", &[]),
        ] {
            assert!(wrong.build().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_decoy_is_the_addresss_own() {
        let options = Options::default();
        let id = |email: &str| decoy(&options, email).unwrap()["id"].as_str().unwrap().to_owned();
        assert_eq!(id("a@b.c"), id("A@B.C"));
        assert_ne!(id("a@b.c"), id("b@b.c"));
        assert_ne!(id("a@b.c"), decoy(&Options::default(), "a@b.c").unwrap()["id"]);
    }
}
