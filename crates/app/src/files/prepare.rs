//! What a content is, judged by its bytes, and what is made of it before it is kept: a picture loses what it says of
//! the place where it was taken.
//!
//! What looks like a picture and cannot be rewritten is kept as bytes that nobody shows.

use bytes::Bytes;

use super::Files;
use super::content::Content;
use super::error::FilesError;
use super::media_type;
use super::picture::{Examined, Format, MAX_SOURCE_BYTES};
use super::rows::Kind;
use super::spool::Spooled;
use super::store::StoreError;

/// How much is written to the disk at once.
const PIECE_BYTES: usize = 128 << 10;

/// A small picture.
pub(super) struct Thumbnail {
    /// The picture.
    pub(super) bytes: Bytes,
    /// What it is.
    pub(super) mime_type: &'static str,
    /// How the names of such files end.
    pub(super) extension: &'static str,
}

/// A content that may be kept.
pub(super) struct Prepared {
    /// Its bytes.
    pub(super) content: Content,
    /// What it is for programs.
    pub(super) mime_type: String,
    /// What it is for people.
    pub(super) kind: Kind,
    /// Width and height of a picture as it is shown, in pixels.
    pub(super) extent: Option<(u32, u32)>,
    /// The blurred picture.
    pub(super) blurhash: Option<String>,
    /// The small picture.
    pub(super) thumbnail: Option<Thumbnail>,
}

/// What a file is by its first bytes.
pub(super) enum Judged {
    /// A picture, to be rewritten without what it says of the place where it was taken.
    Rewritten,
    /// To be kept as it is.
    AsItIs {
        /// What it is for programs.
        mime_type: String,
        /// What it is for people.
        kind: Kind,
    },
}

/// What a file of `size` bytes is that begins with `head`, and which the client says is `declared`.
pub(super) fn judge(head: &[u8], size: u64, declared: Option<&str>) -> Judged {
    match Format::of(head) {
        Some(_) if size <= MAX_SOURCE_BYTES => Judged::Rewritten,
        // Nobody can say what else is in it.
        Some(_) => Judged::AsItIs { mime_type: media_type::UNKNOWN.to_owned(), kind: Kind::Document },
        None => {
            let mime_type = media_type::of_upload(declared, head);
            let kind = kind_of(&mime_type);
            Judged::AsItIs { mime_type, kind }
        }
    }
}

impl Files {
    /// Judges what was received, which the client says is `declared`.
    pub(super) async fn prepare(
        &self,
        received: Spooled,
        declared: Option<&str>,
    ) -> Result<Prepared, FilesError> {
        match judge(received.head(), received.size(), declared) {
            Judged::AsItIs { mime_type, kind } => {
                Ok(Prepared::plain(Content::Received(received), mime_type, kind))
            }
            Judged::Rewritten => self.rewrite(received).await,
        }
    }

    async fn rewrite(&self, received: Spooled) -> Result<Prepared, FilesError> {
        let turn = self.0.studio.turn().await?;
        let bytes = tokio::fs::read(received.path()).await.map_err(StoreError::at("read a spool file"))?;
        let examined = match turn.examine(bytes.into()).await {
            Ok(Some(examined)) => examined,
            Ok(None) => return Ok(Prepared::opaque(received)),
            Err(error) if error.is_of_the_file() => {
                tracing::info!(%error, "a picture is kept as bytes that nobody shows");
                return Ok(Prepared::opaque(received));
            }
            // Another minute it is a picture: as it came, it would tell its place for good.
            Err(error) => return Err(error.into()),
        };
        let Examined { format, bytes, size, blurhash, thumbnail } = examined;
        // On the disk again: many may wait for the store at the same time.
        let mut spool = self.0.spool.create(None).await?;
        // Each piece is hashed at once, on a thread on which requests run.
        for piece in bytes.chunks(PIECE_BYTES) {
            spool.write(piece).await?;
        }
        Ok(Prepared {
            content: Content::Received(spool.finish().await?),
            mime_type: format.media_type().to_owned(),
            kind: Kind::Picture,
            extent: Some((size.width, size.height)),
            blurhash,
            thumbnail: thumbnail.map(|small| Thumbnail {
                bytes: small.bytes.into(),
                mime_type: small.format.media_type(),
                extension: small.format.extension(),
            }),
        })
    }
}

impl Prepared {
    /// A content of which nothing else is known.
    fn plain(content: Content, mime_type: String, kind: Kind) -> Self {
        Self { content, mime_type, kind, extent: None, blurhash: None, thumbnail: None }
    }

    /// A content that is not what it looks like.
    fn opaque(received: Spooled) -> Self {
        Self::plain(Content::Received(received), media_type::UNKNOWN.to_owned(), Kind::Document)
    }
}

/// What a type is for people. An image of a format that is not taken apart is a document to them: it is saved, not
/// shown.
fn kind_of(mime_type: &str) -> Kind {
    match mime_type.split('/').next() {
        Some("video") => Kind::Video,
        Some("audio") => Kind::Audio,
        _ => Kind::Document,
    }
}
