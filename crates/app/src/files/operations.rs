//! `POST /ops/…`: Nhost Storage's tools for the administrator, who compares the rows with the store.
//!
//! Housekeeping leaves nothing to find; this is for a store into which somebody else wrote, or which was restored
//! from a backup.

use axum::Json;
use axum::extract::State;
use base::ids::FileId;
use http::HeaderMap;
use serde::Serialize;
use uuid::Uuid;

use super::Files;
use super::compare::Difference;
use super::error::FilesError;
use super::rows::FileSummary;

/// Rows that are looked at in one go.
const BATCH: usize = 1000;

/// The most that one answer lists.
const MOST: usize = 10_000;

/// Keys of objects.
#[derive(Serialize)]
pub(super) struct Orphans {
    files: Vec<String>,
}

/// Rows of files.
#[derive(Serialize)]
pub(super) struct Summaries {
    metadata: Vec<FileSummary>,
}

/// Answers `POST /ops/list-orphans`.
pub(super) async fn list_orphans(
    State(files): State<Files>,
    headers: HeaderMap,
) -> Result<Json<Orphans>, FilesError> {
    Ok(Json(Orphans { files: files.administrator(&headers)?.orphans().await? }))
}

/// Answers `POST /ops/delete-orphans`.
pub(super) async fn delete_orphans(
    State(files): State<Files>,
    headers: HeaderMap,
) -> Result<Json<Orphans>, FilesError> {
    let orphans = files.administrator(&headers)?.orphans().await?;
    Ok(Json(Orphans { files: files.remove_orphans(orphans).await? }))
}

/// Answers `POST /ops/list-broken-metadata`.
pub(super) async fn list_broken_metadata(
    State(files): State<Files>,
    headers: HeaderMap,
) -> Result<Json<Summaries>, FilesError> {
    Ok(Json(Summaries { metadata: files.administrator(&headers)?.broken().await? }))
}

/// Answers `POST /ops/delete-broken-metadata`.
pub(super) async fn delete_broken_metadata(
    State(files): State<Files>,
    headers: HeaderMap,
) -> Result<Json<Summaries>, FilesError> {
    let broken = files.administrator(&headers)?.broken().await?;
    let ids: Vec<FileId> = broken.iter().map(|file| file.id).collect();
    files.0.rows.delete_all(&ids).await?;
    Ok(Json(Summaries { metadata: broken }))
}

/// Answers `POST /ops/list-not-uploaded`.
pub(super) async fn list_not_uploaded(
    State(files): State<Files>,
    headers: HeaderMap,
) -> Result<Json<Summaries>, FilesError> {
    let rows = &files.administrator(&headers)?.0.rows;
    let (mut metadata, mut after) = (Vec::new(), FileId(Uuid::nil()));
    while metadata.len() < MOST {
        let page = rows.not_uploaded(after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        metadata.extend(page);
    }
    Ok(Json(Summaries { metadata }))
}

impl Files {
    /// This service, for the administrator alone.
    fn administrator(&self, headers: &HeaderMap) -> Result<&Self, FilesError> {
        if self.session(headers)?.is_admin() { Ok(self) } else { Err(FilesError::NotAuthorized) }
    }

    async fn orphans(&self) -> Result<Vec<String>, FilesError> {
        let mut orphans = Vec::new();
        self.compare(|difference| {
            if let Difference::Orphan(key) = difference {
                orphans.push(key);
            }
            orphans.len() < MOST
        })
        .await?;
        Ok(orphans)
    }

    async fn broken(&self) -> Result<Vec<FileSummary>, FilesError> {
        let mut ids = Vec::new();
        self.compare(|difference| {
            if let Difference::Broken(id) = difference {
                ids.push(id);
            }
            ids.len() < MOST
        })
        .await?;
        ids.dedup();
        let mut broken = Vec::new();
        for page in ids.chunks(BATCH) {
            broken.extend(self.0.rows.summaries(page).await?);
        }
        Ok(broken)
    }
}
