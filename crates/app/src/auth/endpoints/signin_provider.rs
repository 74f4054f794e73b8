//! `GET /signin/provider/{provider}` sends the browser to another service, and `…/callback` takes it back: with a
//! session, or, for a person who is signed in already (`connect`), with the service linked to their account.
//!
//! The state is for one use, and for the browser that began: a cookie tells it, so that nobody can be signed in as
//! somebody else by an address that they are sent.

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base::ids::UserId;
use clients::identity::Returned;
use db::tokio_postgres::types::Json;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::SignUpOptions;
use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::elevation;
use crate::auth::error::{AuthError, RefusedToken};
use crate::auth::providers::Arrival;
use crate::auth::redirects::Destination;
use crate::auth::refresh_token::digest;
use crate::auth::request::Bearer;
use crate::auth::user::Standing;

/// How long a person may take at the other service.
const LIFETIME_SECONDS: u32 = 600;

/// Which browser began.
const COOKIE_NAME: &str = "brain_sign_in";

/// The options of an account that may be made, as a query has them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::auth) struct Begin {
    allowed_roles: Option<String>,
    default_role: Option<String>,
    display_name: Option<String>,
    locale: Option<String>,
    metadata: Option<String>,
    redirect_to: Option<String>,
    connect: Option<String>,
}

impl Begin {
    /// The same as the JSON that other endpoints take, checked as theirs is.
    fn options(&self) -> Result<Value, AuthError> {
        let mut options = Map::new();
        let texts = [
            ("defaultRole", &self.default_role),
            ("displayName", &self.display_name),
            ("locale", &self.locale),
            ("redirectTo", &self.redirect_to),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                options.insert(name.to_owned(), Value::from(text.as_str()));
            }
        }
        if let Some(roles) = &self.allowed_roles {
            options.insert("allowedRoles".to_owned(), roles.split(',').map(str::trim).collect());
        }
        if let Some(metadata) = &self.metadata {
            let value = serde_json::from_str(metadata)
                .map_err(|_| AuthError::InvalidRequest("`metadata` is no JSON object".to_owned()))?;
            options.insert("metadata".to_owned(), value);
        }
        Ok(Value::Object(options))
    }
}

pub(in crate::auth) async fn begin(
    State(auth): State<Auth>,
    Path(name): Path<String>,
    headers: HeaderMap,
    query: Result<Query<Begin>, QueryRejection>,
) -> Result<Response, AuthError> {
    let Query(query) = query.map_err(|_| AuthError::InvalidRequest("the query cannot be read".to_owned()))?;
    let provider = auth.0.options.providers.named(&name)?;
    let options = query.options()?;
    let wanted = read(&options)?;
    auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    super::Roles::choose(&auth.0.options, wanted.allowed_roles, wanted.default_role)?;
    let linking = match &query.connect {
        Some(token) => Some(person(&auth, token, &headers).await?),
        None => None,
    };
    let (user, session) = linking.map_or((None, None), |Bearer(user, session)| (Some(user.0), session));
    let begun = provider
        .begin(&redirect_uri(&auth, provider.name()))
        .await
        .map_err(|error| AuthError::from_provider(&error))?;
    let browser = browser(&headers).unwrap_or_else(|| Uuid::new_v4().to_string());
    auth.0
        .pool
        .execute(
            "insert into brain.provider_sign_ins
              (state_hash, provider, browser_hash, nonce, verifier, options, user_id, session_id, expires_at)
            values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7, $8,
              now() + $9::float8 * interval '1 second')",
            &[
                &digest(begun.state.expose_secret()),
                &provider.name(),
                &digest(&browser),
                &begun.nonce.expose_secret(),
                &begun.verifier.expose_secret(),
                &Json(&options),
                &user,
                &session,
                &f64::from(LIFETIME_SECONDS),
            ],
        )
        .await?;
    let headers = [
        (LOCATION, begun.url),
        (SET_COOKIE, cookie(&auth.0.options.server_url, &browser)),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// What the other service sends back, in the query or in a form. Nhost's further parameters are not needed.
#[derive(Deserialize)]
pub(in crate::auth) struct Back {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

pub(in crate::auth) async fn callback(
    State(auth): State<Auth>,
    Path(name): Path<String>,
    device: Device,
    headers: HeaderMap,
    query: Result<Query<Back>, QueryRejection>,
) -> Result<Response, AuthError> {
    let Query(back) = query.map_err(|_| AuthError::InvalidRequest("`state` is needed".to_owned()))?;
    Box::pin(come_back(&auth, &name, (&headers, &device), back)).await
}

pub(in crate::auth) async fn callback_form(
    State(auth): State<Auth>,
    Path(name): Path<String>,
    device: Device,
    headers: HeaderMap,
    form: Result<Form<Back>, FormRejection>,
) -> Result<Response, AuthError> {
    let Form(back) = form.map_err(|_| AuthError::InvalidRequest("`state` is needed".to_owned()))?;
    Box::pin(come_back(&auth, &name, (&headers, &device), back)).await
}

/// Who came back goes on to the client, with what came of it.
async fn come_back(
    auth: &Auth,
    name: &str,
    (headers, device): (&HeaderMap, &Device),
    back: Back,
) -> Result<Response, AuthError> {
    auth.0.options.providers.named(name)?;
    let client = auth.0.redirects.client();
    let begun = match Kept::take(auth, name, headers, &back.state).await {
        Ok(begun) => begun,
        Err(error) => return Ok(auth.lead_on_with(&error, &client)),
    };
    let destination = auth.0.redirects.choose(begun.wanted.redirect_to.as_ref()).unwrap_or(client);
    let finished = Box::pin(finish(auth, name, begun, back, (&destination, device))).await;
    Ok(finished.unwrap_or_else(|error| auth.lead_on_with(&error, &destination)))
}

/// What was kept of the beginning.
struct Kept {
    nonce: String,
    verifier: String,
    wanted: SignUpOptions,
    /// Who links the service to their account.
    linking: Option<Bearer>,
}

impl Kept {
    async fn take(auth: &Auth, name: &str, headers: &HeaderMap, state: &str) -> Result<Self, AuthError> {
        let browser = browser(headers).ok_or(AuthError::InvalidState)?;
        let sql = include_str!("../sql/take_provider_sign_in.sql");
        let row = auth.0.pool.query_opt(sql, &[&digest(state), &name, &digest(&browser)]).await?;
        let row = row.ok_or(AuthError::InvalidState)?;
        let Json(options) = row.try_get::<_, Json<Value>>("options")?;
        let (user, session) = (row.try_get::<_, Option<Uuid>>("user_id")?, row.try_get("session_id")?);
        Ok(Self {
            nonce: row.try_get("nonce")?,
            verifier: row.try_get("verifier")?,
            wanted: read(&options)?,
            linking: user.map(|user| Bearer(UserId(user), session)),
        })
    }
}

async fn finish(
    auth: &Auth,
    name: &str,
    begun: Kept,
    back: Back,
    (destination, device): (&Destination, &Device),
) -> Result<Response, AuthError> {
    let provider = auth.0.options.providers.named(name)?;
    if let Some(error) = back.error {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
        tracing::info!(auth.provider = name, provider.error = error, "a service ended a sign-in");
        return Err(AuthError::ProviderError);
    }
    let code = back.code.ok_or(AuthError::ProviderError)?;
    let returned = Returned { code, nonce: begun.nonce.into(), verifier: begun.verifier.into() };
    let finished = provider.finish(&redirect_uri(auth, provider.name()), returned).await;
    let identity = finished.map_err(|error| AuthError::from_provider(&error))?;
    if let Some(bearer) = begun.linking {
        let held = auth.lock_caller(&bearer).await?;
        auth.link_identity(held, bearer.0.0, provider.name(), &identity).await?;
        return Ok(destination.redirect(&[]));
    }
    let arrival =
        Arrival { provider: provider.name(), identity: &identity, wanted: begun.wanted, destination, device };
    let payload = auth.sign_in_identity(arrival).await?;
    Ok(match (&payload.session, &payload.mfa) {
        (Some(session), _) => destination.redirect(&[("refreshToken", session.refresh_token())]),
        (None, Some(challenge)) => destination.redirect(&[("mfaTicket", &challenge.ticket)]),
        (None, None) => destination.redirect(&[]),
    })
}

/// The person who links a service to their account, by their access token: as at `/link/idtoken`, with their security
/// key where the settings ask for it.
///
/// The token says who asks, and not whose browser this is: whoever is sent here with somebody else's would link their own
/// service to that account. So the client's pages alone may send a browser here.
async fn person(auth: &Auth, token: &str, headers: &HeaderMap) -> Result<Bearer, AuthError> {
    if !auth.0.redirects.are_origin_of(headers) {
        return Err(AuthError::ForeignPage);
    }
    let claims = auth.0.jwt.verify_own(token);
    let claims = claims.map_err(|error| RefusedToken::Bad(error.into()))?;
    let bearer = Bearer::of(&claims)?;
    elevation::check(auth, &claims).await?;
    Standing::from_row(&auth.caller(&bearer).await?)?.check_known(&auth.0.options)?;
    Ok(bearer)
}

fn read(options: &Value) -> Result<SignUpOptions, AuthError> {
    SignUpOptions::deserialize(options).map_err(|error| AuthError::InvalidRequest(error.to_string()))
}

fn redirect_uri(auth: &Auth, provider: &str) -> String {
    format!("{}/signin/provider/{provider}/callback", auth.0.options.server_url)
}

/// Which browser this is, if it has been told.
fn browser(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    Uuid::try_parse(value).ok().map(|id| id.to_string())
}

/// Tells a browser which one it is. Another site's link to the callback must bring it, hence `Lax`.
fn cookie(server_url: &str, browser: &str) -> String {
    let secure = if server_url.starts_with("https:") { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={browser}; Path=/; Max-Age={LIFETIME_SECONDS}; HttpOnly; SameSite=Lax{secure}")
}
