//! Who asks: a role and the session variables that permissions are written in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::ids::UserId;

/// The role that may do everything and to which no permission applies.
pub const ADMIN_ROLE: &str = "admin";

/// The role of a person who is signed in.
pub const USER_ROLE: &str = "user";

/// The caller of one request: a role and its session variables. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Session {
    role: Arc<str>,
    variables: Arc<BTreeMap<String, String>>,
    /// Whether `backend_only` permissions count: the admin secret was shown, and they were asked for.
    trusted: bool,
    /// When the token that made this session ends, in seconds since 1970.
    expires_at: Option<i64>,
}

impl Session {
    /// The administrator, to whom no permission applies.
    pub fn admin() -> Self {
        Self::new(ADMIN_ROLE, [], true)
    }

    /// A signed-in person with the role `user`.
    pub fn user(id: UserId) -> Self {
        Self::new(USER_ROLE, [("x-hasura-user-id".to_owned(), id.to_string())], false)
    }

    /// A session of `role`. Names of variables are case-insensitive; `x-hasura-role` is set here.
    pub fn new(role: &str, variables: impl IntoIterator<Item = (String, String)>, trusted: bool) -> Self {
        let mut all: BTreeMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        all.insert("x-hasura-role".to_owned(), role.to_owned());
        Self { role: role.into(), variables: Arc::new(all), trusted, expires_at: None }
    }

    /// The same session, ending at `unix_seconds`.
    #[must_use]
    pub fn until(mut self, unix_seconds: i64) -> Self {
        self.expires_at = Some(unix_seconds);
        self
    }

    /// The role, as the metadata spells it.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Whether this is the administrator.
    pub fn is_admin(&self) -> bool {
        &*self.role == ADMIN_ROLE
    }

    /// Whether the caller showed the admin secret and asked for `backend_only` permissions.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// When the token behind this session ends, in seconds since 1970; `None` for one without an end.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }

    /// The value of a session variable, by its lower-case name (`x-hasura-user-id`).
    pub fn variable(&self, lower_case_name: &str) -> Option<&str> {
        self.variables.get(lower_case_name).map(String::as_str)
    }

    /// All session variables, by lower-case name.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The person behind the session, if it names one.
    pub fn user_id(&self) -> Option<UserId> {
        self.variable("x-hasura-user-id").and_then(|text| text.parse().ok())
    }
}

/// Shows the role and the person, never the other variables, which may be secrets of the project's.
impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session")
            .field("role", &self.role)
            .field("user_id", &self.user_id())
            .finish_non_exhaustive()
    }
}
