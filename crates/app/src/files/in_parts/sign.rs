//! `POST /files/uploads/{id}/parts`: the addresses to which parts are sent. Each takes bytes of one size and one
//! hash, and no others.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{receive, size_of_part};
use crate::files::error::{FilesError, parse_id};
use crate::files::rows::{Upload, UploadUnderWay};
use crate::files::store::Store;
use crate::files::{Files, json};

/// For how long an address takes its part.
const LIFE: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    parts: Vec<AskedPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedPart {
    number: u16,
    /// The SHA-256 of its bytes, in hex.
    sha256: String,
}

/// Where a part goes.
#[derive(Serialize)]
struct Place {
    number: u16,
    method: &'static str,
    url: String,
    /// Headers that the request must have, exactly.
    headers: Map<String, Value>,
    /// For how many seconds the address is good.
    expiration: u64,
}

#[derive(Serialize)]
struct Places {
    parts: Vec<Place>,
}

/// Answers `POST /files/uploads/{id}/parts`.
pub(in crate::files) async fn sign(
    State(files): State<Files>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, FilesError> {
    let caller = files.session(&headers)?;
    let found = files.upload_of(&caller, parse_id(&id)?).await?;
    let Asked { parts: asked } = json::read(&body)?;
    let most = files.0.limits.addresses_per_request;
    if asked.len() > most {
        return Err(FilesError::Json(format!("at most {most} parts may be asked for at once")));
    }
    let (upload, upload_id) = found.parts().ok_or(FilesError::UploadNotFound)?;
    if upload.finished_at.is_some() {
        return Err(FilesError::Parts("the upload is complete".to_owned()));
    }
    let origin = files.origin(&headers);
    let mut parts = Vec::with_capacity(asked.len());
    for part in &asked {
        parts.push(files.place(&found, upload, upload_id, part, &origin).await?);
    }
    Ok(([(CACHE_CONTROL, "no-store")], Json(Places { parts })).into_response())
}

impl Files {
    async fn place(
        &self,
        found: &UploadUnderWay,
        upload: &Upload,
        upload_id: &str,
        part: &AskedPart,
        origin: &str,
    ) -> Result<Place, FilesError> {
        let number = part.number;
        let size = size_of_part(upload, number)
            .ok_or_else(|| FilesError::Parts(format!("the upload has no part {number}")))?;
        let hash = HEXLOWER_PERMISSIVE.decode(part.sha256.as_bytes()).unwrap_or_default();
        let hash: [u8; 32] = hash
            .try_into()
            .map_err(|_| FilesError::Parts(format!("the hash of part {number} is no SHA-256 in hex")))?;
        let (url, headers, life) = match &self.0.store {
            Store::Disk(_) => {
                let url = receive::address(
                    self,
                    found.id,
                    upload_id,
                    found.uploaded_by_user_id,
                    number,
                    size,
                    &hash,
                    LIFE,
                    origin,
                );
                (url, Vec::new(), LIFE)
            }
            Store::S3(s3) => {
                let place = s3.presign_part(&upload.key, upload_id, number, size, &hash, LIFE).await?;
                (place.url, place.headers, place.life)
            }
        };
        // The length is signed, too; but it is the body's own, and no client may set it by hand.
        let own = headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()));
        let headers = own.map(|(name, value)| (name, Value::String(value))).collect();
        Ok(Place { number, method: "PUT", url, headers, expiration: life.as_secs() })
    }
}
