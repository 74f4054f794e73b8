//! Requests that are JSON.

use serde::de::DeserializeOwned;

use super::error::FilesError;

/// Reads a request's body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, FilesError> {
    serde_json::from_slice(body)
        .map_err(|error| FilesError::Json(format!("the request's body is not what it should be: {error}")))
}
