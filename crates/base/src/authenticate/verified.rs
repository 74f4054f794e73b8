//! Tokens that were verified a moment ago: a client sends the same one with every request, and the arithmetic of its
//! signature costs more than everything else that is done to find out who asks.
//!
//! A token is known by all of its bytes, for as long as the keys are the same. Its own end holds as it does without this,
//! and after [`KEEP_SECONDS`] it is verified anew: keys that are fetched from elsewhere may have changed.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::RefusedCaller;
use crate::jwt::{AccessClaims, KeyEdition};
use crate::session::Session;

/// How many tokens are kept, of callers who were here last.
const MAX_TOKENS: usize = 4_096;

/// A longer token is verified each time, so that the memory has a bound.
const MAX_TOKEN_BYTES: usize = 2_048;

/// After so many seconds a token is verified again.
const KEEP_SECONDS: i64 = 60;

/// Clones are the same.
#[derive(Clone)]
pub(super) struct VerifiedTokens(Arc<Cache<Box<str>, Arc<Verified>>>);

/// What a good token says.
pub(super) struct Verified {
    claims: AccessClaims,
    /// The session in the role that is the token's own choice.
    default: Session,
    at: i64,
    keys: KeyEdition,
}

impl VerifiedTokens {
    pub(super) fn new() -> Self {
        Self(Arc::new(Cache::new(MAX_TOKENS)))
    }

    /// What is known of `token` at the time `now`, in seconds since 1970.
    pub(super) fn find(&self, token: &str, now: i64, keys: &KeyEdition) -> Option<Arc<Verified>> {
        self.0.get(token).filter(|verified| verified.keys == *keys && verified.is_good(now))
    }

    /// Remembers a token.
    pub(super) fn keep(&self, token: &str, verified: Verified) {
        if token.len() <= MAX_TOKEN_BYTES {
            self.0.insert(token.into(), Arc::new(verified));
        }
    }
}

impl Verified {
    /// What a token says that was verified at `now` by `keys`.
    pub(super) fn new(claims: AccessClaims, now: i64, keys: KeyEdition) -> Self {
        let default = session(&claims, &claims.default_role);
        Self { claims, default, at: now, keys }
    }

    /// The session in `asked_role`, or in the token's default one.
    pub(super) fn session(&self, asked_role: Option<&str>) -> Result<Session, RefusedCaller> {
        let role = asked_role.unwrap_or(&self.claims.default_role);
        if !self.claims.allowed_roles.iter().any(|allowed| allowed == role) {
            return Err(RefusedCaller::Role);
        }
        if role == self.claims.default_role {
            return Ok(self.default.clone());
        }
        Ok(session(&self.claims, role))
    }

    /// A clock that was set back makes everything doubtful.
    fn is_good(&self, now: i64) -> bool {
        now < self.claims.expires_at && (self.at..self.at.saturating_add(KEEP_SECONDS)).contains(&now)
    }
}

fn session(claims: &AccessClaims, role: &str) -> Session {
    Session::new(role, claims.variables.clone(), false).until(claims.expires_at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::SecretString;

    use super::*;
    use crate::clock::Clock;
    use crate::jwt::JwtKeys;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn keys() -> JwtKeys {
        JwtKeys::parse(&SecretString::from(SECRET), Clock::manual(1_000)).unwrap()
    }

    fn verified(expires_at: i64, keys: &JwtKeys) -> Verified {
        let claims = AccessClaims {
            user_id: None,
            expires_at,
            allowed_roles: vec!["user".to_owned(), "me".to_owned()],
            default_role: "user".to_owned(),
            variables: BTreeMap::from([("x-hasura-user-id".to_owned(), "7".to_owned())]),
        };
        Verified::new(claims, 1_000, keys.edition())
    }

    #[test]
    fn a_token_is_known_until_its_end_and_not_for_long() {
        let (tokens, keys) = (VerifiedTokens::new(), keys());
        let long = "x".repeat(MAX_TOKEN_BYTES + 1);
        tokens.keep("short", verified(1_010, &keys));
        tokens.keep("long", verified(9_999, &keys));
        tokens.keep(&long, verified(9_999, &keys));
        let known = |token: &str, now| tokens.find(token, now, &keys.edition()).is_some();
        assert!(known("short", 1_009) && known("long", 1_059));
        assert!(!known("short", 1_010) && !known("long", 1_060) && !known("long", 999));
        assert!(!known(&long, 1_000) && !known("shor", 1_000));
        keys.replace(&SecretString::from(SECRET)).unwrap();
        assert!(!known("long", 1_000), "other keys have not judged it");
    }

    #[test]
    fn a_known_token_gives_its_own_roles_only() {
        let verified = verified(9_999, &keys());
        let role = |asked| verified.session(asked).map(|session| session.role().to_owned());
        assert_eq!(role(None), Ok("user".to_owned()));
        assert_eq!(role(Some("me")), Ok("me".to_owned()));
        assert_eq!(role(Some("admin")), Err(RefusedCaller::Role));
        let session = verified.session(Some("me")).unwrap();
        assert_eq!((session.variable("x-hasura-user-id"), session.expires_at()), (Some("7"), Some(9_999)));
    }
}
