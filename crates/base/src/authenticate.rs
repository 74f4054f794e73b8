//! From a request's headers to its [`Session`]: the admin secret, a bearer token, or neither.
//!
//! Rules: Hasura v2's "Authentication" — the admin secret wins; with a token the role is the one asked for
//! by `x-hasura-role` among the allowed ones, or the default one; without either the unauthorized role.

mod verified;

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use crate::jwt::{JwtKeys, TokenError, TokenPlace};
use crate::session::{ADMIN_ROLE, Session};
use verified::{Verified, VerifiedTokens};

/// The role of a request that shows nothing.
pub const PUBLIC_ROLE: &str = "public";

/// The header by which a caller with the admin secret asks for `backend_only` permissions.
const BACKEND_ONLY_HEADER: &str = "x-hasura-use-backend-only-permissions";

/// The most headers that become session variables; more are refused.
const MAX_SESSION_VARIABLES: usize = 64;

/// Turns headers into sessions.
#[derive(Clone)]
pub struct Authenticator {
    admin_secret: Option<SecretString>,
    jwt: Option<JwtKeys>,
    unauthorized_role: Option<String>,
    verified: VerifiedTokens,
}

/// Why a caller is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedCaller {
    /// The admin secret is wrong.
    #[error("invalid \"x-hasura-admin-secret\"/\"x-hasura-access-key\"")]
    AdminSecret,
    /// The bearer token is not good.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The `Authorization` header is not `Bearer TOKEN`.
    #[error("Malformed Authorization header")]
    Malformed,
    /// Neither a secret nor a token, and no role stands open.
    #[error("Missing 'Authorization' or 'Cookie' header in JWT authentication mode")]
    Missing,
    /// The role asked for is not among the token's.
    #[error("Your requested role is not in allowed roles")]
    Role,
    /// The header that switches `backend_only` permissions on is neither true nor false.
    #[error(
        "{BACKEND_ONLY_HEADER}:  Not a valid boolean text. True values are [\"true\",\"t\",\"yes\",\"y\"] and  False values are [\"false\",\"f\",\"no\",\"n\"]. All values are case insensitive"
    )]
    BackendOnly,
    /// Too many session variables.
    #[error("too many session variables")]
    TooManyVariables,
}

impl Authenticator {
    /// An authenticator that knows `admin_secret`, verifies tokens with `jwt`, and gives callers without
    /// either the role `unauthorized_role`, where there is one.
    ///
    /// Without an admin secret everybody is the administrator, as in Hasura: only the stand-alone engine
    /// may be run so.
    pub fn new(
        admin_secret: Option<SecretString>,
        jwt: Option<JwtKeys>,
        unauthorized_role: Option<String>,
    ) -> Self {
        Self { admin_secret, jwt, unauthorized_role, verified: VerifiedTokens::new() }
    }

    /// The session of a request with these headers.
    pub fn session(&self, headers: &HeaderMap) -> Result<Session, RefusedCaller> {
        let Some(secret) = &self.admin_secret else {
            return trusted_session(hasura_headers(headers)?);
        };
        if let Some(shown) =
            text(headers, "x-hasura-admin-secret").or_else(|| text(headers, "x-hasura-access-key"))
        {
            if !equal_in_constant_time(shown.as_bytes(), secret.expose_secret().as_bytes()) {
                return Err(RefusedCaller::AdminSecret);
            }
            return trusted_session(hasura_headers(headers)?);
        }
        let asked_role = text(headers, "x-hasura-role");
        let shown = match &self.jwt {
            Some(jwt) => jwt.with_places(|place| shown_at(place, headers)),
            None => shown_at(&TokenPlace::Authorization, headers),
        };
        match shown {
            Some(token) => self.bearer_session(token?, asked_role),
            None => self.unauthorized_session(),
        }
    }

    /// The session of a bearer token, in `asked_role` or its default one.
    pub fn bearer_session(&self, token: &str, asked_role: Option<&str>) -> Result<Session, RefusedCaller> {
        let key = self.jwt.as_ref().ok_or(TokenError::Invalid)?;
        // Taken before the token is judged: should the keys be replaced meanwhile, it is judged again.
        let (now, keys) = (key.now(), key.edition());
        if let Some(known) = self.verified.find(token, now, &keys) {
            return known.session(asked_role);
        }
        let verified = Verified::new(key.verify(token)?, now, keys);
        let session = verified.session(asked_role);
        self.verified.keep(token, verified);
        session
    }

    fn unauthorized_session(&self) -> Result<Session, RefusedCaller> {
        let role = self.unauthorized_role.as_deref().ok_or(RefusedCaller::Missing)?;
        Ok(Session::new(role, [], false))
    }
}

/// Reads the token out of an `Authorization` header (RFC 6750, section 2.1).
pub fn bearer_token(header: &str) -> Result<&str, RefusedCaller> {
    let (scheme, token) = header.split_once(' ').ok_or(RefusedCaller::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(RefusedCaller::Malformed);
    }
    Ok(token.trim())
}

/// The token that a request carries at a place, if it carries anything there.
fn shown_at<'a>(place: &TokenPlace, headers: &'a HeaderMap) -> Option<Result<&'a str, RefusedCaller>> {
    match place {
        TokenPlace::Authorization => text(headers, "authorization").map(bearer_token),
        TokenPlace::Header(name) => text(headers, name).map(|token| Ok(token.trim())),
        TokenPlace::Cookie(name) => {
            let mut pairs =
                text(headers, "cookie")?.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(cookie, _)| cookie == name).map(|(_, token)| Ok(token))
        }
    }
}

fn trusted_session(variables: Vec<(String, String)>) -> Result<Session, RefusedCaller> {
    let find =
        |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let role = find("x-hasura-role").unwrap_or_else(|| ADMIN_ROLE.to_owned());
    let backend_only = match find(BACKEND_ONLY_HEADER).map(|text| text.to_ascii_lowercase()).as_deref() {
        None | Some("false" | "f" | "no" | "n") => false,
        Some("true" | "t" | "yes" | "y") => true,
        Some(_) => return Err(RefusedCaller::BackendOnly),
    };
    Ok(Session::new(&role, variables, backend_only))
}

fn hasura_headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, RefusedCaller> {
    let mut variables = Vec::new();
    for (name, value) in headers {
        let name = name.as_str();
        let secret = matches!(name, "x-hasura-admin-secret" | "x-hasura-access-key");
        if !name.starts_with("x-hasura-") || secret {
            continue;
        }
        if variables.len() == MAX_SESSION_VARIABLES {
            return Err(RefusedCaller::TooManyVariables);
        }
        if let Ok(value) = value.to_str() {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(variables)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Compares without telling by its time where the first difference is. The length is no secret.
fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::Clock;
    use crate::ids::UserId;

    fn key() -> JwtKeys {
        let secret = SecretString::from("0123456789abcdef0123456789abcdef".to_owned());
        JwtKeys::parse(&secret, Clock::manual(1_000)).unwrap()
    }

    fn authenticator() -> Authenticator {
        Authenticator::new(Some("admin secret".to_owned().into()), Some(key()), Some(PUBLIC_ROLE.to_owned()))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_admin_secret_may_act_in_any_role() {
        let session =
            authenticator().session(&headers(&[("x-hasura-admin-secret", "admin secret")])).unwrap();
        assert!(session.is_admin() && !session.is_trusted());
        let backend = |text| {
            let shown =
                [("x-hasura-admin-secret", "admin secret"), ("x-hasura-use-backend-only-permissions", text)];
            authenticator().session(&headers(&shown)).map(|session| session.is_trusted())
        };
        assert_eq!((backend("TRUE"), backend("n")), (Ok(true), Ok(false)));
        assert_eq!(backend("perhaps"), Err(RefusedCaller::BackendOnly));
        let session = authenticator()
            .session(&headers(&[
                ("x-hasura-admin-secret", "admin secret"),
                ("x-hasura-role", "user"),
                ("x-hasura-user-id", "7"),
            ]))
            .unwrap();
        assert_eq!((session.role(), session.variable("x-hasura-user-id")), ("user", Some("7")));
        assert_eq!(session.variable("x-hasura-admin-secret"), None);
    }

    #[test]
    fn a_wrong_secret_is_refused_even_with_a_good_token() {
        let refused = authenticator().session(&headers(&[("x-hasura-admin-secret", "admin secreT")]));
        assert_eq!(refused, Err(RefusedCaller::AdminSecret));
    }

    #[test]
    fn a_token_gives_its_own_role_and_variables_only() {
        let id = UserId(uuid::Uuid::nil());
        let token = key().sign(id, 900, "user", &["user".into(), "me".into()], &BTreeMap::new()).unwrap();
        let bearer = format!("Bearer {token}");
        let ask =
            |role| authenticator().session(&headers(&[("authorization", &bearer), ("x-hasura-role", role)]));
        assert_eq!(ask("admin"), Err(RefusedCaller::Role));
        let session = ask("me").unwrap();
        assert_eq!((session.role(), session.user_id(), session.is_trusted()), ("me", Some(id), false));
        assert_eq!(session.expires_at(), Some(1_900));
        // A caller cannot name variables of its own beside the token's.
        let forged = headers(&[("authorization", &bearer), ("x-hasura-user-id", "7")]);
        assert_eq!(authenticator().session(&forged).unwrap().user_id(), Some(id));
    }

    #[test]
    fn a_token_may_come_in_a_cookie_or_a_header_of_its_own() {
        let secret = r#"[{"type":"HS256","key":"0123456789abcdef0123456789abcdef","header":{"type":"Cookie","name":"jwt"}},
            {"type":"HS512","key":"0123456789abcdef0123456789abcdef","header":{"type":"CustomHeader","name":"X-Token"}}]"#;
        let jwt = JwtKeys::parse(&secret.to_owned().into(), Clock::manual(1_000)).unwrap();
        let token =
            jwt.sign(UserId(uuid::Uuid::nil()), 9, "user", &["user".into()], &BTreeMap::new()).unwrap();
        let authenticator =
            Authenticator::new(Some("s".to_owned().into()), Some(jwt), Some("public".to_owned()));
        let role = |name: &'static str, value: &str| {
            authenticator.session(&headers(&[(name, value)])).map(|session| session.role().to_owned())
        };
        assert_eq!(role("cookie", &format!("a=b; jwt={token}; c=d")).unwrap(), "user");
        assert_eq!(role("x-token", &token).unwrap(), "user");
        assert_eq!(role("authorization", &format!("Bearer {token}")).unwrap(), "public");
        assert!(role("cookie", "jwt=forged").is_err());
    }

    #[test]
    fn nothing_shown_is_the_open_role_and_rubbish_is_refused() {
        let session = authenticator().session(&headers(&[("x-hasura-user-id", "7")])).unwrap();
        assert_eq!((session.role(), session.user_id()), (PUBLIC_ROLE, None));
        for rubbish in ["", "Bearer", "Basic abc", "Bearer x.y.z"] {
            assert!(authenticator().session(&headers(&[("authorization", rubbish)])).is_err(), "{rubbish}");
        }
    }
}
