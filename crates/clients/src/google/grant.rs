//! The request for a token and its answer: the refresh token's grant (RFC 6749, section 6) and the JWT bearer
//! grant (RFC 7523).

use base::jws;
use http::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{AccessToken, Credentials, TOKEN_URL, TokenError, TokenOptions};
use crate::http::{Request, Response, form};

/// An assertion is good for an hour at most.
const ASSERTION_SECONDS: i64 = 3600;

/// A token lives as long where the answer does not say.
const LIFETIME_SECONDS: i64 = 3600;

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

/// The request that these credentials make.
pub(super) fn request(
    credentials: &Credentials,
    options: &TokenOptions,
    now: i64,
) -> Result<Request, TokenError> {
    let (body, own_url) = match credentials {
        Credentials::RefreshToken { client_id, client_secret, refresh_token } => {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id.as_str()),
                ("client_secret", client_secret.expose_secret()),
                ("refresh_token", refresh_token.expose_secret()),
            ];
            (form(&fields), TOKEN_URL)
        }
        Credentials::ServiceAccount { token_uri, .. } => {
            let assertion = assertion(credentials, options.scope, now)?;
            let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            (form(&[("grant_type", grant), ("assertion", &assertion)]), token_uri.as_str())
        }
    };
    http::Request::post(options.token_url.as_deref().unwrap_or(own_url))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .map_err(|error| TokenError::Credentials(format!("the address of tokens: {error}")))
}

fn assertion(credentials: &Credentials, scope: &str, now: i64) -> Result<String, TokenError> {
    let Credentials::ServiceAccount { client_email, key, key_id, token_uri, subject } = credentials else {
        return Err(TokenError::Credentials("a refresh token signs nothing".to_owned()));
    };
    let claims = Assertion {
        iss: client_email,
        scope,
        aud: token_uri,
        iat: now,
        exp: now + ASSERTION_SECONDS,
        sub: subject.as_deref(),
    };
    let unsigned = || TokenError::Credentials("`private_key` does not sign".to_owned());
    let claims = serde_json::to_vec(&claims).map_err(|_| unsigned())?;
    jws::sign(key, key_id.as_deref(), &claims).map_err(|_| unsigned())
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<i64>,
}

#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What the answer says.
pub(super) fn read(answer: &Response, now: i64) -> Result<AccessToken, TokenError> {
    if answer.status().is_success() {
        let granted: Granted = serde_json::from_slice(answer.body())
            .map_err(|_| TokenError::Unavailable("the answer holds no token".to_owned()))?;
        let lifetime = granted.expires_in.unwrap_or(LIFETIME_SECONDS).clamp(0, 24 * LIFETIME_SECONDS);
        return Ok(AccessToken { text: granted.access_token, expires_at: now + lifetime });
    }
    let refused: Refused = serde_json::from_slice(answer.body()).unwrap_or_default();
    Err(match refused.error.as_str() {
        "invalid_grant" if refused.error_description.contains("iat") => TokenError::Clock,
        "invalid_grant" => TokenError::Dead,
        // The codes of RFC 6749, section 5.2, are Google's to choose; other text is not repeated.
        "invalid_client" | "unauthorized_client" | "invalid_scope" | "access_denied" | "invalid_request" => {
            TokenError::Refused(refused.error)
        }
        _ => TokenError::Unavailable(format!("status {}", answer.status().as_u16())),
    })
}
