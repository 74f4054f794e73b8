//! What a content is, judged by its bytes, and what is made of it before it is kept.

use bytes::Bytes;

use super::Files;
use super::content::Content;
use super::error::FilesError;
use super::media_type;
use super::rows::Kind;
use super::spool::Spooled;

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

impl Files {
    /// What a file of `size` bytes is that begins with `head`, and which the client says is `declared`.
    pub(super) fn judge(&self, head: &[u8], _size: u64, declared: Option<&str>) -> Judged {
        let mime_type = media_type::of_upload(declared, head);
        let kind = kind_of(&mime_type);
        match kind {
            Kind::Picture => Judged::Rewritten,
            kind => Judged::AsItIs { mime_type, kind },
        }
    }

    /// Judges what was received, which the client says is `declared`.
    pub(super) async fn prepare(
        &self,
        received: Spooled,
        declared: Option<&str>,
    ) -> Result<Prepared, FilesError> {
        let mime_type = media_type::of_upload(declared, received.head());
        let kind = kind_of(&mime_type);
        Ok(Prepared {
            content: Content::Received(received),
            mime_type,
            kind,
            extent: None,
            blurhash: None,
            thumbnail: None,
        })
    }
}

/// What a type is for people.
pub(super) fn kind_of(mime_type: &str) -> Kind {
    match mime_type.split('/').next() {
        Some("image") => Kind::Picture,
        Some("video") => Kind::Video,
        Some("audio") => Kind::Audio,
        _ => Kind::Document,
    }
}
