//! People who come from another service: who they are here, and what links the two.
//!
//! Somebody who is new here gets an account, or the one that has their address, if both sides have seen that the
//! address is theirs: either side alone would let whoever typed somebody else's address first into their account.

use clients::identity::{Identity, Provider};
use db::Transaction;
use db::tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::Auth;
use super::device::Device;
use super::endpoints::SignUpOptions;
use super::error::AuthError;
use super::fields::{DisplayName, Email};
use super::redirects::Destination;
use super::second_factor::Proof;
use super::sessions::SessionPayload;
use super::tickets::{Kind, TicketLetter};
use super::user::Standing;

/// The services that people may sign in with.
#[derive(Clone, Debug, Default)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// These services, each once.
    pub fn new(providers: Vec<Provider>) -> Self {
        Self(providers)
    }

    /// The service of this name, if it is on.
    pub(super) fn named(&self, name: &str) -> Result<&Provider, AuthError> {
        self.0.iter().find(|provider| provider.name() == name).ok_or(AuthError::DisabledEndpoint)
    }
}

/// Whom a service's answer is about, and the service.
pub(super) struct Arrival<'a> {
    pub(super) provider: &'static str,
    pub(super) identity: &'a Identity,
    /// What a new account is to be like.
    pub(super) wanted: SignUpOptions,
    /// Where the link in a letter leads, if there must be one.
    pub(super) destination: &'a Destination,
    /// From where they come.
    pub(super) device: &'a Device,
}

impl Auth {
    /// A session, or the ticket of the second factor, for somebody whom a service has told about.
    pub(super) async fn sign_in_identity(&self, arrival: Arrival<'_>) -> Result<SessionPayload, AuthError> {
        let Arrival { provider, identity, device, .. } = &arrival;
        let email = arrival.email()?;
        self.0.options.address_rules.check(email.as_str())?;
        let sql = include_str!("sql/find_identity.sql");
        let known = self.0.pool.query_opt(sql, &[provider, &identity.subject, &email.as_str()]).await?;
        let Some(row) = known else { return self.sign_up_identity(arrival, &email).await };
        let user: Uuid = row.try_get("id")?;
        let standing = Standing::from_row(&row)?;
        if !row.try_get::<_, bool>("is_linked")? {
            if !(identity.email_verified && standing.email_verified()) {
                return Err(AuthError::EmailAlreadyInUse);
            }
            standing.check(&self.0.options)?;
            self.link_identity(self.lock_person(user).await?, user, provider, identity).await?;
        }
        standing.check(&self.0.options)?;
        self.after_first_factor(user, Proof::Service, device).await
    }

    async fn sign_up_identity(
        &self,
        arrival: Arrival<'_>,
        email: &Email,
    ) -> Result<SessionPayload, AuthError> {
        let options = &self.0.options;
        if options.disable_signup {
            return Err(AuthError::SignupDisabled);
        }
        let Arrival { provider, identity, wanted, destination, device } = arrival;
        let roles = super::endpoints::Roles::choose(options, wanted.allowed_roles, wanted.default_role)?;
        let own_name = identity.name.as_deref().and_then(display_name);
        let name = wanted.display_name.or(own_name).map_or_else(|| email.as_str().to_owned(), |name| name.0);
        let own_locale = identity.locale.as_deref().and_then(|tag| tag.split(['-', '_']).next());
        let locale = wanted.locale.as_ref().map(|locale| locale.0.as_str()).or(own_locale);
        let inserted = self
            .0
            .pool
            .query_opt(
                include_str!("sql/insert_identity.sql"),
                &[
                    &provider,
                    &identity.subject,
                    &email.as_str(),
                    &identity.email_verified,
                    &name,
                    &options.locale(locale),
                    &roles.default,
                    &roles.allowed,
                    &wanted.metadata.map(|metadata| metadata.0),
                    &options.disable_new_users,
                ],
            )
            .await;
        let row = match inserted {
            // Two browsers at once: the other one was faster.
            Err(error) if error.sqlstate() == Some(&SqlState::UNIQUE_VIOLATION) => None,
            inserted => inserted?,
        };
        let user: Uuid = row.ok_or(AuthError::EmailAlreadyInUse)?.try_get("id")?;
        tracing::info!(user.id = %user, auth.provider = provider, "a person signed up");
        if options.disable_new_users {
            return Err(AuthError::DisabledUser);
        }
        if options.email_verification_required && !identity.email_verified {
            let (kind, email) = (Kind::VerifyEmail, email.as_str());
            self.send_ticket(TicketLetter {
                kind,
                email,
                destination,
                new_email: None,
                verified: Some(false),
            })
            .await?;
            return Err(AuthError::UnverifiedUser);
        }
        self.after_first_factor(user, Proof::Service, device).await
    }

    /// Links somebody of a service to an account whose owner has shown who they are on both sides, in a transaction that
    /// holds the account.
    pub(super) async fn link_identity(
        &self,
        mut held: Transaction,
        user: Uuid,
        provider: &str,
        identity: &Identity,
    ) -> Result<(), AuthError> {
        let sql = include_str!("sql/link_identity.sql");
        let linked = held.query_opt(sql, &[&user, &provider, &identity.subject]).await;
        let linked = match linked {
            Err(error) if error.sqlstate() == Some(&SqlState::UNIQUE_VIOLATION) => None,
            linked => linked?,
        };
        linked.ok_or(AuthError::ProviderAlreadyLinked)?;
        held.commit().await?;
        tracing::info!(user.id = %user, auth.provider = provider, "a person linked a service to their account");
        Ok(())
    }
}

impl Arrival<'_> {
    /// The address: without one nobody could be written to, nor come back without the service.
    fn email(&self) -> Result<Email, AuthError> {
        let email = self.identity.email.clone().and_then(|email| Email::try_from(email).ok());
        email.ok_or(AuthError::ProfileFetchFailed)
    }
}

/// A name as names are here: what may not stand in one is left out, and so is what is too long.
fn display_name(text: &str) -> Option<DisplayName> {
    let fitting: String = text.chars().filter(|letter| DisplayName::allows(*letter)).collect();
    let short: String = fitting.trim().chars().take(DisplayName::MAX_CHARS).collect();
    DisplayName::try_from(short.trim().to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_name_becomes_one_of_ours() {
        let name = |text: &str| display_name(text).map(|name| name.0);
        assert_eq!(name("Ann Lee").as_deref(), Some("Ann Lee"));
        assert_eq!(name(" Ann \"The\" Lee\u{0} ").as_deref(), Some("Ann The Lee"));
        assert_eq!(name(&"я".repeat(40)), Some("я".repeat(32)));
        assert_eq!(name("\"\""), None);
    }
}
