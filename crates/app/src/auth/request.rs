//! Reads requests: a JSON body into a checked type, and the bearer token into the person it is for.
//!
//! A body is an object with known keys, or the answer is 400 with one sentence that says what is wrong.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base::authenticate::{RefusedCaller, bearer_token};
use base::ids::UserId;
use base::jwt::{AccessClaims, TokenError};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use uuid::Uuid;

use super::Auth;
use super::error::{AuthError, RefusedToken};
use super::sessions::REFRESH_TOKEN_ID;

/// No request to the sign-in service needs more.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The longest explanation of what is wrong with a body: it may quote the body.
const MAX_SENTENCE_CHARS: usize = 200;

/// The JSON body of a request. `Option<JsonBody<T>>` takes an empty body too.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = AuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AuthError> {
        read_body(request, state)
            .await?
            .ok_or_else(|| AuthError::InvalidRequest("a JSON body is needed".to_owned()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for JsonBody<T> {
    type Rejection = AuthError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, AuthError> {
        read_body(request, state).await
    }
}

async fn read_body<S: Send + Sync, T: DeserializeOwned>(
    request: Request,
    state: &S,
) -> Result<Option<JsonBody<T>>, AuthError> {
    let is_json = has_json_type(request.headers());
    let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            return AuthError::BodyTooLarge;
        }
        AuthError::InvalidRequest("the body could not be read".to_owned())
    })?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json {
        let sentence = "the header Content-Type must be application/json";
        return Err(AuthError::InvalidRequest(sentence.to_owned()));
    }
    parse_object(&bytes).map(|body| Some(JsonBody(body)))
}

fn has_json_type(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AuthError> {
    serde_json::from_slice::<Object<T>>(bytes).map(|object| object.0).map_err(|error| {
        AuthError::InvalidRequest(match error.classify() {
            Category::Data => error.to_string().chars().take(MAX_SENTENCE_CHARS).collect(),
            Category::Io | Category::Syntax | Category::Eof => "the body is not valid JSON".to_owned(),
        })
    })
}

/// A `T` that is written as a JSON object: a derived `Deserialize` alone would take an array of the
/// fields' values as well.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The person whose access token the request shows, and the session that it is of, which may have ended: what the token
/// does to the account goes through [`Auth::caller`]. `Option<Bearer>` is `None` for a missing or bad one.
pub(super) struct Bearer(pub(super) UserId, pub(super) Option<Uuid>);

/// What the access token says that a request shows.
pub(super) fn claims(auth: &Auth, headers: &HeaderMap) -> Result<AccessClaims, AuthError> {
    let header = headers.get(AUTHORIZATION).ok_or(RefusedToken::Missing)?;
    let header = header.to_str().map_err(|_| RefusedToken::Bad(RefusedCaller::Malformed))?;
    let token = bearer_token(header).map_err(RefusedToken::Bad)?;
    Ok(auth.0.jwt.verify_own(token).map_err(|error| RefusedToken::Bad(error.into()))?)
}

impl FromRequestParts<Auth> for Bearer {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, AuthError> {
        let claims = claims(auth, &parts.headers)?;
        Self::of(&claims)
    }
}

impl Bearer {
    /// Whom the claims of an access token are about.
    pub(super) fn of(claims: &AccessClaims) -> Result<Self, AuthError> {
        let user = claims.user_id.ok_or(RefusedToken::Bad(TokenError::Claims.into()))?;
        let session = claims.variables.get(REFRESH_TOKEN_ID).and_then(|id| Uuid::try_parse(id).ok());
        Ok(Self(user, session))
    }
}

impl OptionalFromRequestParts<Auth> for Bearer {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Option<Self>, AuthError> {
        Ok(<Self as FromRequestParts<Auth>>::from_request_parts(parts, auth).await.ok())
    }
}

impl Auth {
    /// The person that an access token is for, if it is one of ours and still good.
    pub(super) fn verify_access_token(&self, token: &str) -> Result<UserId, TokenError> {
        self.0.jwt.verify_own(token)?.user_id.ok_or(TokenError::Claims)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
    }

    fn sentence(body: &str) -> String {
        parse_object::<Sample>(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_object_with_known_keys_is_read() {
        assert_eq!(parse_object::<Sample>(br#"{"name":"a"}"#).unwrap().name, "a");
    }

    #[test]
    fn what_is_wrong_is_said_in_a_bounded_sentence() {
        assert!(sentence(r#"{"name":"a","x":1}"#).contains("unknown field `x`"));
        assert!(sentence("{}").contains("missing field `name`"));
        assert!(sentence(r#"{"name":1}"#).contains("expected a string"));
        assert!(sentence(r#"["a"]"#).contains("expected an object"));
        assert!(sentence("{").contains("not valid JSON"));
        assert!(sentence("\u{0}").contains("not valid JSON"));
        let long = format!(r#"{{"name":"a","{}":1}}"#, "ü".repeat(10_000));
        assert!(sentence(&long).chars().count() < 300);
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        let of = |text: &str| HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]);
        assert!(has_json_type(&of("application/json")));
        assert!(has_json_type(&of("Application/JSON; charset=utf-8")));
        assert!(!has_json_type(&of("application/jsonx")));
        assert!(!has_json_type(&of("text/plain")));
        assert!(!has_json_type(&HeaderMap::new()));
    }
}
