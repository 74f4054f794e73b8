//! New security keys: `POST /signup/webauthn` and `…/verify` make an account whose way in is one, `POST
//! /user/webauthn/add` and `/user/webauthn/verify` give one more to a person who is signed in.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::tokio_postgres::Row;
use db::tokio_postgres::error::SqlState;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{
    CreationChallengeResponse, CredentialID, PasskeyRegistration, RegisterPublicKeyCredential,
};

use super::{Roles, SignUpOptions};
use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::Email;
use crate::auth::passkeys::{Ceremony, MAX_KEYS, NewKey, Nickname, refuse};
use crate::auth::request::{Bearer, JsonBody, Object};
use crate::auth::sessions::{Opening, SessionPayload};
use crate::auth::tickets::{Kind, TicketLetter};
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct SignUp {
    email: Email,
    options: Option<Object<Map<String, Value>>>,
}

/// What is kept of a sign-up until the key has answered.
#[derive(Serialize, Deserialize)]
struct SignUpState {
    registration: PasskeyRegistration,
    user: Uuid,
    email: String,
    options: Map<String, Value>,
}

pub(in crate::auth) async fn sign_up(
    State(auth): State<Auth>,
    JsonBody(request): JsonBody<SignUp>,
) -> Result<Json<Value>, AuthError> {
    let webauthn = auth.webauthn()?;
    if auth.0.options.disable_signup {
        return Err(AuthError::SignupDisabled);
    }
    auth.0.options.address_rules.check(request.email.as_str())?;
    let options = request.options.map(|object| object.0).unwrap_or_default();
    let wanted = read(&Value::Object(options.clone()))?;
    auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    Roles::choose(&auth.0.options, wanted.allowed_roles, wanted.default_role)?;
    let email = request.email.as_str();
    let found = auth.0.pool.query_opt(include_str!("../sql/find_credentials.sql"), &[&email]).await?;
    if found.is_some() {
        return Err(AuthError::EmailAlreadyInUse);
    }
    let user = Uuid::new_v4();
    let name = wanted.display_name.as_ref().map_or(email, |name| &name.0);
    let (challenge, registration) =
        webauthn.start_passkey_registration(user, email, name, None).map_err(|error| refuse(&error))?;
    let state = SignUpState { registration, user, email: email.to_owned(), options };
    auth.keep_ceremony(Ceremony::SignUp, &challenge.public_key.challenge, None, &state).await?;
    creation_options(&challenge)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct VerifySignUp {
    credential: Value,
    options: Option<Object<Map<String, Value>>>,
    nickname: Option<Nickname>,
}

impl VerifySignUp {
    /// The options of both requests, of which the later one's count, and the key's name. `@nhost/nhost-js` 3 puts that
    /// among the options, and says again what it has said at the beginning, but not all of it.
    fn wanted(self, mut kept: Map<String, Value>) -> Result<(SignUpOptions, Option<Nickname>), AuthError> {
        kept.extend(self.options.map(|object| object.0).unwrap_or_default());
        let among = kept.remove("nickname").map(Nickname::deserialize).transpose();
        let among = among.map_err(|error| AuthError::InvalidRequest(error.to_string()))?;
        Ok((read(&Value::Object(kept))?, self.nickname.or(among)))
    }
}

pub(in crate::auth) async fn verify_sign_up(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<VerifySignUp>,
) -> Result<Json<SessionPayload>, AuthError> {
    let webauthn = auth.webauthn()?;
    let credential = credential(&request.credential)?;
    let (_, kept) =
        auth.take_ceremony::<SignUpState>(Ceremony::SignUp, &credential.response.client_data_json).await?;
    if auth.0.options.disable_signup {
        return Err(AuthError::SignupDisabled);
    }
    let passkey = webauthn
        .finish_passkey_registration(&credential, &kept.registration)
        .map_err(|error| refuse(&error))?;
    let key = NewKey::of(&passkey, transports(&request.credential))?;
    let (wanted, nickname) = request.wanted(kept.options)?;
    let destination = auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    let user = insert_user(&auth, kept.user, &kept.email, wanted, &key, nickname).await?;
    tracing::info!(user.id = %user, "a person signed up");
    let options = &auth.0.options;
    if options.disable_new_users {
        return Err(AuthError::DisabledUser);
    }
    if options.email_verification_required {
        let (kind, email, destination) = (Kind::VerifyEmail, kept.email.as_str(), &destination);
        auth.send_ticket(TicketLetter { kind, email, destination, new_email: None, verified: Some(false) })
            .await?;
        return Ok(Json(SessionPayload::nothing()));
    }
    let opening = Opening::with_claims(auth.first_claims(user).await?);
    Ok(Json(SessionPayload::session(auth.begin_session(user, &device, opening).await?)))
}

async fn insert_user(
    auth: &Auth,
    user: Uuid,
    email: &str,
    wanted: SignUpOptions,
    key: &NewKey,
    nickname: Option<Nickname>,
) -> Result<Uuid, AuthError> {
    let options = &auth.0.options;
    let roles = Roles::choose(options, wanted.allowed_roles, wanted.default_role)?;
    let row = auth
        .0
        .pool
        .query_opt(
            include_str!("../sql/insert_passkey_user.sql"),
            &[
                &user,
                &email,
                &key.credential_id,
                &key.transports,
                &nickname.map(|nickname| nickname.0),
                &key.passkey,
                &wanted.display_name.as_ref().map_or(email, |name| &name.0),
                &options.locale(wanted.locale.as_ref().map(|locale| locale.0.as_str())),
                &roles.default,
                &roles.allowed,
                &wanted.metadata.map(|metadata| metadata.0),
                &options.disable_new_users,
                &options.gravatar_enabled,
            ],
        )
        .await;
    let row = match row {
        // The key belongs to somebody, and its answer is only known here.
        Err(error) if error.sqlstate() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(AuthError::InvalidRequest("the key is known".to_owned()));
        }
        row => row?,
    };
    Ok(row.ok_or(AuthError::EmailAlreadyInUse)?.try_get("id")?)
}

pub(in crate::auth) async fn add(State(auth): State<Auth>, bearer: Bearer) -> Result<Json<Value>, AuthError> {
    let webauthn = auth.webauthn()?;
    let person = person(&auth, &bearer).await?;
    let email: Option<String> = person.try_get("email")?;
    let name: String = person.try_get("display_name")?;
    let email = email.unwrap_or_else(|| name.clone());
    let (_, own) = auth.credentials(Some(bearer.0.0), None).await?;
    let ids = own.iter().filter_map(|known| known["id"].as_str());
    let own: Vec<CredentialID> = ids.filter_map(|id| URL_SAFE_NO_PAD.decode(id).ok()).collect();
    let (challenge, registration) = webauthn
        .start_passkey_registration(bearer.0.0, &email, &name, Some(own))
        .map_err(|error| refuse(&error))?;
    auth.keep_ceremony(Ceremony::Add, &challenge.public_key.challenge, Some(bearer.0.0), &registration)
        .await?;
    creation_options(&challenge)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct VerifyAdd {
    credential: Value,
    nickname: Option<Nickname>,
}

/// A key that was added.
#[derive(Serialize)]
pub(in crate::auth) struct Added {
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<String>,
}

pub(in crate::auth) async fn verify_add(
    State(auth): State<Auth>,
    bearer: Bearer,
    JsonBody(request): JsonBody<VerifyAdd>,
) -> Result<Json<Added>, AuthError> {
    let webauthn = auth.webauthn()?;
    person(&auth, &bearer).await?;
    let credential = credential(&request.credential)?;
    let (asked, registration) = auth
        .take_ceremony::<PasskeyRegistration>(Ceremony::Add, &credential.response.client_data_json)
        .await?;
    if asked != Some(bearer.0.0) {
        return Err(AuthError::InvalidRequest("the challenge was somebody else's".to_owned()));
    }
    let passkey =
        webauthn.finish_passkey_registration(&credential, &registration).map_err(|error| refuse(&error))?;
    let key = NewKey::of(&passkey, transports(&request.credential))?;
    let nickname = request.nickname.map(|nickname| nickname.0);
    let mut held = auth.lock_caller(&bearer).await?;
    let row = held
        .query_opt(
            include_str!("../sql/insert_passkey.sql"),
            &[&bearer.0.0, &key.credential_id, &key.transports, &nickname, &key.passkey, &MAX_KEYS],
        )
        .await?;
    let full = || AuthError::InvalidRequest("the key is known, or there are too many".to_owned());
    let id = row.ok_or_else(full)?.try_get("id")?;
    held.commit().await?;
    tracing::info!(user.id = %bearer.0, "a person added a security key");
    Ok(Json(Added { id, nickname }))
}

async fn person(auth: &Auth, bearer: &Bearer) -> Result<Row, AuthError> {
    let row = auth.caller(bearer).await?;
    Standing::from_row(&row)?.check_known(&auth.0.options)?;
    Ok(row)
}

/// The options of a new key as browsers take them. Keys that can be found without an address are preferred: people
/// sign in by them with one touch.
fn creation_options(challenge: &CreationChallengeResponse) -> Result<Json<Value>, AuthError> {
    let mut options =
        serde_json::to_value(&challenge.public_key).map_err(|error| AuthError::Keep(error.to_string()))?;
    if let Some(selection) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".to_owned(), json!("preferred"));
    }
    Ok(Json(options))
}

fn credential(value: &Value) -> Result<RegisterPublicKeyCredential, AuthError> {
    RegisterPublicKeyCredential::deserialize(value)
        .map_err(|_| AuthError::InvalidRequest("`credential` is no new security key".to_owned()))
}

/// How the browser says that the key is reached.
fn transports(credential: &Value) -> Vec<String> {
    Vec::deserialize(&credential["response"]["transports"]).unwrap_or_default()
}

fn read(options: &Value) -> Result<SignUpOptions, AuthError> {
    SignUpOptions::deserialize(options).map_err(|error| AuthError::InvalidRequest(error.to_string()))
}
