//! Why the sign-in service refuses a request, with Nhost Auth's codes, statuses and messages, and the one
//! place where such an error becomes an answer: always JSON, always `status`, `message`, `error`, which is
//! what every SDK can read.
//!
//! An internal failure is logged here, once, and told to the client as one sentence without details.

use axum::Json;
use axum::extract::State;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base::authenticate::RefusedCaller;
use base::jwt::TokenError;
use db::tokio_postgres;
use serde::Serialize;

use super::Auth;
use super::observe::Outcome;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The request is malformed or breaks the description of the endpoint; the sentence says how.
    #[error("The request payload is incorrect: {0}")]
    InvalidRequest(String),
    /// The body is larger than any request needs.
    #[error("The request payload is incorrect: the body is too large")]
    BodyTooLarge,
    /// The path exists, the method does not.
    #[error("This endpoint does not answer this method")]
    MethodNotAllowed,
    /// An access token is needed and none was shown, or a bad one.
    #[error("{0}")]
    Unauthenticated(#[from] RefusedToken),
    /// The roles asked for do not contain the default role.
    #[error("Default role must be in allowed roles")]
    DefaultRoleNotAllowed,
    /// A role was asked for that new accounts may not have.
    #[error("Role not allowed")]
    RoleNotAllowed,
    /// A link may not lead there.
    #[error("The value of \"options.redirectTo\" is not allowed.")]
    RedirectToNotAllowed,
    /// The ticket is unknown, used up or too old.
    #[error("Invalid ticket")]
    InvalidTicket,
    /// The second factor's secret was not made yet.
    #[error("User does not have a TOTP secret")]
    NoTotpSecret,
    /// The second factor is on already.
    #[error("TOTP MFA is already active")]
    TotpAlreadyActive,
    /// The second factor is off.
    #[error("User does not have TOTP MFA enabled")]
    DisabledMfaTotp,
    /// The second factor's code is wrong, or was used before.
    #[error("Invalid TOTP code")]
    InvalidTotp,
    /// The settings switch this endpoint off.
    #[error("This endpoint is disabled")]
    DisabledEndpoint,
    /// The same was asked for a moment ago; it may be asked for again after so many seconds.
    #[error("Too many requests, try again in {0} s")]
    TooManyRequests(u32),
    /// A sign-in with another service is unknown, used, too old, or another browser's.
    #[error("Invalid state")]
    InvalidState,
    /// The service did not take the code, or its token is not good.
    #[error("Failed to exchange token")]
    TokenExchangeFailed,
    /// The service does not tell who the person is, or has no address of theirs.
    #[error("Failed to get user profile")]
    ProfileFetchFailed,
    /// The service ended the sign-in: the person said no, or it failed.
    #[error("Provider returned an error")]
    ProviderError,
    /// The person of the service belongs to another account, or the account to another person of it.
    #[error("The provider's account is already linked")]
    ProviderAlreadyLinked,
    /// A service is to be linked by a page that is not the client's.
    #[error("A service is linked from the client's own pages")]
    ForeignPage,
    /// A security key must be shown first.
    #[error("A security key must be shown first: the session is not elevated")]
    ElevationRequired,
    /// The password is shorter than the configured minimum.
    #[error("Password is too short")]
    PasswordTooShort,
    /// The password is one that thieves know.
    #[error("Password is in HIBP database")]
    BreachedPassword,
    /// The address is unknown or the password wrong: nobody is told which.
    #[error("Incorrect email or password")]
    InvalidEmailPassword,
    /// The account is disabled.
    #[error("User is disabled")]
    DisabledUser,
    /// What is asked for is only done for who has just signed in, or shows their password.
    #[error("Sign in again, or show your password")]
    StaleSession,
    /// The account's address must be verified first.
    #[error("User is not verified.")]
    UnverifiedUser,
    /// The refresh token is unknown, used up or too old.
    #[error("Invalid or expired refresh token")]
    InvalidRefreshToken,
    /// The personal access token is unknown or too old.
    #[error("Invalid or expired personal access token")]
    InvalidPat,
    /// Only who is anonymous can do this.
    #[error("Logged in user is not anonymous")]
    UserNotAnonymous,
    /// Nobody can make an account.
    #[error("Sign up is disabled.")]
    SignupDisabled,
    /// Anonymous accounts cannot do this.
    #[error("Forbidden, user is anonymous.")]
    ForbiddenAnonymous,
    /// The address has an account already.
    #[error("Email already in use")]
    EmailAlreadyInUse,
    /// More passwords wait to be hashed than can be in good time.
    #[error("Too many requests, try again in a moment")]
    TooManyPasswords,
    /// A statement could not be run.
    #[error("running a statement")]
    Database(#[from] db::Error),
    /// A row is not what the statement promises.
    #[error("reading a row")]
    Row(#[from] tokio_postgres::Error),
    /// A password could not be hashed, or a stored hash not be read.
    #[error("hashing a password: {0}")]
    Hash(String),
    /// The picture of a secret could not be drawn.
    #[error("drawing a picture: {0}")]
    Draw(String),
    /// What is under way could not be kept.
    #[error("keeping a ceremony: {0}")]
    Keep(String),
    /// The settings of security keys cannot be used.
    #[error("the settings of WebAuthn: {0}")]
    ConfigureWebauthn(String),
    /// The settings name custom claims that cannot be read.
    #[error("AUTH_JWT_CUSTOM_CLAIMS: {0}")]
    CustomClaims(String),
    /// The project did not tell a person's claims.
    #[error("reading a person's claims: {0}")]
    ReadClaims(String),
    /// An access token could not be signed.
    #[error("signing an access token")]
    Sign(#[source] TokenError),
}

/// Why an access token does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedToken {
    /// There is none.
    #[error("The access token is missing")]
    Missing,
    /// It is malformed, forged or too old.
    #[error("{0}")]
    Bad(#[from] RefusedCaller),
    /// It is good, and its person is gone.
    #[error("The access token's user does not exist")]
    UnknownUser,
    /// It is good, and somebody has ended its session.
    #[error("The access token's session has ended")]
    EndedSession,
}

/// Goes with the answer of an error that tells about accounts.
#[derive(Clone, Copy)]
struct Telling;

/// What is told in the place of an error that tells about accounts.
const CONCEALED: (StatusCode, &str, &str) =
    (StatusCode::BAD_REQUEST, "invalid-request", "The request payload is incorrect");

/// The body of an error.
#[derive(Serialize)]
struct ErrorBody {
    status: u16,
    message: String,
    error: &'static str,
}

impl AuthError {
    /// The status and Nhost's code.
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid-request"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid-request"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "invalid-request"),
            Self::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "invalid-request"),
            Self::DefaultRoleNotAllowed => (StatusCode::BAD_REQUEST, "default-role-must-be-in-allowed-roles"),
            Self::RoleNotAllowed => (StatusCode::BAD_REQUEST, "role-not-allowed"),
            Self::RedirectToNotAllowed => (StatusCode::BAD_REQUEST, "redirectTo-not-allowed"),
            Self::InvalidTicket => (StatusCode::UNAUTHORIZED, "invalid-ticket"),
            Self::NoTotpSecret => (StatusCode::BAD_REQUEST, "no-totp-secret"),
            Self::TotpAlreadyActive => (StatusCode::BAD_REQUEST, "totp-already-active"),
            Self::DisabledMfaTotp => (StatusCode::UNAUTHORIZED, "disabled-mfa-totp"),
            Self::InvalidTotp => (StatusCode::UNAUTHORIZED, "invalid-totp"),
            Self::DisabledEndpoint => (StatusCode::CONFLICT, "disabled-endpoint"),
            Self::InvalidState => (StatusCode::BAD_REQUEST, "invalid-state"),
            // Nhost Auth's own spelling.
            Self::TokenExchangeFailed => (StatusCode::BAD_REQUEST, "oauth-token-echange-failed"),
            Self::ProfileFetchFailed => (StatusCode::BAD_REQUEST, "oauth-profile-fetch-failed"),
            Self::ProviderError => (StatusCode::BAD_REQUEST, "oauth-provider-error"),
            Self::ProviderAlreadyLinked => (StatusCode::CONFLICT, "provider-account-already-linked"),
            Self::ForeignPage => (StatusCode::FORBIDDEN, "foreign-page"),
            Self::ElevationRequired => (StatusCode::FORBIDDEN, "elevated-claim-required"),
            Self::PasswordTooShort => (StatusCode::BAD_REQUEST, "password-too-short"),
            Self::BreachedPassword => (StatusCode::BAD_REQUEST, "password-in-hibp-database"),
            Self::InvalidEmailPassword => (StatusCode::UNAUTHORIZED, "invalid-email-password"),
            Self::DisabledUser => (StatusCode::UNAUTHORIZED, "disabled-user"),
            Self::StaleSession => (StatusCode::FORBIDDEN, "sign-in-again"),
            Self::UnverifiedUser => (StatusCode::UNAUTHORIZED, "unverified-user"),
            Self::InvalidRefreshToken => (StatusCode::UNAUTHORIZED, "invalid-refresh-token"),
            Self::InvalidPat => (StatusCode::UNAUTHORIZED, "invalid-pat"),
            Self::UserNotAnonymous => (StatusCode::BAD_REQUEST, "user-not-anonymous"),
            Self::SignupDisabled => (StatusCode::FORBIDDEN, "signup-disabled"),
            Self::ForbiddenAnonymous => (StatusCode::FORBIDDEN, "forbidden-anonymous"),
            Self::EmailAlreadyInUse => (StatusCode::CONFLICT, "email-already-in-use"),
            Self::TooManyPasswords | Self::TooManyRequests(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-requests")
            }
            Self::Database(error) if error.is_connection_lost() || error.is_busy() => {
                (StatusCode::SERVICE_UNAVAILABLE, "internal-server-error")
            }
            Self::ReadClaims(_) => (StatusCode::SERVICE_UNAVAILABLE, "internal-server-error"),
            Self::Database(_)
            | Self::Row(_)
            | Self::Hash(_)
            | Self::Draw(_)
            | Self::CustomClaims(_)
            | Self::Sign(_)
            | Self::Keep(_)
            | Self::ConfigureWebauthn(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal-server-error"),
        }
    }

    /// What a person is told about a call to another service that failed. The operator's line is written here.
    pub(super) fn from_provider(error: &clients::Error) -> Self {
        tracing::warn!(error.code = error.code(), %error, "a sign-in with another service failed");
        match error {
            clients::Error::ExchangeCode(_) | clients::Error::VerifyIdToken(_) => Self::TokenExchangeFailed,
            clients::Error::ReadProfile(_) => Self::ProfileFetchFailed,
            _ => Self::ProviderError,
        }
    }

    /// Nhost's code.
    pub(super) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    /// Whether it tells about accounts, which Nhost Auth hides where it is told to (`AUTH_CONCEAL_ERRORS`).
    fn is_telling(&self) -> bool {
        matches!(
            self,
            Self::RoleNotAllowed
                | Self::InvalidTicket
                | Self::NoTotpSecret
                | Self::DisabledMfaTotp
                | Self::InvalidTotp
                | Self::ProviderAlreadyLinked
                | Self::InvalidEmailPassword
                | Self::DisabledUser
                | Self::UnverifiedUser
                | Self::InvalidRefreshToken
                | Self::InvalidPat
                | Self::UserNotAnonymous
                | Self::SignupDisabled
                | Self::ForbiddenAnonymous
                | Self::EmailAlreadyInUse
        )
    }

    /// The code and the sentence for a page that a browser is sent to.
    pub(super) fn on_a_page(&self, conceals: bool) -> (&'static str, String) {
        if conceals && self.is_telling() {
            let (_, code, message) = CONCEALED;
            return (code, message.to_owned());
        }
        (self.code(), self.told())
    }

    /// What the client is told.
    fn told(&self) -> String {
        match self.status_and_code().0 {
            StatusCode::INTERNAL_SERVER_ERROR => "Internal server error".to_owned(),
            StatusCode::SERVICE_UNAVAILABLE => "The service is unavailable, try again in a moment".to_owned(),
            _ => self.to_string(),
        }
    }

    /// Logs a failure of ours, once.
    pub(super) fn log(&self) {
        let (status, code) = self.status_and_code();
        if status.is_server_error() {
            tracing::error!(error.code = code, "the sign-in service failed: {}", describe(self));
        }
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        self.log();
        let body = ErrorBody { status: status.as_u16(), message: self.told(), error: code };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(Outcome(code));
        if self.is_telling() {
            response.extensions_mut().insert(Telling);
        }
        let headers = response.headers_mut();
        if matches!(self, Self::Unauthenticated(_)) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let seconds = if let Self::TooManyRequests(seconds) = self { seconds } else { 1 };
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What happened, for the log. Of the database's own answer only code and message: its details may quote
/// the row.
fn describe(error: &AuthError) -> String {
    use std::error::Error as _;
    let mut line = error.to_string();
    if let AuthError::Database(database) = error
        && let Some(answer) = database.server()
    {
        return format!("{line}: {} {}", answer.code().code(), answer.message());
    }
    let mut cause = error.source();
    while let Some(source) = cause {
        line = format!("{line}: {source}");
        cause = source.source();
    }
    line
}

/// Puts one answer in the place of all that tell about accounts, where the settings say so.
pub(super) async fn conceal(State(auth): State<Auth>, response: Response) -> Response {
    let tells = response.extensions().get::<Telling>().is_some();
    if !(tells && auth.0.options.conceal_errors) {
        return response;
    }
    let (status, error, message) = CONCEALED;
    let body = ErrorBody { status: status.as_u16(), message: message.to_owned(), error };
    (status, Json(body)).into_response()
}

/// Answers a method that a path does not have.
pub(super) async fn method_not_allowed() -> AuthError {
    AuthError::MethodNotAllowed
}
