//! A person as the sign-in service shows one to themself, and how a row of `auth.users` becomes one.

use std::time::SystemTime;

use base::ids::UserId;
use db::tokio_postgres::Row;
use serde::{Serialize, Serializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::error::AuthError;
use super::options::Options;

/// A person, in the shape of Nhost Auth's `User`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: UserId,
    #[serde(serialize_with = "as_rfc_3339")]
    created_at: SystemTime,
    display_name: String,
    avatar_url: String,
    locale: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    phone_number_verified: bool,
    pub(super) is_anonymous: bool,
    pub(super) default_role: String,
    pub(super) roles: Vec<String>,
    metadata: Option<Value>,
    active_mfa_type: Option<String>,
}

impl User {
    /// Reads a row that has the columns of a user and the array `roles`. The default role is always one.
    pub(super) fn from_row(row: &Row) -> Result<Self, AuthError> {
        let default_role: String = row.try_get("default_role")?;
        let mut roles: Vec<String> = row.try_get("roles")?;
        if !roles.contains(&default_role) {
            roles.push(default_role.clone());
        }
        Ok(Self {
            id: UserId(row.try_get::<_, Uuid>("id")?),
            created_at: row.try_get("created_at")?,
            display_name: row.try_get("display_name")?,
            avatar_url: row.try_get("avatar_url")?,
            locale: row.try_get("locale")?,
            email: row.try_get("email")?,
            email_verified: row.try_get("email_verified")?,
            phone_number: row.try_get("phone_number")?,
            phone_number_verified: row.try_get("phone_number_verified")?,
            is_anonymous: row.try_get("is_anonymous")?,
            default_role,
            roles,
            metadata: row.try_get("metadata")?,
            active_mfa_type: row.try_get("active_mfa_type")?,
        })
    }

    /// The same person as a session shows them: Nhost Auth tells the second factor in `GET /user` alone.
    pub(super) fn in_session(mut self) -> Self {
        self.active_mfa_type = None;
        self
    }
}

fn as_rfc_3339<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = OffsetDateTime::from(*at).format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

/// What decides whether a person may come in, whatever they know.
pub(super) struct Standing {
    disabled: bool,
    email_verified: bool,
    is_anonymous: bool,
}

impl Standing {
    /// Reads the columns of the same names.
    pub(super) fn from_row(row: &Row) -> Result<Self, AuthError> {
        Ok(Self {
            disabled: row.try_get("disabled")?,
            email_verified: row.try_get("email_verified")?,
            is_anonymous: row.try_get("is_anonymous")?,
        })
    }

    /// Whether the address is known to be theirs.
    pub(super) fn email_verified(&self) -> bool {
        self.email_verified
    }

    /// Nhost Auth's order: disabled, unverified.
    pub(super) fn check(&self, options: &Options) -> Result<(), AuthError> {
        if self.disabled {
            return Err(AuthError::DisabledUser);
        }
        // Who has no address has none to verify.
        if options.email_verification_required && !self.email_verified && !self.is_anonymous {
            return Err(AuthError::UnverifiedUser);
        }
        Ok(())
    }

    /// Whether the person has not said who they are.
    pub(super) fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// The same, for what anonymous people may not do.
    pub(super) fn check_known(&self, options: &Options) -> Result<(), AuthError> {
        self.check(options)?;
        if self.is_anonymous { Err(AuthError::ForbiddenAnonymous) } else { Ok(()) }
    }
}
