//! `POST /signin/passwordless/sms` and `…/otp`: there is no service for text messages, and they answer what Nhost Auth
//! answers where none is set.

use crate::auth::error::AuthError;

pub(in crate::auth) async fn handle() -> AuthError {
    AuthError::DisabledEndpoint
}
