//! `GET /files/{id}/presignedurl/contents`: a file by a presigned address of this server's, without a token.
//!
//! The address has S3's parameters (`X-Amz-Date`, `X-Amz-Expires`, `X-Amz-Signature`), which is what Nhost Storage
//! gives out, and says which object of the file it is for.

use std::slice;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::files::answer::{Method, Shown, answered};
use crate::files::error::{FilesError, parse_id};
use crate::files::rows::Role;
use crate::files::{Files, download, thumbnail};

/// How times stand in an address (ISO 8601 basic, in UTC).
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// What an address says.
#[derive(Deserialize)]
pub(in crate::files) struct Signed {
    #[serde(rename = "X-Amz-Date")]
    date: String,
    #[serde(rename = "X-Amz-Expires")]
    expires: String,
    #[serde(rename = "X-Amz-Signature")]
    signature: String,
    #[serde(default)]
    object: Option<String>,
}

/// The address of what is shown, good for `life` from `start` (unix seconds) on.
pub(super) fn address(files: &Files, shown: &Shown, start: i64, life: Duration, origin: &str) -> String {
    let start = OffsetDateTime::from_unix_timestamp(start).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = start.format(DATE).unwrap_or_default();
    let (id, expires) = (shown.id.to_string(), life.as_secs().to_string());
    let object = shown.key.name();
    let signature = files.0.signer.sign(&["GET", &id, object, &date, &expires]);
    format!(
        "{origin}/v1/files/{id}/presignedurl/contents?X-Amz-Date={date}&X-Amz-Expires={expires}\
         &object={object}&X-Amz-Signature={signature}"
    )
}

/// Answers `GET /files/{id}/presignedurl/contents`.
pub(in crate::files) async fn get(
    State(files): State<Files>,
    Path(id): Path<String>,
    signed: Result<Query<Signed>, QueryRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answered(respond(&files, &id, signed, query.as_deref(), &headers, Method::Get).await)
}

/// Answers `HEAD /files/{id}/presignedurl/contents`.
pub(in crate::files) async fn head(
    State(files): State<Files>,
    Path(id): Path<String>,
    signed: Result<Query<Signed>, QueryRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answered(respond(&files, &id, signed, query.as_deref(), &headers, Method::Head).await)
}

async fn respond(
    files: &Files,
    id: &str,
    signed: Result<Query<Signed>, QueryRejection>,
    query: Option<&str>,
    headers: &HeaderMap,
    method: Method,
) -> Result<Response, FilesError> {
    let Query(signed) = signed.map_err(|_| FilesError::Signature)?;
    let id = parse_id(id)?;
    let left = seconds_left(files, &id.to_string(), &signed)?;
    let file = files.0.rows.stored(slice::from_ref(&id)).await?.into_iter().next();
    let file = file.ok_or(FilesError::FileNotFound)?;
    if !file.is_uploaded() {
        return Err(FilesError::NotUploaded);
    }
    let object = signed.object.unwrap_or_default();
    let is_asked = |role| file.object(role).is_some_and(|kept| kept.key.name() == object);
    let shown = if is_asked(Role::Thumbnail) {
        thumbnail::shown(&file)
    } else if is_asked(Role::Content) {
        download::shown(&file)
    } else {
        // It was replaced since the address was made.
        None
    };
    let mut shown = shown.ok_or(FilesError::FileNotFound)?;
    shown.cache_control = format!("private, max-age={left}");
    shown.respond_as_asked(files, query, headers, method).await
}

/// For how many seconds the address is still good.
fn seconds_left(files: &Files, id: &str, signed: &Signed) -> Result<i64, FilesError> {
    let object = signed.object.as_deref().unwrap_or_default();
    if !files.0.signer.is_good(&["GET", id, object, &signed.date, &signed.expires], &signed.signature) {
        return Err(FilesError::Signature);
    }
    let made = PrimitiveDateTime::parse(&signed.date, DATE).map_err(|_| FilesError::Signature)?;
    let life: i64 = signed.expires.parse().map_err(|_| FilesError::Signature)?;
    let left = made.assume_utc().unix_timestamp().saturating_add(life) - files.now();
    if left > 0 { Ok(left) } else { Err(FilesError::SignatureExpired) }
}
