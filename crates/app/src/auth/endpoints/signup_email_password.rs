//! `POST /signup/email-password`: makes an account, and opens its first session unless its address must be
//! verified first. Account, roles and refresh token are one statement.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::{DisplayName, Email, Locale, Metadata, Password, RedirectTo};
use crate::auth::options::Options;
use crate::auth::refresh_token::RefreshToken;
use crate::auth::request::{JsonBody, Object};
use crate::auth::sessions::SessionPayload;
use crate::auth::tickets::{Kind, TicketLetter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct SignUp {
    email: Email,
    password: Password,
    options: Option<Object<SignUpOptions>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::auth) struct SignUpOptions {
    pub(in crate::auth) allowed_roles: Option<Vec<String>>,
    pub(in crate::auth) default_role: Option<String>,
    pub(in crate::auth) display_name: Option<DisplayName>,
    pub(in crate::auth) locale: Option<Locale>,
    pub(in crate::auth) metadata: Option<Metadata>,
    pub(in crate::auth) redirect_to: Option<RedirectTo>,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<SignUp>,
) -> Result<Json<SessionPayload>, AuthError> {
    let options = &auth.0.options;
    if options.disable_signup {
        return Err(AuthError::SignupDisabled);
    }
    options.address_rules.check(request.email.as_str())?;
    auth.check_new_password(&request.password).await?;
    let wanted = request.options.map(|object| object.0).unwrap_or_default();
    let roles = Roles::choose(options, wanted.allowed_roles, wanted.default_role)?;
    let destination = auth.0.redirects.choose(wanted.redirect_to.as_ref())?;
    let password_hash = auth.0.passwords.hash(request.password.into_secret()).await?;

    let email = request.email.as_str();
    let token = RefreshToken::generate();
    let opens_session = !options.disable_new_users && !options.email_verification_required;
    let row = auth
        .0
        .pool
        .query_opt(
            include_str!("../sql/insert_user.sql"),
            &[
                &email,
                &password_hash,
                &wanted.display_name.as_ref().map_or(email, |name| &name.0),
                &options.locale(wanted.locale.as_ref().map(|locale| locale.0.as_str())),
                &roles.default,
                &roles.allowed,
                &wanted.metadata.map(|metadata| metadata.0),
                &options.disable_new_users,
                &options.gravatar_enabled,
                &opens_session,
                &token.stored(),
                &f64::from(options.refresh_token_expires_in),
                &device.metadata(),
            ],
        )
        .await?
        .ok_or(AuthError::EmailAlreadyInUse)?;
    tracing::info!(user.id = %row.try_get::<_, Uuid>("id")?, "a person signed up");
    if options.disable_new_users {
        return Err(AuthError::DisabledUser);
    }
    if opens_session {
        let custom = auth.first_claims(row.try_get("id")?).await?;
        return Ok(Json(SessionPayload::session(auth.open_session(&row, &token, custom)?)));
    }
    auth.send_ticket(TicketLetter {
        kind: Kind::VerifyEmail,
        email,
        destination: &destination,
        new_email: None,
        verified: Some(false),
    })
    .await?;
    Ok(Json(SessionPayload::nothing()))
}

/// The roles of a new account.
#[derive(Debug)]
pub(in crate::auth) struct Roles {
    pub(in crate::auth) default: String,
    pub(in crate::auth) allowed: Vec<String>,
}

impl Roles {
    /// What is asked for, where it is a choice among the configured ones.
    pub(in crate::auth) fn choose(
        options: &Options,
        allowed: Option<Vec<String>>,
        default: Option<String>,
    ) -> Result<Self, AuthError> {
        let allowed: BTreeSet<String> =
            allowed.unwrap_or_else(|| options.default_allowed_roles.clone()).into_iter().collect();
        if !allowed.iter().all(|role| options.default_allowed_roles.contains(role)) {
            return Err(AuthError::RoleNotAllowed);
        }
        let default = default.unwrap_or_else(|| options.default_role.clone());
        if !allowed.contains(&default) {
            return Err(AuthError::DefaultRoleNotAllowed);
        }
        Ok(Self { default, allowed: allowed.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(allowed: Option<&[&str]>, default: Option<&str>) -> Result<(String, Vec<String>), AuthError> {
        let allowed = allowed.map(|roles| roles.iter().map(|role| (*role).to_owned()).collect());
        let options = Options::default().normalised();
        Roles::choose(&options, allowed, default.map(str::to_owned))
            .map(|roles| (roles.default, roles.allowed))
    }

    #[test]
    fn roles_are_a_choice_among_the_configured_ones() {
        let both = || vec!["me".to_owned(), "user".to_owned()];
        assert_eq!(choose(None, None).unwrap(), ("user".to_owned(), both()));
        assert_eq!(choose(Some(&["user", "me", "user"]), Some("me")).unwrap(), ("me".to_owned(), both()));
        assert!(matches!(choose(Some(&["admin"]), None), Err(AuthError::RoleNotAllowed)));
        assert!(matches!(choose(None, Some("admin")), Err(AuthError::DefaultRoleNotAllowed)));
        assert!(matches!(choose(Some(&["me"]), None), Err(AuthError::DefaultRoleNotAllowed)));
        assert!(matches!(choose(Some(&[]), None), Err(AuthError::DefaultRoleNotAllowed)));
    }
}
