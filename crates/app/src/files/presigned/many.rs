//! `POST /files/presignedurls`: the addresses of all files that a page of messages shows, and of their thumbnails,
//! by one request. Files that the caller may not see, or that have no address, are left out. Of one in an
//! archive it is only said that it is there: a page that somebody scrolls past must not fetch back all that is on it.

use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::ids::FileId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Address;
use crate::files::error::FilesError;
use crate::files::rows::Stored;
use crate::files::{Files, download, json, thumbnail};

/// Files of a page of which the store is asked at once whether they are archived.
const AT_ONCE: usize = 8;

/// How long the store may take for that, for all of a page.
const LOOKING: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    ids: Vec<FileId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Presigned {
    id: FileId,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Whether the file must be restored before it has an address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_archived: bool,
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
    let (readable, stored) = tokio::try_join!(rows.readable(&caller, &ids), rows.stored(&ids))?;
    let readable: HashSet<FileId> = readable.into_iter().collect();
    let origin = files.origin(&headers);
    let deadline = Instant::now() + LOOKING;
    let presigning = stored
        .into_iter()
        .filter(|file| {
            readable.contains(&file.id) && file.is_uploaded() && file.bucket.presigned_urls_enabled
        })
        .map(|file| presign(&files, file, &origin, deadline));
    let urls: Vec<_> = stream::iter(presigning).buffered(AT_ONCE).try_collect().await?;
    let urls = urls.into_iter().flatten().collect();
    Ok(([(CACHE_CONTROL, "no-store")], Json(All { urls })).into_response())
}

async fn presign(
    files: &Files,
    file: Stored,
    origin: &str,
    deadline: Instant,
) -> Result<Option<Presigned>, FilesError> {
    let Some(shown) = download::shown(&file) else { return Ok(None) };
    let Address { url, life } = files.presign(&shown, &file.bucket, origin).await?;
    let thumbnail_url = match thumbnail::shown(&file) {
        Some(small) => Some(files.presign(&small, &file.bucket, origin).await?.url),
        None => None,
    };
    let looked = files.0.store.is_archived(&shown.key, shown.size, file.age(files.now()));
    let is_archived = tokio::time::timeout_at(deadline, looked).await.unwrap_or(false);
    let url = (!is_archived).then_some(url);
    Ok(Some(Presigned { id: file.id, url, is_archived, expiration: life.as_secs(), thumbnail_url }))
}
