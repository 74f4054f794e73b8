//! `POST /user/email/verify`: the code of the letter that verifies an address, in the place of its link. Not in Nhost
//! Auth. As after the link, a session follows, or the question for the second factor.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::auth::Auth;
use crate::auth::codes::{Purpose, TypedCode};
use crate::auth::device::Device;
use crate::auth::error::AuthError;
use crate::auth::fields::Email;
use crate::auth::request::JsonBody;
use crate::auth::sessions::SessionPayload;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::auth) struct ShowCode {
    email: Email,
    otp: TypedCode,
}

pub(in crate::auth) async fn handle(
    State(auth): State<Auth>,
    device: Device,
    JsonBody(request): JsonBody<ShowCode>,
) -> Result<Json<SessionPayload>, AuthError> {
    let email = request.email.as_str();
    auth.0.options.address_rules.check(email)?;
    Ok(Json(auth.sign_in_by_code(Purpose::Verify, email, &request.otp, &device).await?))
}
