//! Why a picture is not made, and why a file is no picture that we know.

use std::sync::Arc;

use crate::files::store::StoreError;

/// The bytes are not what their format says: the sentence says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in crate::files) struct Malformed(pub(super) &'static str);

/// An error that says `what` is wrong with the bytes.
pub(super) fn malformed(what: &'static str) -> Malformed {
    Malformed(what)
}

/// Why there is no picture. Cloned for everybody who waits for the same one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The file is of no format that pictures are made of.
    #[error("the file is not an image that can be changed: jpeg, png and webp can")]
    NotAnImage,
    /// An option is none, or beyond its bounds.
    #[error("{0}")]
    Options(&'static str),
    /// The container or the pixels are broken.
    #[error("the image is malformed: {0}")]
    Malformed(String),
    /// More pixels or bytes than are worked on.
    #[error("the image is too large")]
    TooLarge,
    /// All turns are taken, and so are the places to wait.
    #[error("too many images are being made, try again later")]
    Busy,
    /// The work took longer than it may.
    #[error("making the image took too long")]
    TooSlow,
    /// The source could not be read.
    #[error("{0}")]
    Source(SourceError),
    /// A step of ours failed.
    #[error("making the image failed: {0}")]
    Failed(String),
}

impl PictureError {
    /// Whether the file is to blame, and will be every time.
    pub(in crate::files) fn is_of_the_file(&self) -> bool {
        match self {
            Self::NotAnImage | Self::Malformed(_) | Self::TooLarge => true,
            Self::Options(_) | Self::Busy | Self::TooSlow | Self::Source(_) | Self::Failed(_) => false,
        }
    }
}

/// Why a source could not be read. Only clones of one are equal.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub(in crate::files) Arc<StoreError>);

impl PartialEq for SourceError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SourceError {}

impl From<StoreError> for PictureError {
    fn from(error: StoreError) -> Self {
        Self::Source(SourceError(Arc::new(error)))
    }
}

impl From<Malformed> for PictureError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<image::ImageError> for PictureError {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooLarge,
            error => Self::Malformed(error.to_string()),
        }
    }
}
