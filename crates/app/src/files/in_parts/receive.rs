//! `PUT /files/uploads/{id}/parts/{number}`: a part, at an address that this server signed; only where files are
//! kept on the disk.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use base::ids::{FileId, UserId};
use data_encoding::HEXLOWER;
use futures::TryStreamExt as _;
use http::StatusCode;
use http::header::ETAG;
use serde::Deserialize;

use super::not_under_way;
use crate::files::Files;
use crate::files::body::UploadBody;
use crate::files::error::{FilesError, parse_id};
use crate::files::spool::Spooled;
use crate::files::store::Store;
use crate::files::turns::{Turn, Uploader};

/// What an address says.
#[derive(Deserialize)]
pub(in crate::files) struct Signed {
    upload: String,
    /// Whose upload it is; empty: the administrator's.
    by: String,
    size: u64,
    sha256: String,
    /// Until when it is good, in seconds since 1970.
    until: i64,
    signature: String,
}

impl Signed {
    /// What is signed.
    fn is_good(&self, files: &Files, id: &str, number: u16) -> bool {
        let (number, size, until) = (number.to_string(), self.size.to_string(), self.until.to_string());
        let fields = ["PUT", id, &self.upload, &self.by, &number, &size, &self.sha256, &until];
        files.0.signer.is_good(&fields, &self.signature)
    }

    fn uploader(&self) -> Uploader {
        self.by.parse().map_or(Uploader::Administrator, Uploader::Person)
    }
}

/// The address of a part.
#[expect(clippy::too_many_arguments, reason = "all that is signed")]
pub(super) fn address(
    files: &Files,
    id: FileId,
    upload: &str,
    by: Option<UserId>,
    number: u16,
    size: u64,
    hash: &[u8; 32],
    life: Duration,
    origin: &str,
) -> String {
    let until = files.now().saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)).to_string();
    let (id, sha256) = (id.to_string(), HEXLOWER.encode(hash));
    let by = by.map(|person| person.to_string()).unwrap_or_default();
    let fields = ["PUT", &id, upload, &by, &number.to_string(), &size.to_string(), &sha256, &until];
    let signature = files.0.signer.sign(&fields);
    format!(
        "{origin}/v1/files/uploads/{id}/parts/{number}?upload={upload}&by={by}&size={size}&sha256={sha256}\
         &until={until}&signature={signature}"
    )
}

/// Answers `PUT /files/uploads/{id}/parts/{number}`.
pub(in crate::files) async fn receive(
    State(files): State<Files>,
    Path((id, number)): Path<(String, u16)>,
    signed: Result<Query<Signed>, QueryRejection>,
    request: Request,
) -> Response {
    let limits = &files.0.limits;
    let body = UploadBody::new(request.into_body(), limits.pace);
    let received = async {
        let Query(signed) = signed.map_err(|_| FilesError::Signature)?;
        let id = parse_id(&id)?;
        if !signed.is_good(&files, &id.to_string(), number) {
            return Err(FilesError::Signature);
        }
        if signed.until <= files.now() {
            return Err(FilesError::SignatureExpired);
        }
        let Store::Disk(disk) = &files.0.store else { return Err(FilesError::UploadNotFound) };
        let turn = files.0.turns.take(signed.uploader())?;
        let content = spool(&files, turn, body.clone(), &signed).await?;
        disk.put_part(&signed.upload, number, content).await.map_err(not_under_way)
    };
    match received.await {
        Ok(etag) => (StatusCode::OK, [(ETAG, etag)]).into_response(),
        Err(error) => {
            body.discard_rest(limits.discarded_bytes).await;
            error.into_response()
        }
    }
}

/// The part, if it has the size and the hash that were announced.
async fn spool(
    files: &Files,
    turn: Arc<Turn>,
    mut body: UploadBody,
    signed: &Signed,
) -> Result<Spooled, FilesError> {
    body.expect_content();
    let other = || FilesError::Parts("the part is not the one that was announced".to_owned());
    let mut spool = files.0.spool.create(Some(turn)).await?;
    while let Some(chunk) = body.try_next().await? {
        if spool.size() + chunk.len() as u64 > signed.size {
            return Err(other());
        }
        spool.write(&chunk).await?;
    }
    let content = spool.finish().await?;
    let fits = content.size() == signed.size && HEXLOWER.encode(&content.sha256()) == signed.sha256;
    if fits { Ok(content) } else { Err(other()) }
}
