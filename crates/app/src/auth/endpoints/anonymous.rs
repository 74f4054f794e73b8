//! People who do not say who they are: `POST /signin/anonymous` lets one in, `POST /user/deanonymize` gives the account
//! an address. Its id stays, and so does what it has written.

use axum::Json;
use axum::extract::State;
use db::tokio_postgres::error::SqlState;
use serde::Deserialize;

use super::signup_email_password::{Roles, SignUpOptions};
use super::{Answered, OK};
use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::{DisplayName, Email, Locale, Metadata, Password};
use crate::auth::refresh_token::RefreshToken;
use crate::auth::request::{Bearer, JsonBody, Object};
use crate::auth::sessions::SessionPayload;
use crate::auth::tickets::{Kind, TicketLetter};
use crate::auth::user::Standing;

/// How Nhost Auth calls them.
const NAME: &str = "Anonymous User";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct SignInAnonymous {
    display_name: Option<DisplayName>,
    locale: Option<Locale>,
    metadata: Option<Metadata>,
}

pub(in crate::auth) async fn sign_in(
    State(auth): State<Auth>,
    device: Device,
    request: Option<JsonBody<SignInAnonymous>>,
) -> Result<Json<SessionPayload>, AuthError> {
    let options = &auth.0.options;
    if !options.anonymous_users_enabled {
        return Err(AuthError::DisabledEndpoint);
    }
    if options.disable_signup {
        return Err(AuthError::SignupDisabled);
    }
    let wanted = request.map(|JsonBody(wanted)| wanted).unwrap_or_default();
    let token = RefreshToken::generate();
    let row = auth
        .0
        .pool
        .query_one(
            include_str!("../sql/insert_anonymous.sql"),
            &[
                &wanted.display_name.as_ref().map_or(NAME, |name| &name.0),
                &options.locale(wanted.locale.as_ref().map(|locale| locale.0.as_str())),
                &wanted.metadata.map(|metadata| metadata.0),
                &options.disable_new_users,
                &token.stored(),
                &f64::from(options.refresh_token_expires_in),
                &device.metadata(),
            ],
        )
        .await?;
    if options.disable_new_users {
        return Err(AuthError::DisabledUser);
    }
    let custom = auth.first_claims(row.try_get("id")?).await?;
    Ok(Json(SessionPayload::session(auth.open_session(&row, &token, custom)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct Deanonymize {
    sign_in_method: Method,
    email: Email,
    password: Option<Password>,
    options: Option<Object<SignUpOptions>>,
    /// Nhost Auth takes it and ignores it.
    #[serde(rename = "connection")]
    _connection: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Method {
    EmailPassword,
    Passwordless,
}

pub(in crate::auth) async fn deanonymize(
    State(auth): State<Auth>,
    bearer: Bearer,
    JsonBody(request): JsonBody<Deanonymize>,
) -> Result<Answered, AuthError> {
    let options = &auth.0.options;
    let standing = Standing::from_row(&auth.caller(&bearer).await?)?;
    standing.check(options)?;
    if !standing.is_anonymous() {
        return Err(AuthError::UserNotAnonymous);
    }
    options.address_rules.check(request.email.as_str())?;
    let wanted = request.options.map(|object| object.0).unwrap_or_default();
    let roles = Roles::choose(options, wanted.allowed_roles, wanted.default_role)?;
    let destination = auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    let password_hash = match request.sign_in_method {
        Method::Passwordless if !options.email_passwordless_enabled => {
            return Err(AuthError::DisabledEndpoint);
        }
        Method::Passwordless => None,
        Method::EmailPassword => Some(auth.hash_new_password(request.password).await?),
    };
    let needs_letter = password_hash.is_none() || options.email_verification_required;
    let email = request.email.as_str();
    let locale = wanted.locale.as_ref().map(|locale| options.locale(Some(&locale.0)));
    let changed = auth
        .0
        .pool
        .query_opt(
            include_str!("../sql/deanonymize.sql"),
            &[
                &bearer.0.0,
                &email,
                &password_hash,
                &wanted.display_name.as_ref().map(|name| &name.0),
                &locale,
                &roles.default,
                &roles.allowed,
                &wanted.metadata.map(|metadata| metadata.0),
                &needs_letter,
                &NAME,
            ],
        )
        .await;
    match changed {
        Err(error) if error.sqlstate() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(AuthError::EmailAlreadyInUse);
        }
        changed => changed?.ok_or(AuthError::UserNotAnonymous)?,
    };
    tracing::info!(user.id = %bearer.0, "an anonymous person took an address");
    if needs_letter {
        let kind = if password_hash.is_some() { Kind::VerifyEmail } else { Kind::PasswordlessEmail };
        let destination = &destination;
        auth.send_ticket(TicketLetter { kind, email, destination, new_email: None, verified: Some(false) })
            .await?;
    }
    Ok(OK)
}
