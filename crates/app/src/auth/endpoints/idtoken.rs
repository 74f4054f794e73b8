//! `POST /signin/idtoken` and `POST /link/idtoken`: an app that has asked a service by itself shows the id token.

use axum::Json;
use axum::extract::State;
use clients::identity::Identity;
use serde::Deserialize;

use super::{Answered, OK, SignUpOptions};
use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::providers::Arrival;
use crate::auth::request::{Bearer, JsonBody, Object};
use crate::auth::sessions::SessionPayload;
use crate::auth::user::Standing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct SignIn {
    provider: String,
    id_token: String,
    nonce: Option<String>,
    options: Option<Object<SignUpOptions>>,
}

pub(in crate::auth) async fn sign_in(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<SignIn>,
) -> Result<Json<SessionPayload>, AuthError> {
    let wanted = request.options.map(|object| object.0).unwrap_or_default();
    let destination = auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    let (provider, identity) =
        read(&auth, &request.provider, &request.id_token, request.nonce.as_deref()).await?;
    let arrival =
        Arrival { provider, identity: &identity, wanted, destination: &destination, device: &device };
    Ok(Json(auth.sign_in_identity(arrival).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct Link {
    provider: String,
    id_token: String,
    nonce: Option<String>,
}

pub(in crate::auth) async fn link(
    State(auth): State<Auth>,
    bearer: Bearer,
    JsonBody(request): JsonBody<Link>,
) -> Result<Answered, AuthError> {
    Standing::from_row(&auth.caller(&bearer).await?)?.check_known(&auth.0.options)?;
    let (provider, identity) =
        read(&auth, &request.provider, &request.id_token, request.nonce.as_deref()).await?;
    // The service's keys may have taken their time.
    let held = auth.lock_caller(&bearer).await?;
    auth.link_identity(held, bearer.0.0, provider, &identity).await?;
    Ok(OK)
}

async fn read(
    auth: &Auth,
    provider: &str,
    token: &str,
    nonce: Option<&str>,
) -> Result<(&'static str, Identity), AuthError> {
    let provider = auth.0.options.providers.named(provider)?;
    let read = provider.read_id_token(token, nonce).await.ok_or(AuthError::DisabledEndpoint)?;
    Ok((provider.name(), read.map_err(|error| AuthError::from_provider(&error))?))
}
