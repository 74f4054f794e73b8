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
use super::compare::{Comparison, Finding};
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
    Ok(Json(Orphans { files: files.administrator(&headers)?.delete_unknown().await? }))
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

    /// Objects that no line of the book names, whatever they are called.
    async fn orphans(&self) -> Result<Vec<String>, FilesError> {
        let mut comparison = Comparison::new(&self.0.store, &self.0.rows);
        let mut orphans = Vec::new();
        while let Some(finding) = comparison.next().await? {
            match finding {
                Finding::Unknown { key, .. } => orphans.push(key.to_string()),
                Finding::Foreign(key) => orphans.push(key),
                _ => continue,
            }
            if orphans.len() == MOST {
                break;
            }
        }
        Ok(orphans)
    }

    /// Removes objects that no line of the book names. What is called as no file is stays: it is somebody else's.
    async fn delete_unknown(&self) -> Result<Vec<String>, FilesError> {
        let (store, rows) = (&self.0.store, &self.0.rows);
        let mut comparison = Comparison::new(store, rows);
        let mut deleted = Vec::new();
        while let Some(finding) = comparison.next().await? {
            let Finding::Unknown { key, size } = finding else { continue };
            if rows.give_up(&key, size).await? {
                store.remove(&key).await?;
                rows.strike_out(&key, self.now()).await?;
                deleted.push(key.to_string());
            }
            if deleted.len() == MOST {
                break;
            }
        }
        Ok(deleted)
    }

    /// Files that are said to be there, and whose content is not.
    async fn broken(&self) -> Result<Vec<FileSummary>, FilesError> {
        let mut comparison = Comparison::new(&self.0.store, &self.0.rows);
        let mut ids = Vec::new();
        while let Some(finding) = comparison.next().await? {
            match finding {
                Finding::Missing { file, is_content: true, .. } => ids.push(file),
                Finding::Unlisted(file) => ids.push(file.id),
                _ => continue,
            }
            if ids.len() == MOST {
                break;
            }
        }
        let mut broken = Vec::new();
        for page in ids.chunks(BATCH) {
            broken.extend(self.0.rows.summaries(page).await?);
        }
        Ok(broken)
    }
}
