//! `POST /files/presignedurls`: the addresses of all files that a page of messages shows, and of their thumbnails,
//! by one request. Files that the caller may not see, or that have no address, are left out.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::ids::FileId;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};

use crate::files::error::FilesError;
use crate::files::rows::{ReadableFile, Stored};
use crate::files::{Files, download, json, thumbnail};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    ids: Vec<FileId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Presigned {
    id: FileId,
    url: String,
    /// For how many seconds the addresses are good.
    expiration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
}

/// The answer.
#[derive(Serialize)]
struct All {
    urls: Vec<Presigned>,
}

/// Answers `POST /files/presignedurls`.
pub(in crate::files) async fn many(
    State(files): State<Files>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, FilesError> {
    let caller = files.session(&headers)?;
    let Asked { ids } = json::read(&body)?;
    let most = files.0.limits.addresses_per_request;
    if ids.len() > most {
        return Err(FilesError::Json(format!("at most {most} ids may be asked for at once")));
    }
    let rows = &files.0.rows;
    let (readable, stored) = tokio::try_join!(rows.all_readable(&caller, &ids), rows.stored(&ids))?;
    let mut stored: HashMap<FileId, Stored> = stored.into_iter().map(|file| (file.id, file)).collect();
    let origin = files.origin(&headers);
    let mut urls = Vec::with_capacity(readable.len());
    for file in readable {
        if let Some(stored) = stored.remove(&file.id)
            && let Some(presigned) = presign(&files, file, &stored, &origin).await?
        {
            urls.push(presigned);
        }
    }
    Ok(([(CACHE_CONTROL, "no-store")], Json(All { urls })).into_response())
}

async fn presign(
    files: &Files,
    file: ReadableFile,
    stored: &Stored,
    origin: &str,
) -> Result<Option<Presigned>, FilesError> {
    if file.is_uploaded != Some(true) || !stored.bucket.presigned_urls_enabled {
        return Ok(None);
    }
    let id = file.id;
    let thumbnail = thumbnail::shown(&file, stored);
    let address = files.presign(&download::shown(file, stored)?, &stored.bucket, origin).await?;
    let thumbnail_url = match thumbnail {
        Some(shown) => Some(files.presign(&shown, &stored.bucket, origin).await?.url),
        None => None,
    };
    Ok(Some(Presigned { id, url: address.url, expiration: address.life.as_secs(), thumbnail_url }))
}
