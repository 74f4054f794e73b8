//! Security keys that answer: `POST /signin/webauthn` and `…/verify` sign in with one, `POST /elevate/webauthn` and
//! `…/verify` show that whoever is signed in still has one.
//!
//! No answer tells whether an address has an account or a key: one that has none gets a key that nobody has.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use webauthn_rs::prelude::PublicKeyCredential;

use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::Email;
use crate::auth::passkeys::{Ceremony, decoy};
use crate::auth::request::{Bearer, JsonBody};
use crate::auth::sessions::{Opening, SessionPayload};
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct SignIn {
    email: Option<Email>,
}

pub(in crate::auth) async fn sign_in(
    State(auth): State<Auth>,
    body: Option<JsonBody<SignIn>>,
) -> Result<Json<Value>, AuthError> {
    auth.webauthn()?;
    let Some(email) = body.and_then(|JsonBody(request)| request.email) else {
        // Whoever has a key for us on this device is found by it.
        return Ok(Json(auth.challenge(Ceremony::SignIn, None, Vec::new()).await?));
    };
    let (user, mut credentials) = auth.credentials(None, Some(email.as_str())).await?;
    if credentials.is_empty() {
        credentials.push(decoy(&auth.0.options, email.as_str())?);
    }
    Ok(Json(auth.challenge(Ceremony::SignIn, user, credentials).await?))
}

/// The address is taken and ignored, as Nhost Auth does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct Answer {
    credential: Value,
    #[serde(rename = "email")]
    _email: Option<Email>,
}

impl Answer {
    /// The key's answer. `@nhost/nhost-js` 3 reads the person's id in it as text, which it is not, and sends what came of
    /// that: it is left out, since the key's own id tells whose it is.
    fn credential(mut self) -> Result<PublicKeyCredential, AuthError> {
        if let Some(response) = self.credential.get_mut("response").and_then(Value::as_object_mut) {
            let is_id =
                |handle: &Value| handle.as_str().is_some_and(|text| URL_SAFE_NO_PAD.decode(text).is_ok());
            if response.get("userHandle").is_some_and(|handle| handle.is_string() && !is_id(handle)) {
                response.remove("userHandle");
            }
        }
        PublicKeyCredential::deserialize(&self.credential)
            .map_err(|_| AuthError::InvalidRequest("`credential` is no security key's answer".to_owned()))
    }
}

pub(in crate::auth) async fn verify_sign_in(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<Answer>,
) -> Result<Json<SessionPayload>, AuthError> {
    auth.webauthn()?;
    let user = auth.answered(Ceremony::SignIn, &request.credential()?, None).await?;
    Ok(Json(SessionPayload::session(auth.begin_session(user, &device, Opening::default()).await?)))
}

pub(in crate::auth) async fn elevate(
    State(auth): State<Auth>,
    bearer: Bearer,
) -> Result<Json<Value>, AuthError> {
    auth.webauthn()?;
    Standing::from_row(&auth.caller(&bearer).await?)?.check_known(&auth.0.options)?;
    let (_, credentials) = auth.credentials(Some(bearer.0.0), None).await?;
    if credentials.is_empty() {
        return Err(AuthError::InvalidRequest("there is no security key".to_owned()));
    }
    Ok(Json(auth.challenge(Ceremony::Elevate, Some(bearer.0.0), credentials).await?))
}

pub(in crate::auth) async fn verify_elevate(
    State(auth): State<Auth>,
    bearer: Bearer,
    device: Device,
    JsonBody(request): JsonBody<Answer>,
) -> Result<Json<SessionPayload>, AuthError> {
    auth.webauthn()?;
    auth.caller(&bearer).await?;
    let user = auth.answered(Ceremony::Elevate, &request.credential()?, Some(bearer.0.0)).await?;
    Ok(Json(SessionPayload::session(auth.begin_session(user, &device, Opening::elevated(user)).await?)))
}
